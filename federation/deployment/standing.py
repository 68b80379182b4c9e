"""Whether a country serves, as its node says it between runs: a word next to the vault's socket.

The country's switch (`gotong node pause`, `resume`, `withdraw`) and its vault write the word, the courier sends it with
every call, and the coordinator shows it. Nobody acts on it: the vault itself refuses every frame of a paused country.
"""

from pathlib import Path

FILE = "standing"  # in the socket's folder
HEADER = "gotong-standing"  # of a courier's calls
SERVING, PAUSED, WITHDRAWN = "serving", "paused", "withdrawn"
WORDS = (SERVING, PAUSED, WITHDRAWN)


def word_in(folder: Path) -> str:
    """The word of a node; one without a word serves."""
    try:
        word = (folder / FILE).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return SERVING
    return word if word in WORDS else SERVING
