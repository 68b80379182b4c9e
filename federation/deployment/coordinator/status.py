"""Status of a coordinator: its certificate, its members and their connections, its runs and how they ended."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from federation.deployment import certificates, flower_cli
from federation.deployment.coordinator import contacts, members, stopping
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator.contacts import Contact
from federation.deployment.coordinator.ledger import LastReply
from federation.deployment.coordinator.submission import ENDED, path_of, resume_hint
from federation.deployment.standing import SERVING
from federation.runs import folder as run_folder

STATES = {
    "online": "connected",
    "offline": "was connected, is not now",
    "registered": "never connected yet",
    "unregistered": "revoked",
}
UNUSABLE = "cannot be used"  # words of a vault whose records it cannot read


def lines(home: Path, runs: Path) -> Iterator[str]:
    """The status, one fact a line. Raises DeploymentError if the coordinator does not run."""
    until = certificates.certificate_of(home / "server.pem").not_valid_after_utc
    yield f"certificate  good until {until:%Y-%m-%d}"
    for note in certificates.expiry_notes(home):
        yield f"             {note}"
    known, states = members.nodes(home), flower_cli.states(home)
    enrolled = members.members(home)
    replies, flagged = coordinator_ledger.last_replies(home), coordinator_ledger.flagged_countries(home)
    calls = contacts.of_members(home, {country: member.public_key for country, member in enrolled.items()})
    for country, member in sorted(enrolled.items()):
        state = states.get(known[country][0], "unknown") if country in known else "not registered yet"
        last, call, link = replies.get(country), calls.get(country), STATES.get(state, state)
        yield f"{country}          {standing_of(link, call, last, country in flagged)}  {member.fingerprint}"
        yield f"             {_last_contact(call, last)}"
    for reason in coordinator_ledger.flagged(home):
        yield f"flagged      {reason}"
    for path in sorted(runs.glob("*/flower.json"), key=lambda path: path.stat().st_mtime):
        yield f"run          {path.parent.name}: {outcome_of(path.parent)}{_progress(home, path)}"


def standing_of(link: str, call: Contact | None, last: LastReply | None, flagged: bool) -> str:
    """Whether a country would serve. link: of its courier, in words.

    call: the courier's last one, with the country's word. last: its vault's last reply.
    """
    if flagged:
        return f"unusable: its ledger is flagged, see below (courier {link})"
    if call is not None and call.word != SERVING:
        return f"{call.word} (courier {link})"
    if last is None or not last.reason:
        return link
    if last.kind == "rejected" or UNUSABLE in last.reason:
        return f"unusable: {last.reason} (courier {link})"
    return link


def _last_contact(call: Contact | None, last: LastReply | None) -> str:
    called = "its node has not called yet" if call is None else f"last contact {_when(call.at)}"
    if last is None:
        return f"{called}; its vault has not replied to a request yet"
    said = f": {last.reason}" if last.reason else ""
    return f"{called}; its vault's last reply {_when(last.at)}, {last.kind}{said}"


def _when(at: str) -> str:
    return f"{at[:19].replace('T', ' ')} UTC"


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
    if stopping.in_progress(folder) and not (folder / ENDED).exists():
        return "being started"
    if not (folder / ENDED).exists():
        return f"died; {resume_hint(folder)}"
    error = json.loads((folder / ENDED).read_text(encoding="utf-8"))["error"]
    return "completed" if error is None else f"failed: {error}"
