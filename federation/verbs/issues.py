"""What verbs about a node's issues share: which issue, decided by whom."""

from dataclasses import dataclass
from pathlib import Path

from federation.errors import ConfigError
from federation.issuing import archive, release
from federation.issuing.archive import APPROVE, RELEASED, Issue
from federation.verbs.word_checks import required

TEXTS = ("by", "reason")  # keys whose values are a person's own words
LONGEST = 2000  # characters of a name or a reason


@dataclass  # not frozen: Hydra merges it
class DecisionSettings:
    """issue: TASK/ORIGIN/N, as `gotong node issue` prints it. by: who decides. reason: why; a note needs one.

    home: of the node.
    """

    issue: str | None = None
    by: str | None = None
    reason: str = ""
    home: str = "node"


@dataclass
class ApprovalSettings(DecisionSettings):
    """to: the folder to which the products go; None: the one that the issue was made with."""

    to: str | None = None


def decide(settings: DecisionSettings, do: str) -> Issue:
    """Note a decision and print where the issue stands. Raises ConfigError."""
    example = f"gotong node {do} issue=TASK/ORIGIN/N by=NAME"
    name = required(settings.issue, f"say which issue: {example}")
    by = required(settings.by, f"say who decides: {example}")
    if do != APPROVE:
        required(settings.reason, f'say why: {example} reason="..."')
    for key, text in (("by", by), ("reason", settings.reason)):
        if len(text) > LONGEST or not text.isprintable():
            raise ConfigError(f"{key}= is a line of at most {LONGEST} printable characters")
    issue = release.decided(archive.issue_of(Path(settings.home), name), do, by=by, reason=settings.reason)
    if do != APPROVE:
        print(stands(issue))
    return issue


def handed_on(issue: Issue, to: str | None) -> Issue:
    """Release an approved issue to a folder, that of the issue where none is named, and print where it stands."""
    folder = to or issue.content.settings["to"]
    if folder:
        issue = release.release(issue, Path(folder))
    print(stands(issue))
    if issue.state == RELEASED:
        print(f"  {issue.decisions[-1].reason.removeprefix('to ')}/{release.stem(issue)}.*")
    else:
        print(f"  nothing is handed on yet; say where: gotong node approve issue={issue.name} by=NAME to=FOLDER")
    return issue


def stands(issue: Issue) -> str:
    """One line: an issue, its state, and the last decision about it."""
    if not issue.decisions:
        return f"issue {issue.name}: {issue.state}"
    last = issue.decisions[-1]
    why = f": {last.reason}" if last.reason and issue.state != RELEASED else ""
    return f"issue {issue.name}: {issue.state}; last {last.do} by {last.by}, {last.at[:16]}{why}"
