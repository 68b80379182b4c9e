"""The coordinator's processes: a SuperLink that only this machine reaches, its executor, and the gateway in front."""

import json
import os
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from federation.deployment import certificates, flower_cli, home_lock, logs
from federation.deployment.coordinator import members
from federation.deployment.coordinator.connections import Limits
from federation.deployment.secret_files import private_folder, read_secret, write_secret
from federation.deployment.supervisor import Child, Log, supervise
from federation.errors import DeploymentError

SECRET = "executor.secret"
FLOWER = (sys.executable, "-m", "federation.deployment.coordinator.flower_program")
POLL = "0.2"  # seconds between two polls of the executor for a new run


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """host, port: the gateway's, for nodes. inner: the SuperLink's port, on this machine only."""

    host: str
    port: int
    inner: int

    @property
    def superlink(self) -> str:
        """The SuperLink's host and port."""
        return f"127.0.0.1:{self.inner}"


def children(home: Path, addresses: Addresses, limits: Limits) -> list[Child]:
    """The processes of a coordinator, in the order of their start. limits: of the gateway."""
    tls = {name: str((home / name).resolve()) for name in ("server.pem", "server.key", "ca.pem", SECRET)}
    # Flower's executor finds its programs by PATH; they are in this Python's folder, which may not be on PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**flower_cli.environment(home), "GOTONG_COORDINATOR": str(home.resolve()), "PATH": path}
    superlink = [
        *(*FLOWER, "superlink", "flower-superlink", "--host", "127.0.0.1", "--port", str(addresses.inner)),
        *("--ssl-certfile", tls["server.pem"], "--ssl-keyfile", tls["server.key"], "--ssl-ca-certfile", tls["ca.pem"]),
        *("--isolation", "process", "--database", str((home / "superlink.db").resolve())),
        *("--superexec-auth-secret-file", tls[SECRET], "--enable-supernode-auth"),
        "--disable-runtime-dependency-installation",
    ]
    executor = [
        *(*FLOWER, "executor", "flower-superexec", "--runtime-api-address", addresses.superlink),
        *("--root-certificates", tls["ca.pem"], "--superexec-auth-secret-file", tls[SECRET]),
    ]
    gateway = [
        *(sys.executable, "-m", "federation.deployment.coordinator.gateway"),
        *("--host", addresses.host, "--port", str(addresses.port)),
        *("--superlink", addresses.superlink, "--home", str(home.resolve())),
        *("--limits", json.dumps(asdict(limits))),
    ]
    return [
        Child(name="superlink", command=superlink, environment=environment),
        Child(
            name="executor",
            command=executor,
            environment={**environment, "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": POLL},
        ),
        Child(name="gateway", command=gateway),
    ]


def prepare(home: Path, addresses: Addresses) -> list[str]:
    """Check keys and ports, and make folders; returns warnings about the certificate. Raises DeploymentError."""
    certificates.certificate_of(home / "ca.pem")  # the authority's key need not be on this machine
    read_secret(home / "server.key", "the server's key")
    certificates.signer_of(home)
    private_folder(home)
    private_folder(home / "flower")
    if not (home / SECRET).exists():
        write_secret(home / SECRET, secrets.token_bytes(32))
    read_secret(home / SECRET, "the executor's secret")
    for host, port in ((addresses.host, addresses.port), ("127.0.0.1", addresses.inner)):
        _check_free(host, port)
    flower_cli.connect(home, addresses.superlink)
    return certificates.expiry_notes(home)


def become(home: Path, addresses: Addresses, limits: Limits, form: str) -> None:
    """Replace this process by the coordinator's supervisor, which needs nothing of what the command line loaded."""
    log = Log(form)
    if (home / "ca.pem").exists():  # else `prepare` says what is missing
        home_lock.take(home, "another gotong coordinator")
    for note in prepare(home, addresses):
        log(note)
    words = json.dumps({"home": str(home), "addresses": asdict(addresses), "limits": asdict(limits), "log": form})
    os.execv(sys.executable, [sys.executable, "-m", "federation.deployment.coordinator.process", words])


def main() -> None:
    """`python -m federation.deployment.coordinator.process WORDS-AS-JSON`: serve until SIGTERM or Ctrl-C."""
    words = json.loads(sys.argv[1])
    home, addresses, limits = Path(words["home"]), Addresses(**words["addresses"]), Limits(**words["limits"])
    log = Log(words["log"])
    os.environ[logs.FORM] = words["log"]  # of the processes below
    try:
        update, warn = _member_updates(home, addresses, log), daily_warning(home, log)

        def tick() -> None:
            update()
            warn()

        supervise(children(home, addresses, limits), log, tick)
    except DeploymentError as error:
        sys.exit(f"gotong: {error}")


def _member_updates(home: Path, addresses: Addresses, log: Log) -> Callable[[], None]:
    """A function for every second: it brings the SuperLink's list of keys in line with the members."""
    logged: set[str] = set()

    def tick() -> None:
        if not members_pending(home) or not listening("127.0.0.1", addresses.inner):
            return
        try:
            for line in register_members(home):
                log(line)
            logged.clear()
        except DeploymentError as error:
            if str(error) not in logged:
                logged.add(str(error))
                log(f"members: {error}")

    return tick


def daily_warning(home: Path, log: Callable[[str], None]) -> Callable[[], None]:
    """A function for every second: it logs once a day, from tomorrow on, that the certificate ends soon."""
    last = datetime.now(UTC).date()

    def tick() -> None:
        nonlocal last
        if (today := datetime.now(UTC).date()) == last:
            return
        last = today
        for note in certificates.expiry_notes(home):
            log(note)

    return tick


def members_pending(home: Path) -> bool:
    """Whether a member is not registered yet, or a registered key is no member's any more."""
    wanted = {country: member.public_key for country, member in members.members(home).items()}
    return wanted != {country: key for country, (_, key) in members.nodes(home).items()}


def register_members(home: Path) -> list[str]:
    """Register new members' keys with the SuperLink and unregister those who left; returns what was done."""
    wanted, known, done = members.members(home), members.nodes(home), []
    for country, (node, key) in list(known.items()):
        if country not in wanted or wanted[country].public_key != key:
            flower_cli.unregister(home, node)
            del known[country]
            members.write_nodes(home, known)
            done.append(f"{country} left: its key is refused from now on")
    for country in sorted(set(wanted) - set(known)):
        with TemporaryDirectory() as scratch:
            path = Path(scratch) / "node.pub"
            path.write_text(wanted[country].public_key + "\n", encoding="ascii")
            known[country] = (flower_cli.register(home, path), wanted[country].public_key)
        members.write_nodes(home, known)
        done.append(f"{country} joined: {wanted[country].fingerprint}")
    return done


def listening(host: str, port: int) -> bool:
    """Whether a process accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _check_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DeploymentError(
                f"{host}:{port} cannot be used ({error.strerror}); stop the process that holds it or choose port="
            ) from None


if __name__ == "__main__":
    main()
