"""Status of a coordinator: its certificate, its members and their connections, its runs and how they ended."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from federation.deployment import certificates, flower_cli
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator import members
from federation.deployment.coordinator.ledger import LastReply
from federation.deployment.coordinator.submission import ENDED, number_of, path_of, resume_hint
from federation.errors import DeploymentError
from federation.runs import folder as run_folder

STATES = {
    "online": "connected",
    "offline": "was connected, is not now",
    "registered": "never connected yet",
    "unregistered": "revoked",
}
PAUSED, WITHDRAWN, UNUSABLE = "has paused", "has withdrawn", "cannot be used"  # words of a vault's refusals


def lines(home: Path, runs: Path) -> Iterator[str]:
    """The status, one fact a line. Raises DeploymentError if the coordinator does not run."""
    until = certificates.certificate_of(home / "server.pem").not_valid_after_utc
    yield f"certificate  good until {until:%Y-%m-%d}"
    for note in certificates.expiry_notes(home):
        yield f"             {note}"
    known, states = members.nodes(home), flower_cli.states(home)
    replies, flagged = coordinator_ledger.last_replies(home), coordinator_ledger.flagged_countries(home)
    for country, member in sorted(members.members(home).items()):
        state = states.get(known[country][0], "unknown") if country in known else "not registered yet"
        last = replies.get(country)
        yield f"{country}          {standing(STATES.get(state, state), last, country in flagged)}  {member.fingerprint}"
        yield f"             {_contact(last)}"
    for reason in coordinator_ledger.flagged(home):
        yield f"flagged      {reason}"
    for path in sorted(runs.glob("*/flower.json"), key=lambda path: path.stat().st_mtime):
        yield f"run          {path.parent.name}: {outcome_of(path.parent)}{_progress(home, path)}"


def standing(link: str, last: LastReply | None, flagged: bool) -> str:
    """Whether a country would serve, as far as its vault's last reply says; link: of its courier, in words.

    A vault that paused since, or resumed, says so with its next reply.
    """
    if flagged:
        return f"unusable: its ledger is flagged, see below ({link})"
    if last is None or (last.kind != "rejected" and not last.reason):
        return link
    for reason, word in ((PAUSED, "paused"), (WITHDRAWN, "withdrawn")):
        if reason in last.reason:
            return f"{word} ({link})"
    if last.kind == "rejected" or UNUSABLE in last.reason:
        return f"unusable: {last.reason} ({link})"
    return link


def _contact(last: LastReply | None) -> str:
    if last is None:
        return "its vault has not replied to a request yet"
    said = f": {last.reason}" if last.reason else ""
    return f"its vault's last reply: {last.at[:16].replace('T', ' ')} UTC, {last.kind}{said}"


def _progress(home: Path, flower_file: Path) -> str:
    """The round of a run in progress, and the time that the rest takes if its rounds go on as before."""
    folder = flower_file.parent
    if not run_folder.is_locked(folder):
        return ""
    since = datetime.fromtimestamp(flower_file.stat().st_mtime, UTC) - timedelta(minutes=1)
    begun = coordinator_ledger.rounds_of(home, folder.name, since)
    if not begun:
        return ", before its first round"
    rounds = json.loads(path_of(home, folder.name).read_text(encoding="utf-8"))["settings"]["rounds"]
    (first, began), (present, reached) = begun[0], begun[-1]
    if present > rounds:
        return f", all {rounds} rounds done, in its test"
    left = ""
    if present > first:
        seconds = (reached - began).total_seconds() / (present - first) * (rounds - present + 1)
        left = f", about {max(round(seconds / 60), 1)} min left" if seconds > 90 else f", about {seconds:.0f} s left"
    return f", round {present} of {rounds}{left}"


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
