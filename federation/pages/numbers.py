"""Numbers as people read them; the same everywhere on a page."""

from federation.pages.run_report import SEALED
from federation.pages.words import NEVER, Words
from federation.reporting.score_table import number

MINUS, THIN = "\u2212", "\u00a0"


def score(value: float | None) -> str:
    """Such as 0.242."""
    return NEVER if value is None else number(value).replace("-", MINUS)


def signed(value: float | None, digits: int = 1) -> str:
    """Such as +7.5; without a sign where it rounds to zero."""
    if value is None:
        return NEVER
    text = f"{value:+.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text[1:]


def end(value: float) -> str:
    """An end of an interval: whole numbers from 1 on, for more digits would promise too much."""
    return signed(value, 1 if abs(value) < 1 else 0)


def gain(words: Words, value: float | None, unit: str) -> str:
    """Such as +7.5 %."""
    return NEVER if value is None else fixed(words(f"units.{unit}", value=signed(value)))


def by(words: Words, value: float, unit: str) -> str:
    """The same without its sign."""
    return fixed(words(f"units.{unit}", value=f"{abs(value):.1f}"))


def size(words: Words, count: float) -> str:
    """Bytes, such as 1.8 MB."""
    if count >= 1e6:
        return fixed(words("units.megabytes", value=f"{count / 1e6:.1f}"))
    return fixed(words("units.kilobytes", value=f"{count / 1e3:.0f}"))


def small(value: float) -> str:
    """A number of any size in three digits, such as 0.0124 or 1,230."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def whole(value: float) -> str:
    """Of a forecast: such as 0.412 and 23.1, but 596, for decimals would promise too much."""
    return number(value) if abs(value) < 100 else f"{value:,.0f}"


def kept(count: int, state: str) -> str:
    """A count, such as 1,234; none where a country keeps it at home."""
    return NEVER if state == SEALED and not count else f"{count:,}"


def fixed(text: str) -> str:
    """With spaces at which no line breaks."""
    return text.replace(" ", THIN)
