"""Screens that show no UTF-8: letters and lines of other alphabets become ASCII, and nothing fails for them."""

import codecs
import os
import sys
import unicodedata
from io import TextIOWrapper

HANDLER = "gotong.ascii"
PLAIN = {
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "→": "->",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "°": "deg ",
    "·": ".",
    "Đ": "D",
    "đ": "d",
}


def fit() -> None:
    """Write line by line, and ASCII where the screen asks for it: another encoding, or the locale `C` by name."""
    codecs.register_error(HANDLER, _replaced)
    named = os.environ.get("LC_ALL") in ("C", "POSIX") and "PYTHONIOENCODING" not in os.environ
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, TextIOWrapper):  # a test's, or none
            continue
        stream.reconfigure(line_buffering=True)  # a file is live too; nothing is lost where a server takes over
        if named:
            stream.reconfigure(encoding="ascii", errors=HANDLER)
        elif not stream.encoding.lower().replace("-", "").startswith("utf"):
            stream.reconfigure(errors=HANDLER)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """For `codecs`: what stands in the place of characters that the screen does not have, and where to go on."""
    assert isinstance(error, UnicodeEncodeError), "it is registered for writing"
    return "".join(plain(each) for each in error.object[error.start : error.end]), error.end


def plain(letter: str) -> str:
    """One character in ASCII: a line of a table as a line, a letter without its accents, others by their number."""
    if letter in PLAIN:
        return PLAIN[letter]
    name = unicodedata.name(letter, "")
    if name.startswith("BOX DRAWINGS"):
        return {"HORIZONTAL": "-", "VERTICAL": "|"}.get(name.split()[-1], "+") if " AND " not in name else "+"
    if name.startswith(("BLOCK ", "FULL BLOCK", "BLACK ")):
        return "#"
    bare = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return bare if bare.strip() else letter.encode("ascii", "backslashreplace").decode()
