"""What the verification of a pack comes to: lines of three kinds, and an exit code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

WORDS: Mapping[str, str] = {"holds": "holds", "missing": "missing", "wrong": "does not hold", "note": "note"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line. missing: what nobody has shown, of which the pack says nothing false. note: to know, no more."""

    kind: Literal["holds", "missing", "wrong", "note"]
    text: str

    def __str__(self) -> str:
        return f"{WORDS[self.kind]}: {self.text}"


def holds(text: str) -> Finding:
    """Shown by what is in the pack."""
    return Finding(kind="holds", text=text)


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
