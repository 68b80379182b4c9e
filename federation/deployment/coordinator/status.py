"""Status of a coordinator: its certificate, its members and their connections, its runs and how they ended."""

import json
from collections.abc import Iterator
from pathlib import Path

from federation.deployment import certificates, flower_cli
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator import members
from federation.deployment.coordinator.submission import ENDED, number_of, resume_hint
from federation.errors import DeploymentError
from federation.runs import folder as run_folder

STATES = {
    "online": "connected",
    "offline": "was connected, is not now",
    "registered": "never connected yet",
    "unregistered": "revoked",
}


def lines(home: Path, runs: Path) -> Iterator[str]:
    """The status, one fact a line. Raises DeploymentError if the coordinator does not run."""
    until = certificates.certificate_of(home / "server.pem").not_valid_after_utc
    yield f"certificate  good until {until:%Y-%m-%d}"
    for note in certificates.expiry_notes(home):
        yield f"             {note}"
    known, states = members.nodes(home), flower_cli.states(home)
    for country, member in sorted(members.members(home).items()):
        state = states.get(known[country][0], "unknown") if country in known else "not registered yet"
        yield f"{country}          {STATES.get(state, state)}  {member.fingerprint}"
    for reason in coordinator_ledger.flagged(home):
        yield f"flagged      {reason}"
    for path in sorted(runs.glob("*/flower.json"), key=lambda path: path.stat().st_mtime):
        yield f"run          {path.parent.name}: {outcome_of(path.parent)}"


def outcome_of(folder: Path) -> str:
    """How a submitted run ended, or that it is in progress."""
    if run_folder.is_locked(folder):
        return "in progress"
    if not (folder / ENDED).exists():
        return f"died; {resume_hint(folder)}"
    error = json.loads((folder / ENDED).read_text(encoding="utf-8"))["error"]
    return "completed" if error is None else f"failed: {error}"


def stop(home: Path, folder: Path) -> None:
    """Stop a run; its checkpoint stands. Raises DeploymentError if it is not in progress."""
    if not run_folder.is_locked(folder):
        raise DeploymentError(f"{folder.name} is not in progress: {outcome_of(folder)}")
    flower_cli.stop(home, number_of(folder))
