"""A node's two processes: the vault, which has the data, and the courier, which has the network. Neither has both.

home/courier   the node's key: the courier's alone
home/vault     ledger, state, fingerprint key: the vault's alone
home/line      the socket between them
home/delivered champions that the courier fetched, for the vault's user to read
"""

import grp
import json
import os
import pwd
import sys

from federation.deployment import home_lock, logs
from federation.deployment.node.settings import NodeSettings
from federation.deployment.secret_files import private_folder
from federation.deployment.supervisor import Child, Log, supervise
from federation.errors import DeploymentError

LONGEST_PATH = 100  # bytes of a socket's path; unix(7) allows 107


def children(settings: NodeSettings) -> list[Child]:
    """The processes of a node, or the one that `part` names."""
    vault_command = [sys.executable, "-m", "federation.deployment.node.vault_process", settings.as_argument()]
    courier_command = [
        *(sys.executable, "-m", "federation.deployment.node.courier", "--coordinator", settings.coordinator),
        *("--home", str(settings.courier_folder), "--ca", str(settings.ca_file), "--vault", str(settings.socket)),
        *("--delivered", str(settings.delivered_folder)),
    ]
    vault_user, courier_user = settings.users or (None, None)
    both = [
        Child(name="vault", command=vault_command, user=vault_user),
        Child(
            name="courier",
            command=courier_command,
            user=courier_user,
            environment={"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"},
        ),
    ]
    return [child for child in both if settings.starts(child.name)]


def prepare(settings: NodeSettings) -> None:
    """Check settings and files, and make folders with the right owners. Raises ConfigError or DeploymentError."""
    settings.check()
    if len(os.fsencode(settings.socket)) > LONGEST_PATH:
        raise DeploymentError(f"home={settings.home} is too long a path for a socket; choose a shorter one")
    if settings.starts("courier"):
        if not (settings.courier_folder / "node.key").exists():
            raise DeploymentError(
                f"{settings.home} has no node key; run `gotong keys node country={settings.country}` first"
            )
        if not settings.ca_file.is_file():
            raise DeploymentError(
                f"{settings.ca_file} is not there; copy ca.pem from the coordinator and compare its fingerprint"
            )
    if settings.starts("vault"):
        settings.require_policy()
    if settings.users is not None:
        if os.geteuid() != 0:
            raise DeploymentError(
                "only root can start vault and courier as other users; use the systemd units, or root"
            )
        _give_folders(settings, *settings.users)
        return
    for name, folder in (("vault", settings.vault_folder), ("courier", settings.courier_folder)):
        if settings.starts(name):
            private_folder(folder)
    if settings.line is None:
        private_folder(settings.socket.parent)
    if settings.delivered is None and settings.starts("courier"):
        private_folder(settings.delivered_folder)


def become(settings: NodeSettings) -> None:
    """Replace this process by the node's supervisor, which needs nothing of what the command line loaded."""
    Log(settings.log)  # refuses a form that is none
    prepare(settings)
    for part, folder in (("vault", settings.vault_folder), ("courier", settings.courier_folder)):
        if settings.starts(part):
            home_lock.take(folder, f"the {part} of another gotong node")
    os.execv(sys.executable, [sys.executable, "-m", "federation.deployment.node.process", settings.as_argument()])


def main() -> None:
    """`python -m federation.deployment.node.process SETTINGS-AS-JSON`: keep a node up until SIGTERM or Ctrl-C."""
    settings = NodeSettings(**json.loads(sys.argv[1]))
    os.environ[logs.FORM] = settings.log
    try:
        supervise(children(settings), Log(settings.log), lambda: None)
    except DeploymentError as error:
        sys.exit(f"gotong: {error}")


def _give_folders(settings: NodeSettings, vault_user: str, courier_user: str) -> None:
    """Each part's folder to its user. The socket's is the vault's, passable for the shared group; that of champions is
    the courier's, readable for the vault's own group. What the country issues is the vault's user's."""
    try:
        owners = {name: pwd.getpwnam(name) for name in (vault_user, courier_user)}
        shared = grp.getgrnam(str(settings.socket_group)).gr_gid
    except KeyError as error:
        raise DeploymentError(f"{error.args[0]}; create it first") from None
    settings.home_folder.mkdir(parents=True, exist_ok=True)
    settings.home_folder.chmod(0o711)  # passable, not readable
    for part_folder, user in ((settings.vault_folder, vault_user), (settings.courier_folder, courier_user)):
        folder = private_folder(part_folder)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owners[user].pw_uid, owners[user].pw_gid)
    socket_folder = settings.socket.parent
    socket_folder.mkdir(exist_ok=True)
    os.chown(socket_folder, owners[vault_user].pw_uid, shared)
    socket_folder.chmod(0o2750)
    settings.delivered_folder.mkdir(exist_ok=True)
    os.chown(settings.delivered_folder, owners[courier_user].pw_uid, owners[vault_user].pw_gid)
    settings.delivered_folder.chmod(0o2750)
    (settings.home_folder / "issues").mkdir(exist_ok=True)
    os.chown(settings.home_folder / "issues", owners[vault_user].pw_uid, owners[vault_user].pw_gid)
    (settings.home_folder / "issues").chmod(0o700)


if __name__ == "__main__":
    main()
