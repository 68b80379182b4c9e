"""The vault's process: a country's installed code, data and policy behind a socket that its courier may call."""

import json
import logging
import os
import pwd
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from federation.deployment import logs
from federation.deployment.enrolment import VAULT_KEY, read_vault_key
from federation.deployment.node.pause import PAUSED, WITHDRAWN, publish
from federation.deployment.node.revocations import Revocations
from federation.deployment.node.settings import NodeSettings
from federation.deployment.node.signed_replies import SignedReplies, read_authority
from federation.deployment.node.vault_ledger import VaultLedger
from federation.deployment.revocation import FILE as REVOKED
from federation.deployment.secret_files import private_folder, read_secret, write_secret
from federation.errors import DeploymentError, GotongError, PolicyRefusal, WireError
from federation.policy.file import FILE, read_roster
from federation.policy.file import read_policy as read_policy_in
from federation.policy.keys import Policy
from federation.settings.schema import PRECISIONS
from federation.training import sequential
from federation.training.device import Meter, device_of
from federation.training.jobs import Job, Result
from federation.vault import energy
from federation.vault.database import open_database
from federation.vault.identity import Identity
from federation.vault.records import stamp
from federation.vault.refusals import one_line, refusal
from federation.vault.round import serve as serve_vaults
from federation.vault.service.socket_server import Limits, Service
from federation.vault.terms import terms
from federation.vault.vault import Vault
from federation.wire.frame import Frame, encode, read_header
from federation.wire.header import Header

log = logging.getLogger("vault")


class RequestHandler:
    """Replies to frames for one vault: terms, training and scores, unless the country has paused."""

    def __init__(self, vault: Vault, home: Path, device: torch.device, precision: str = "float32") -> None:
        self._vault, self._home, self._device, self._precision = vault, home, device, precision
        self._policy_stamp = stamp(vault.policy.path)

    def respond(self, data: bytes) -> bytes:
        """The reply to one frame; a refusal is a reply too."""
        try:
            self._reread_policy()
            self._check_pause()
            header = read_header(data)
            if header.kind == "terms":
                return encode(Frame(kind="terms", header=terms(self._vault, header.header.get("plan"))))
        except (PolicyRefusal, WireError, DeploymentError) as error:
            return _refused(self._vault.country, error)
        meter, run = Meter(self._device), str(header.header.get("run"))
        [reply] = serve_vaults([(self._vault, data)], partial(self._train, run), partial(self._count_energy, meter))
        self._log_usage(header, "refused" if read_header(reply).kind == "refused" else "served", meter.read())
        return reply

    def _train(self, run: str, jobs: Sequence[Job]) -> list[Result]:
        if any(job.train is not None for job in jobs):
            energy.begin(self._vault.database, self._vault.policy, run)
        return sequential.run(jobs, self._device, self._precision)

    def _count_energy(self, meter: Meter, run: str) -> None:
        energy.count(self._vault.database, self._vault.policy, run, meter.read()["wh"])

    def _log_usage(self, header: Header, became: str, used: Mapping[str, float]) -> None:
        """Seconds and memory of a request: in the country's own log, and nowhere else."""
        rounded = {name: round(value, 5 if name == "wh" else 2) for name, value in used.items()}
        values = rounded | {"device": str(self._device)}
        usage = " ".join(f"{name}={value}" for name, value in values.items())
        run, round_ = str(header.header.get("run"))[:200], one_line(str(header.header.get("round"))[:20])
        kind = one_line(header.kind[:40])
        log.info("%s: round %s of %r %s, %s", kind, round_, run, became, usage, extra={"values": values})

    def _reread_policy(self) -> None:
        """An edited policy applies from the next frame on. Only the file's stamp is read each time."""
        now = stamp(self._vault.policy.path)
        if now != self._policy_stamp:
            self._vault.policy = read_policy(self._vault.policy.path, self._vault.country)
            self._policy_stamp = now
            log.info("policy read again from %s", self._vault.policy.path)

    def _check_pause(self) -> None:
        reasons = {WITHDRAWN: "has withdrawn from the federation", PAUSED: "has paused; try again later"}
        for name, reason in reasons.items():
            if (self._home / name).exists():
                raise PolicyRefusal(reason)


def run(settings: NodeSettings) -> None:
    """Serve until interrupted. Raises GotongError for settings, a policy or folders that cannot be used."""
    torch.set_num_threads(settings.threads)
    if settings.precision not in PRECISIONS:
        raise DeploymentError(f"precision={settings.precision} is none of {', '.join(PRECISIONS)}")
    home = private_folder(settings.vault_folder)
    policy = read_policy(settings.policy_file, settings.country)
    if not settings.data_folder.is_dir():
        raise DeploymentError(
            f"data={settings.data} is no folder; give the folder that holds {settings.country}/ with its national "
            f"files, or {settings.country}'s own"
        )
    database = open_database(home / "vault.sqlite")
    key = read_vault_key(home / VAULT_KEY)
    vault = Vault(
        country=settings.country,
        folder=settings.data_folder,
        policy=policy,
        database=database,
        key=_fingerprint_key(home / "fingerprint.key"),
        identity=Identity(key=key, roster=partial(read_roster, policy)),
    )
    handler = RequestHandler(vault, home, device_of(settings.device), settings.precision)
    authority = read_authority(settings.ca_file, _other_user(settings.courier_user))
    signed = SignedReplies(
        country=settings.country,
        key=key,
        authority=authority,
        revocations=Revocations(database, authority, settings.ca_file.with_name(REVOKED)),
        ledger=VaultLedger(database, settings.country, home, key, keep_days=settings.keep_days),
        respond=handler.respond,
    )
    service = Service(
        settings.socket,
        database=database,
        respond=signed.serve,
        limits=limits_of(settings),
        refuse=signed.refuse_unread,
    )
    with service.listen(_group(settings.socket_group)) as listening:
        publish(home, settings.socket.parent)
        log.info("%s serves %s under %s", settings.country, ", ".join(policy.tasks), policy.path)
        service.serve(listening)


def _fingerprint_key(path: Path) -> bytes:
    """The secret under which this vault fingerprints its records, made once."""
    if not path.exists():
        write_secret(path, secrets.token_bytes(32))
    return read_secret(path, "the vault's key")


def limits_of(settings: NodeSettings) -> Limits:
    return Limits(
        users=_callers(settings.courier_user),
        largest=settings.largest_frame * 2**20,
        per_minute=settings.frames_per_minute,
        per_run=settings.frames_per_run,
    )


def read_policy(path: Path, country: str) -> Policy:
    """The policy of a node, which must have one. Raises PolicyRefusal or DeploymentError."""
    if path.name != FILE:
        raise DeploymentError(f"policy={path} must be a file named {FILE}")
    try:
        exists = path.is_file()
    except OSError as error:  # this user may not enter the folder
        raise DeploymentError(f"policy={path}: {error.strerror}; let this user read the folder") from None
    if not exists:
        raise DeploymentError(
            f"policy={path} is not there; write one with `gotong policy template name=guarded country={country} "
            f"to={path}`"
        )
    return read_policy_in(path.parent, country)


def _refused(country: str, error: Exception) -> bytes:
    log.warning("%s: %s", country, one_line(str(error)))
    return refusal(country, str(error))


def _callers(courier_user: str | None) -> frozenset[int]:
    """Users that may call: this one, and the courier's."""
    names = [] if courier_user is None else [courier_user]
    try:
        return frozenset([os.geteuid(), *(pwd.getpwnam(name).pw_uid for name in names)])
    except KeyError as error:
        raise DeploymentError(f"{error.args[0]}; create that user or leave courier_user= out") from None


def _other_user(name: str | None) -> int | None:
    """The courier's user, where it is another one."""
    others = _callers(name) - {os.geteuid()}
    return next(iter(others), None)


def _group(name: str | None) -> int | None:
    import grp

    try:
        return None if name is None else grp.getgrnam(name).gr_gid
    except KeyError:
        raise DeploymentError(f"there is no group {name!r}; create it or leave group= out") from None


def _stop(number: int, frame: object) -> None:  # noqa: ARG001
    raise SystemExit(0)


def main() -> None:
    """`python -m federation.deployment.node.vault_process SETTINGS-AS-JSON`, started by `gotong node`."""
    logs.begin("vault")
    signal.signal(signal.SIGTERM, _stop)
    try:
        run(NodeSettings(**json.loads(sys.argv[1])))
    except GotongError as error:
        sys.exit(f"vault: {error}")


if __name__ == "__main__":
    main()
