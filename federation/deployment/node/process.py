"""A node's two processes: the vault, which has the data, and the courier, which has the line. Neither is the other.

home/courier   the node's key: the courier's alone
home/vault     ledger, state, fingerprint key: the vault's alone
home/line      the socket between them
"""

import grp
import json
import os
import pwd
import sys
from dataclasses import asdict
from pathlib import Path

from federation.deployment import logs
from federation.deployment.node.layout import SOCKET, Node, Place
from federation.deployment.secret_files import private_folder
from federation.deployment.supervisor import Child, Log, supervise
from federation.errors import DeploymentError

POLICY = "policy.toml"
PARTS = ("both", "vault", "courier")
LONGEST_PATH = 100  # bytes; unix(7) allows 107


def children(node: Node, part: str) -> list[Child]:
    """The processes of a node, or one of them."""
    place = Place(
        country=node.country,
        data=str(node.data.resolve()),
        policy=str((node.policy or node.data / POLICY).resolve()),
        home=str((node.home / "vault").resolve()),
        line=str(node.line.resolve()),
        callers=[user for user in {node.caller, *(node.users or ())[1:]} if user is not None],
        group=node.shared,
        device=node.device,
        threads=node.threads,
        precision=node.precision,
        largest=node.largest,
        per_minute=node.per_minute,
        per_run=node.per_run,
    )
    runs = [sys.executable, "-m", "federation.deployment.node.vault_process", place.as_argument()]
    carries = [
        *(sys.executable, "-m", "federation.deployment.node.courier", "--coordinator", node.coordinator),
        *("--home", str((node.home / "courier").resolve()), "--root", str(node.root.resolve())),
        *("--vault", str((node.line / SOCKET).resolve())),
    ]
    users = node.users or (None, None)
    both = [
        Child(name="vault", command=runs, user=users[0]),
        Child(
            name="courier",
            command=carries,
            user=users[1],
            environment={"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"},
        ),
    ]
    return [child for child in both if part in ("both", child.name)]


def prepare(node: Node, part: str) -> None:
    """Folders with the right owners. Raises DeploymentError for what would fail later and less clearly."""
    if part not in PARTS:
        hint = "; Flower's own SuperNode is no longer served, use part=courier" if part == "supernode" else ""
        raise DeploymentError(f"part={part} is none of {', '.join(PARTS)}{hint}")
    if len(os.fsencode(str((node.line / SOCKET).resolve()))) > LONGEST_PATH:
        raise DeploymentError(f"home={node.home} is too long a path for a socket; choose a shorter one")
    if part != "vault" and not (node.home / "courier" / "node.key").exists():
        raise DeploymentError(f"{node.home} has no node key; run `gotong keys node country={node.country}` first")
    if part != "vault" and not node.root.is_file():
        raise DeploymentError(f"{node.root} is not there; copy ca.pem from the coordinator and compare its fingerprint")
    if node.users is None:
        for name in ("vault", "courier"):
            if part in ("both", name):
                private_folder(node.home / name)
        if node.socket is None:
            private_folder(node.line)
        return
    if os.geteuid() != 0:
        raise DeploymentError("only root can start vault and courier as other users; use the systemd units, or root")
    _give(node, *node.users)


def become(node: Node, part: str, form: str) -> None:
    """Turn this process into the node's supervisor: it needs none of what the command line loaded to get here."""
    prepare(node, part)
    Log(form)
    words = json.dumps({"node": asdict(node), "part": part, "log": form}, default=str)
    os.execv(sys.executable, [sys.executable, "-m", "federation.deployment.node.process", words])


def main() -> None:
    """`python -m federation.deployment.node.process WORDS-AS-JSON`: keep a node up until SIGTERM or Ctrl-C."""
    words = json.loads(sys.argv[1])
    os.environ[logs.FORM] = words["log"]
    values = words["node"]
    paths = {
        key: None if values[key] is None else Path(values[key]) for key in ("data", "policy", "home", "ca", "socket")
    }
    users = None if values["users"] is None else tuple(values["users"])
    node = Node(**{**values, **paths, "users": users})
    try:
        supervise(children(node, words["part"]), Log(words["log"]), lambda: None)
    except DeploymentError as error:
        sys.exit(f"gotong: {error}")


def _give(node: Node, vault_user: str, courier_user: str) -> None:
    """Each part to its user; the socket's folder to the vault, passable for the shared group."""
    try:
        owners = {name: pwd.getpwnam(name) for name in (vault_user, courier_user)}
        shared = grp.getgrnam(str(node.shared)).gr_gid
    except KeyError as error:
        raise DeploymentError(f"{error.args[0]}; create it first") from None
    node.home.mkdir(parents=True, exist_ok=True)
    node.home.chmod(0o711)  # passable, not readable
    for name, user in (("vault", vault_user), ("courier", courier_user)):
        folder = private_folder(node.home / name)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owners[user].pw_uid, owners[user].pw_gid)
    node.line.mkdir(exist_ok=True)
    os.chown(node.line, owners[vault_user].pw_uid, shared)
    node.line.chmod(0o2750)


if __name__ == "__main__":
    main()
