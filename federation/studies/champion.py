"""Which model a region issues forecasts from: when a candidate takes the champion's place, and who keeps the old one.

A refresh (the same recipe, newer months) is promoted unless it is worse for certain, for records that age cost more
than chance does. A new recipe has the burden of proof: at most two are tried in a year, on blocks of time that its
choice did not use, and its interval must lie wholly on the better side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from scipy.special import stdtrit

from federation.reporting.rows import Better, Row, difference
from federation.reporting.score_table import CHAMPION, FEDERATED, headline_rows, is_region

REFRESH, RECIPE = "refresh", "recipe"
FEWEST_BLOCKS = 8  # of time, of a new recipe's comparison
TRIALS_A_YEAR = 2  # of new recipes
HARM = 0.02  # share of the champion's score by which a country may be worse for certain before it keeps its champion
# Two trials a year for a hundred years promote so many recipes that are no better, by the correlation of neighbouring
# months (0, .5, .8) within eight blocks of six: at 95 % 5, 8 and 17, at 99.5 % .5, 1 and 4.
CERTAINTY = {REFRESH: 0.95, RECIPE: 0.995}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Candidate less champion in a country or the region, larger is worse, with its 95 % interval.

    n: place-periods. score: the champion's.
    """

    place: str
    value: float
    low: float
    high: float
    n: int
    score: float

    def interval(self, certainty: float, blocks: int) -> tuple[float, float]:
        """The ends of another interval than the 95 % one, from Student's quantiles of so many blocks."""
        freedom = max(blocks - 1, 1)
        wider = float(stdtrit(freedom, (1 + certainty) / 2) / stdtrit(freedom, 0.975))
        return self.value - wider * (self.value - self.low), self.value + wider * (self.high - self.value)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """promote: whether the candidate becomes champion. reason: one sentence. keep: countries that keep the old one."""

    promote: bool
    reason: str
    region: Compared | None
    countries: Sequence[Compared]
    keep: Sequence[str]


def compared(rows: Sequence[Row], paired: Sequence[Row], *, headline: str, better: Better) -> dict[str, Compared]:
    """country or region -> candidate less champion, where both were scored and the difference was reported."""
    sign = -1.0 if better == "larger" else 1.0
    scores = {row.country: row for row in headline_rows(rows, headline) if row.arm == CHAMPION and isfinite(row.value)}
    found = {}
    for place, score in scores.items():
        row = difference(paired, place, FEDERATED, CHAMPION)
        if row is not None:
            low, high = sorted((sign * row.low, sign * row.high))
            found[place] = Compared(
                place=place, value=sign * row.value, low=low, high=high, n=row.n, score=abs(score.value)
            )
    return found


def together(countries: Sequence[Compared], region: str) -> Compared | None:
    """The region's difference from those of its countries, if no vault says what its blocks are.

    Its interval is as wide as if all countries erred together: the widest that the intervals of parts allow for a mean.
    """
    total = sum(each.n for each in countries)
    if not total:
        return None

    def mean(name: str) -> float:
        return float(sum(each.n * getattr(each, name) for each in countries)) / total

    return Compared(place=region, value=mean("value"), low=mean("low"), high=mean("high"), n=total, score=mean("score"))


def decide_sealed(
    whole: Compared | None,
    *,
    better: int,
    worse: int,
    members: int,
    kind: str,
    blocks: int,
    tried_this_year: int = 0,
) -> Decision:
    """The same of a sealed run, of which nobody knows an interval, but how many of its members are certain of theirs.

    A refresh is refused where the region got worse and more members are certain of that than of the contrary; a new
    recipe is promoted where the region got better, half of the members or more are certain, and none of the contrary.
    """
    if whole is None:
        return Decision(promote=False, reason="no score of the champion was summed", region=None, countries=(), keep=())
    certain = f"better in {better} and worse in {worse} of {members}"
    said = f"{whole.value:+.4f} against the champion's {whole.score:.4f}, {certain}"
    refused = _not_tried(kind, blocks, tried_this_year)
    if refused is not None:
        promote, reason = False, refused
    elif kind == REFRESH:
        promote = not (whole.value > 0 and worse > better)
        reason = f"a sealed refresh: {said}"
    else:
        promote = whole.value < 0 and 2 * better >= members and not worse
        reason = f"a sealed new recipe: {said}"
    return Decision(promote=promote, reason=reason, region=whole, countries=(), keep=())


def _not_tried(kind: str, blocks: int, tried_this_year: int) -> str | None:
    """Why a new recipe is not even compared; None if it is."""
    if kind == REFRESH:
        return None
    if tried_this_year >= TRIALS_A_YEAR:
        return f"{tried_this_year} new recipes were tried within a year, and {TRIALS_A_YEAR} may be"
    if blocks < FEWEST_BLOCKS:
        return f"a new recipe is compared on {FEWEST_BLOCKS} blocks of time that its choice did not use, not {blocks}"
    return None


def decide(
    differences: Mapping[str, Compared],
    *,
    region: str,
    kind: str,
    blocks: int,
    tried_this_year: int = 0,
    harm: float = HARM,
) -> Decision:
    """Whether a candidate is promoted, and which countries keep their champion if it is.

    differences: of `compared`, the region's own among them where it is known. blocks: of time that the comparison rests
    on, and that the choice of a new recipe did not use. tried_this_year: new recipes, promoted or not.
    """
    countries = [each for place, each in sorted(differences.items()) if not is_region(place)]
    whole = differences.get(region) or together(countries, region)
    keep = [each.place for each in countries if each.interval(0.95, blocks)[0] > harm * each.score]

    def decided(promote: bool, reason: str) -> Decision:
        return Decision(promote=promote, reason=reason, region=whole, countries=countries, keep=keep if promote else ())

    if whole is None:
        return decided(False, "no country reports a difference from the champion")
    low, high = whole.interval(CERTAINTY[kind], blocks)
    said = f"{whole.value:+.4f} [{low:+.4f}, {high:+.4f}] against the champion's {whole.score:.4f}, larger is worse"
    if kind == REFRESH:
        if low > 0:
            return decided(False, f"a refresh that is worse for certain in {region}: {said}")
        return decided(True, f"a refresh that is not worse for certain in {region}: {said}")
    if (refused := _not_tried(kind, blocks, tried_this_year)) is not None:
        return decided(False, refused)
    if high < 0:
        return decided(True, f"a new recipe that is better for certain in {region}: {said}")
    return decided(False, f"a new recipe that is not better for certain in {region}: {said}")
