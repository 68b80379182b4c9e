"""How much better one arm is than another, in a unit of one meaning for every score, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

from federation.reporting.rows import Better, Row, difference
from federation.reporting.score_table import FEDERATED, LOCAL, headline_rows, is_region


@dataclass(frozen=True, kw_only=True)
class Improvement:
    """Above 0 where the arm is better, in % of the other's score; of a score to be large in hundredths of it.

    low, high: its 95 % interval, from the difference of the two arms in the same periods; NaN where nobody knows it.
    """

    value: float
    low: float = nan
    high: float = nan

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return isfinite(self.low) and isfinite(self.high)

    @property
    def clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def improvement(arm: Row, other: Row, paired: Sequence[Row], better: Better) -> Improvement | None:
    """Of one arm over another in one country or the region; None where either has no score, or no direction is better.

    paired: differences of arms, each the arm less the other.
    """
    if not (isfinite(arm.value) and isfinite(other.value)) or better == "nominal":
        return None
    scale = _scale(other.value, better)
    if not isfinite(scale):
        return None
    gap = difference(paired, arm.country, arm.arm, other.arm, arm.horizon)
    low, high = (nan, nan) if gap is None else sorted((scale * gap.low, scale * gap.high))
    return Improvement(value=scale * (arm.value - other.value), low=low, high=high)


def improvements(
    rows: Sequence[Row], headline: str, better: Better, paired: Sequence[Row] = (), arm: str = FEDERATED
) -> dict[str, Improvement]:
    """Country or region -> how much better the headline score is with an arm than with the country's own model."""
    scores: dict[str, dict[str, Row]] = {}
    for row in headline_rows(rows, headline):
        scores.setdefault(row.country, {})[row.arm] = row
    pairs = {place: (own.get(arm), own.get(LOCAL)) for place, own in scores.items()}
    gained = {
        place: improvement(mine, other, paired, better)
        for place, (mine, other) in pairs.items()
        if mine is not None and other is not None
    }
    return {place: each for place, each in gained.items() if each is not None}


def unit(better: Better) -> str:
    """Of an improvement."""
    return "points" if better == "larger" else "%"


def note(gained: Mapping[str, Improvement], better: Better) -> str:
    """What came out of a run in 50 characters, such as 'Together 7.5 % better (clear), 9 of 10 countries'."""
    whole = next((each for place, each in gained.items() if is_region(place)), None)
    countries = [each for place, each in gained.items() if not is_region(place)]
    where = f", {sum(each.value > 0 for each in countries)} of {len(countries)} countries" if countries else ""
    if whole is None:
        return f"Better together{where}" if countries else "Not compared with the countries' own models"
    return f"Together {_words(whole, better)}{where}"


def country_note(gained: Improvement, better: Better) -> str:
    """The same of one country."""
    return f"{_words(gained, better)} together"


def _words(gained: Improvement, better: Better) -> str:
    direction = "better" if gained.value > 0 else "worse"
    sure = "" if not gained.known else " (clear)" if gained.clear else " (unclear)"
    return f"{abs(gained.value):.1f} {unit(better)} {direction}{sure}"


def _scale(other: float, better: Better) -> float:
    """What a difference is multiplied by."""
    if better == "larger":
        return 100.0
    return -100.0 / other if other > 0 else nan
