"""A deployed run, inside the process that Flower's executor starts for it on the coordinator.

Its settings are in the coordinator's folder; of what Flower passes on to every node, only the run's name is used.
"""

import ctypes
import json
import os
import signal
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from flwr.serverapp import Grid
from rich.console import Console

from federation.composition.default_strategy import note
from federation.composition.restore import restore
from federation.coordinator.rounds import federate
from federation.coordinator.state import Outcome, Watch
from federation.deployment import certificates
from federation.deployment.coordinator import explore, members, stopping, terms
from federation.deployment.coordinator.ledger import CoordinatorLedger
from federation.deployment.coordinator.polling_grid import PollingGrid, public_keys
from federation.deployment.coordinator.signed_grid import SignedGrid, Signing, Vault
from federation.deployment.coordinator.submission import ENDED, OUTPUT, RECORD_ENDS, Submission, path_of, resume_hint
from federation.deployment.coordinator.terms import RegionTerms
from federation.deployment.revocation import FILE as REVOKED
from federation.deployment.revocation import read_list
from federation.deployment.supervisor import PDEATHSIG
from federation.errors import ConfigError, DeploymentError, GotongError, QuorumError
from federation.packages.load import load_all
from federation.policy.explain import differences
from federation.runs import folder as run_folder
from federation.runs import run as every_run
from federation.runs.explore import together
from federation.runs.operational import follows_records, outside, resolved
from federation.runs.run import Run
from federation.runs.session import conduct
from federation.settings.plan import PROTECTION, SEALED
from federation.settings.schema import Settings
from tasks.errors import TaskError
from tasks.files.atomic import write_atomically

HOME = "GOTONG_COORDINATOR"  # environment variable: the coordinator's folder, set by the coordinator


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A run whose vaults are in the countries, reached through the nodes' grid."""

    run: Run
    grid: Grid

    def rounds(self, watch: Watch) -> Outcome:
        """All rounds that are left, then the test."""
        return federate(self.grid, self.run.federation, self.run.progress, watch)

    def with_regional_rows(self, outcome: Outcome) -> Outcome:
        """As it is: nobody here holds the records of several countries."""
        return outcome


def main(link: Any, name: str) -> None:
    """Do what was submitted under this name; how it ended is in the run's folder before this returns or raises."""
    _die_with_the_executor()
    load_all()
    home = Path(os.environ[HOME])
    submission = read(home, name)
    folder = submission.folder
    ended: dict[str, str | None] | None = None
    with run_folder.locked(folder):  # ENDED is there before the lock is free: a follower takes the rest for a crash
        try:
            stopping.check(folder)
            with (folder / OUTPUT).open("a", buffering=1) as output:
                console = Console(file=output, width=submission.width, highlight=False, force_terminal=False)
                if submission.explore:
                    _explore(link, home, submission)
                elif submission.terms_only:
                    _ask_for_terms(link, home, submission, console)
                else:
                    conduct(partial(_prepare, link, home, submission, console), submission.settings.out, console)
            ended = {"error": None}
        except KeyboardInterrupt:
            _write_end(folder, None)
            os._exit(1)  # Flower's own shutdown waits without end where its SuperLink is gone
        except (GotongError, TaskError) as error:
            ended = {"error": str(error)}
            raise
        except Exception as error:  # a defect of ours: submit, in another process, must still see that the run ended
            ended = {"error": f"{type(error).__name__}: {error}; see `flwr log` of this run"}
            raise
        finally:
            _write_end(folder, ended)


def _write_end(folder: Path, ended: Mapping[str, str | None] | None) -> None:
    """How the run ended, for `gotong submit`, which follows it. None: its process was stopped."""
    ended = ended or {"error": f"its process was stopped; {resume_hint(folder)}"}
    write_atomically(folder / ENDED, json.dumps(ended).encode())


def _die_with_the_executor() -> None:
    """So that a resume finds the run's folder unlocked. Flower's own watch signals a thread that may sleep for minutes
    while the SuperLink is gone as well, and its handler then waits for that SuperLink."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGINT)


def read(home: Path, name: str) -> Submission:
    """What was submitted. Raises DeploymentError."""
    path = path_of(home, name)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{path}: {error}; start runs with `gotong submit`") from None
    return Submission(
        settings=restore(Settings, values["settings"], "submission"),
        folder=Path(values["folder"]),
        width=int(values["width"]),
        resume=bool(values["resume"]),
        terms_only=bool(values.get("terms_only")),
        explore=bool(values.get("explore")),
    )


def _explore(link: Any, home: Path, submission: Submission) -> None:
    """Leave what the countries say of their records. Raises ConfigError or DeploymentError."""
    settings = submission.settings
    folder = submission.folder
    nodes, signing, grid = _reached(link, home, folder.name, settings, sorted(settings.region.countries))
    if SEALED in PROTECTION[settings.protection]:
        keys = {vault.country: vault.key.public_bytes_raw() for vault in signing.vaults.values()}
        explore.ask_sealed(grid, together(settings, folder, nodes, keys), folder)
    else:
        explore.ask(grid, settings, folder, nodes)


def _ask_for_terms(link: Any, home: Path, submission: Submission, console: Console) -> None:
    """Leave when the records of the countries end, by their signed terms; nothing is trained.

    Raises ConfigError, QuorumError or DeploymentError.
    """
    settings, folder = submission.settings, submission.folder
    nodes, _, grid = _reached(link, home, folder.name, settings, sorted(settings.region.countries))
    region = _agreed(grid, folder.name, settings, nodes, console)
    write_atomically(folder / RECORD_ENDS, json.dumps(region.ends).encode())


def _prepare(link: Any, home: Path, submission: Submission, console: Console) -> Deployed:
    """The run as its checkpoint left it, or a new one that every country agrees to.

    Raises ConfigError, QuorumError or DeploymentError; nothing was trained then.
    """
    folder, settings, progress = submission.folder, submission.settings, None
    wanted = sorted(settings.region.countries)
    if submission.resume:
        settings, progress, wanted = every_run.saved(folder, **_may_change(settings))
    nodes, signing, grid = _reached(link, home, folder.name, settings, wanted)
    region = _agreed(grid, folder.name, settings, nodes, console)
    if progress is None and follows_records(
        settings
    ):  # the terms said when records end; those of the plan that follows count
        settings = resolved(settings, region.ends)
        region = _agreed(grid, folder.name, settings, nodes, console)
    _check_reached(settings, region)
    absent = _notes("absent", region.absent, (), "are sent a request again every round")
    notes = (*note(settings), *_notes("not enrolled", wanted, nodes, "do not take part"), *absent)
    if progress is None:
        run = every_run.new(settings, folder, nodes, notes, region.claims)
        every_run.save(run)
    else:
        federation = every_run.federation_of(settings, folder, nodes, region.claims)
        run = Run(settings=settings, folder=folder, federation=federation, progress=progress, notes=notes)
    keys = {vault.country: vault.key.public_bytes_raw() for vault in signing.vaults.values()}
    return Deployed(run=replace(run, federation=replace(run.federation, keys=keys)), grid=grid)


def _reached(
    link: Any, home: Path, run: str, settings: Settings, wanted: Sequence[str]
) -> tuple[dict[str, int], Signing, SignedGrid]:
    """country -> node of those that are enrolled, and the way to them. Raises ConfigError or DeploymentError."""
    known = members.nodes(home)
    nodes = {country: known[country][0] for country in wanted if country in known}
    if len(nodes) < settings.quorum:
        raise ConfigError(
            f"quorum={settings.quorum} and {len(nodes)} of {', '.join(wanted)} are enrolled; "
            f"enrol more nodes or set quorum to {len(nodes)} or less"
        )
    _check_keys(link, {country: known[country] for country in nodes})
    signing = _signing(home, run, nodes)
    return nodes, signing, SignedGrid(PollingGrid(link, enough=settings.quorum), signing)


def _signing(home: Path, run: str, nodes: Mapping[str, int]) -> Signing:
    """The coordinator's key and ledger, and the keys of the vaults.

    Raises DeploymentError for a country enrolled without one, LedgerError for a ledger that is not as it was written.
    """
    key, certificate = certificates.signer_of(home)
    enrolled = members.members(home)
    revoked = read_list(home / REVOKED, certificates.certificate_of(home / "ca.pem"))
    for name in nodes:
        members.check_not_revoked(enrolled[name], revoked)
    vaults = {node: Vault(country=name, key=enrolled[name].verifying_key()) for name, node in nodes.items()}
    return Signing(
        run=run,
        key=key,
        certificate=certificate,
        vaults=vaults,
        ledger=CoordinatorLedger(home, key),
        revoked="" if revoked is None else b64encode(revoked.raw).decode(),
    )


def _agreed(grid: Grid, name: str, settings: Settings, nodes: Mapping[str, int], console: Console) -> RegionTerms:
    """The terms of the countries that reply, once all of them agree. Raises ConfigError or QuorumError."""
    consent = terms.request(grid, name, settings.plan(), nodes)
    terms.check(consent)
    if len(consent.terms) < settings.quorum:
        raise QuorumError(
            f"{len(consent.terms)} countries replied and quorum={settings.quorum} are needed; "
            f"absent are {', '.join(consent.absent)}: see `gotong status`, then submit again"
        )
    console.print(f"{name}: {', '.join(sorted(consent.terms))} agree", markup=False)
    policies = [consent.terms[country].policy for country in sorted(consent.terms)]
    for line in differences(policies, PROTECTION[settings.protection]):
        console.print(f"  the strictest of their policies: {line}", markup=False)
    return consent


def _check_reached(settings: Settings, region: RegionTerms) -> None:
    """Raise ConfigError if the terms of all countries say that they have nothing to train on."""
    claims = [claim.examples for claim in region.claims.values()]
    if len(claims) == len(region.terms) and max(claims, default=2) <= 1:  # the next power of two of 0 and of 1
        raise ConfigError(outside(settings.task.calendar, region.ends))


def _may_change(settings: Settings) -> dict[str, Any]:
    """Settings that a resumed run takes from the command line."""
    return {f.name: getattr(settings, f.name) for f in fields(Settings) if f.name in ("runs", "out", "deadline")}


def _notes(what: str, countries: Sequence[str], but: Collection[str], so: str) -> tuple[str, ...]:
    """A line on the countries that are not among `but`, if there are any."""
    missing = [country for country in countries if country not in but]
    return (f"{what}: {', '.join(missing)}; they {so}",) if missing else ()


def _check_keys(link: Any, known: Mapping[str, tuple[int, str]]) -> None:
    """Raise DeploymentError if a node is online under a country's number with another key than was enrolled."""
    online = public_keys(link)
    for country, (node, text) in known.items():
        key = serialization.load_ssh_public_key(text.encode())
        raw = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        if node in online and online[node] != raw:
            raise DeploymentError(f"the node of {country} is not the one that was enrolled; stop and find out why")
