"""What the verification of a pack comes to: lines of three kinds, and an exit code."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

WORDS: Mapping[str, str] = {"holds": "holds", "missing": "missing", "wrong": "does not hold", "note": "note"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line. missing: what nobody has shown, of which the pack says nothing false. note: to know, no more.

    of: the country on whose words it rests; empty for none.
    """

    kind: Literal["holds", "missing", "wrong", "note"]
    text: str
    of: str = ""

    def __str__(self) -> str:
        return f"{WORDS[self.kind]}: {self.text}"


def holds(text: str, of: str = "") -> Finding:
    """Shown by what is in the pack, as far as a country's words are its own."""
    return Finding(kind="holds", text=text, of=of)


def weighed(finding: Finding, authentic: Collection[str]) -> Finding:
    """A note in the place of what would hold, if it rests on words that are not shown to be a country's own."""
    if finding.kind != "holds" or not finding.of or finding.of in authentic:
        return finding
    return note(f"{finding.text} (by a section that is not shown to be {finding.of}'s own)")


def missing(text: str) -> Finding:
    """Not shown."""
    return Finding(kind="missing", text=text)


def wrong(text: str) -> Finding:
    """Shown to be otherwise."""
    return Finding(kind="wrong", text=text)


def note(text: str) -> Finding:
    """Of no consequence for the exit code."""
    return Finding(kind="note", text=text)


def exit_code(findings: Iterable[Finding]) -> int:
    """1 where something does not hold, else 2 where something is missing, else 0."""
    kinds = {finding.kind for finding in findings}
    return 1 if "wrong" in kinds else 2 if "missing" in kinds else 0
