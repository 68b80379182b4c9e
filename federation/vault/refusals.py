"""Refusals as they leave a country: the reason and what would do, and no path of its machine. Its log has the path."""

import re
from collections.abc import Iterable
from pathlib import Path

from federation.wire.frame import Frame, encode

LONGEST = 2000  # letters of a reason
# An absolute path: it begins a word, and ends with it.
ABSOLUTE = re.compile(r"(?<![^\s\"'`=(\[,:;])/(?:[^\s\"'`,;:)\]/]*/)*([^\s\"'`,;:)\]/]*)")


def refusal(country: str, reason: str, folders: Iterable[Path] = ()) -> bytes:
    """The frame of a refusal. folders: of this country, whose names may hold spaces."""
    text = f"{country}: {without_paths(reason, folders)}"[:LONGEST]
    return encode(Frame(kind="refused", header={"reason": text}))


def without_paths(text: str, folders: Iterable[Path] = ()) -> str:
    """The text, no more than a reason may have, with the names of files in place of their paths, on one line."""
    text = text[: 2 * LONGEST]  # a plan's value of 100 kB comes back in the reason
    for folder in sorted({str(each) for each in folders} - {".", "/"}, key=len, reverse=True):
        text = text.replace(f"{folder}/", "").replace(folder, Path(folder).name)
    return one_line(ABSOLUTE.sub(r"\1", text))


def one_line(text: str) -> str:
    """As a log may hold what a peer wrote: nothing in it looks like another line, and it ends."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST])
