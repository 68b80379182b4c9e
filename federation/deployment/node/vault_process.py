"""The vault's process: what the country installed, its data, its policy, behind a socket that its courier may call."""

import json
import logging
import os
import pwd
import secrets
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from federation.deployment import logs
from federation.deployment.node.layout import PAUSED, SOCKET, WITHDRAWN, Place
from federation.deployment.secret_files import private_folder, read_secret, write_secret
from federation.errors import DeploymentError, GotongError, PolicyRefusal, WireError
from federation.settings.schema import PRECISIONS
from federation.training import sequential
from federation.training.device import Meter, device_of
from federation.training.jobs import Job, Result
from federation.vault import policy as policies
from federation.vault.database import open_database
from federation.vault.records import stamp
from federation.vault.round import serve as serve_vaults
from federation.vault.socket_server import Limits, Service
from federation.vault.vault import Vault
from federation.wire.compression import TRANSPORTS
from federation.wire.frame import ACCEPTED, VERSION, Frame, decode, encode

log = logging.getLogger("vault")


class Desk:
    """Answers frames for one vault: terms to whoever asks, everything else if the country has not paused."""

    def __init__(self, vault: Vault, home: Path, device: torch.device, precision: str = "float32") -> None:
        self._vault, self._home, self._device, self._precision = vault, home, device, precision
        self._read = stamp(vault.policy.path)

    def respond(self, data: bytes) -> bytes:
        """The reply to one frame; a refusal is a reply too."""
        try:
            self._refresh()
            self._open_for_business()
            frame = decode(data)
            if frame.kind == "terms":
                return terms(self._vault)
        except (PolicyRefusal, WireError, DeploymentError) as error:
            return _refused(self._vault.country, error)
        meter = Meter(self._device)
        [reply] = serve_vaults([(self._vault, data)], self._train)
        self._tell(frame, meter.read())
        return reply

    def _train(self, jobs: Sequence[Job]) -> list[Result]:
        return sequential.run(jobs, self._device, self._precision)

    def _tell(self, frame: Frame, used: Mapping[str, float]) -> None:
        """What a request took of the device: for the country's own log, and for nobody else."""
        values = {name: round(value, 2) for name, value in used.items()} | {"device": str(self._device)}
        said = " ".join(f"{name}={value}" for name, value in values.items())
        run, at = str(frame.header.get("run"))[:200], _shown(str(frame.header.get("round"))[:20])
        log.info("%s: round %s of %r served, %s", _shown(frame.kind[:40]), at, run, said, extra={"values": values})

    def _refresh(self) -> None:
        """A policy that was edited holds from the next frame on. Only the file's stamp is looked at each time."""
        now = stamp(self._vault.policy.path)
        if now != self._read:
            self._vault.policy = read_policy(self._vault.policy.path, self._vault.country)  # one that is gone: none
            self._read = now
            log.info("policy read again from %s", self._vault.policy.path)

    def _open_for_business(self) -> None:
        for name, said in ((WITHDRAWN, "has withdrawn from the federation"), (PAUSED, "has paused; ask again later")):
            if (self._home / name).exists():
                raise PolicyRefusal(said)


def terms(vault: Vault) -> bytes:
    """What this country would serve, and with which code: public, so that a run knows before it trains."""
    policy = vault.policy
    header = {
        "country": vault.country,
        "tasks": list(policy.tasks),
        "minimum_cohort": policy.minimum_cohort,
        "maximum_rounds": policy.maximum_rounds,
        "maximum_epochs": policy.maximum_epochs,
        "maximum_parameters": policy.maximum_parameters,
        "runs_per_day": policy.runs_per_day,
        "round_scores": policy.round_scores,
        "wire": VERSION,
        "accepted": list(ACCEPTED),
        "transports": list(TRANSPORTS),
        "gotong": version("gotong"),
        "torch": torch.__version__.split("+")[0],
    }
    return encode(Frame(kind="terms", header=header))


def run(place: Place, told: Callable[[str], None] = log.info) -> None:
    """Serve until interrupted. Raises GotongError for a place that cannot be used."""
    torch.set_num_threads(place.threads)
    if place.precision not in PRECISIONS:
        raise DeploymentError(f"precision={place.precision} is none of {', '.join(PRECISIONS)}")
    home = private_folder(Path(place.home))
    policy = read_policy(Path(place.policy), place.country)
    if not Path(place.data).is_dir():
        raise DeploymentError(f"data={place.data} is no folder; give the folder with this country's national files")
    key = home / "fingerprint.key"
    if not key.exists():
        write_secret(key, secrets.token_bytes(32))
    database = open_database(home / "vault.sqlite")
    vault = Vault(
        country=place.country,
        folder=Path(place.data),
        policy=policy,
        database=database,
        key=read_secret(key, "the vault's key"),
    )
    limits = Limits(
        users=_users(place.callers), largest=place.largest, per_minute=place.per_minute, per_run=place.per_run
    )
    desk = Desk(vault, home, device_of(place.device), place.precision)
    service = Service(Path(place.line) / SOCKET, database=database, respond=desk.respond, limits=limits)
    with service.listen(_group(place.group)) as line:
        told(f"{place.country} serves {', '.join(policy.tasks)} under {policy.path}")
        service.serve(line)


def read_policy(path: Path, country: str) -> policies.Policy:
    """The policy a person named. Raises PolicyRefusal or DeploymentError; a missing file is never a consent."""
    if path.name != policies.FILE:
        raise DeploymentError(f"policy={path} must be a file named {policies.FILE}")
    try:
        there = path.is_file()
    except OSError as error:  # the folder is not this user's to look into
        raise DeploymentError(f"policy={path}: {error.strerror}; let this user read the folder") from None
    if not there:
        raise DeploymentError(
            f"policy={path} is not there; write one, `gotong node check policy={path}` shows what it may say"
        )
    return policies.read_policy(path.parent, country)


def _refused(country: str, error: Exception) -> bytes:
    log.warning("%s: %s", country, _shown(str(error)))
    return encode(Frame(kind="refused", header={"reason": f"{country}: {_shown(str(error))}"}))


def _shown(text: str) -> str:
    """What a stranger wrote, on one line: nothing in it can look like another line of a log."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _users(names: list[str]) -> frozenset[int]:
    try:
        return frozenset([os.geteuid(), *(pwd.getpwnam(name).pw_uid for name in names)])
    except KeyError as error:
        raise DeploymentError(f"{error.args[0]}; create that user or leave courier_user= out") from None


def _group(name: str | None) -> int | None:
    import grp

    try:
        return None if name is None else grp.getgrnam(name).gr_gid
    except KeyError:
        raise DeploymentError(f"there is no group {name!r}; create it or leave group= out") from None


def _stopped(number: int, frame: object) -> None:  # noqa: ARG001
    raise SystemExit(0)


def main() -> None:
    """`python -m federation.deployment.node.vault_process PLACE-AS-JSON`, started by `gotong node`."""
    logs.begin("vault")
    signal.signal(signal.SIGTERM, _stopped)
    try:
        run(Place(**json.loads(sys.argv[1])))
    except GotongError as error:
        sys.exit(f"vault: {error}")


if __name__ == "__main__":
    main()
