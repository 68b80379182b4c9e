"""Two spellings of one place: the same letters under case, accents, dashes, spaces and what no eye sees."""

import re
import unicodedata

# Between letters nothing but letters counts: "Bà Rịa – Vũng Tàu" is "BA RIA-VUNG TAU". Between digits all counts:
# -9.5_124.5 is another cell than 9.5_124.5.
BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_])[\s\-_.,'()/&]+(?=[^\W\d_]|$)")


def spelling(name: str) -> str:
    """The same text for every spelling of a place.

    Unicode's compatibility forms (NFKC) are one, characters without width (zero-width spaces, joiners, soft hyphens,
    byte order marks) are none, every dash is a hyphen, every apostrophe the plain one. Only the combining marks of
    Latin script go (U+0300 to U+036F): Thai, Lao, Khmer and Burmese vowels are marks too.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    kept = "".join(_plain(each) for each in folded)
    kept = re.sub("[\u0300-\u036f]", "", kept).replace("đ", "d").replace("ı", "i").replace("ø", "o").replace("ł", "l")
    return BETWEEN_LETTERS.sub("", " ".join(kept.split()))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    if category == "Pd" or character in "\u2212\u00ad\u2043\u30fb":
        return "-"
    return "'" if character in "\u2018\u2019\u02bc\u0060\u00b4\u2032\u02bb\uff07" else character
