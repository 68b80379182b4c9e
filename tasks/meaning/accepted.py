"""Warnings that a country looked at once and accepted: `accepted.toml` in its folder, with the reason of each.

[[accepted]]
id = "1f0c22ab"
reason = "the outbreak of 2013, confirmed by the laboratory in letter 41/2013"
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tasks.errors import DataError
from tasks.files.reading import Problem

NAME = "accepted.toml"


def accepted(folder: Path) -> Mapping[str, str]:
    """Id of a warning -> why the country accepts it; empty without a file. Raises DataError for a broken one."""
    file = folder / NAME
    if not file.exists():
        return {}
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8-sig")).get("accepted", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(f"{file}: `accepted` is no list of tables; write [[accepted]] with id and reason")
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, no TOML, thousands of digits
        raise DataError(f"{file} cannot be read ({error}); write [[accepted]] with id and reason") from None
    reasons: dict[str, str] = {}
    for number, entry in enumerate(entries, start=1):
        named, reason = entry.get("id"), entry.get("reason")
        if not isinstance(named, str) or not isinstance(reason, str) or not reason.strip():
            raise DataError(f"{file}, entry {number}: needs an id, as `gotong data check` prints it, and a reason")
        reasons[named] = reason.strip()
    return reasons


def open_warnings(problems: Sequence[Problem], reasons: Mapping[str, str]) -> Iterator[Problem]:
    """The warnings that nobody accepted."""
    return (problem for problem in problems if problem.warning and problem.id not in reasons)
