"""The result of a run for a person: one table, and where federated learning did not help, in words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from types import MappingProxyType

from rich.table import Table

from federation.reporting.rows import ALL, Better, Row, difference

LOCAL, FEDERATED = "local", "federated"
ADAPTED = ("local_adapted", "local_pair", "adapted", "issued")  # corrected inside the country
LEARNT = (
    LOCAL,
    *ADAPTED[:2],
    FEDERATED,
    "personalised",
    *ADAPTED[2:],
    "pooled",
    "champion",
    "oracle",
)  # all others are baselines
NOBODY: Mapping[str, int] = MappingProxyType({})
CHAMPION = "champion"  # the model that forecasts are issued from now
PERFECT = "oracle"  # knows what no forecast can know: a bound, never a winner


def table(
    rows: Sequence[Row],
    *,
    headline: str,
    title: str,
    better: Better = "smaller",
    flagged: Mapping[str, int] = NOBODY,
) -> Table:
    """A line a country and region, a column an arm; the headline score over all horizons, its best arm bold.

    n: place-periods scored; a range where arms differ. The best arm is the best number, which need not be a clear one.
    flagged: country or region -> rounds in which something was said of it; a column where there is any.
    """
    scores = headline_rows(rows, headline)
    names = arms(scores)
    sheet = Table(title=title, caption=f"{headline} over all horizons, {direction_hint(better)}; best arm bold")
    sheet.add_column("country")
    for name in names:
        sheet.add_column(name.replace("_", " "), justify="right")
    for name in ("n", "flagged rounds") if flagged else ("n",):
        sheet.add_column(name, justify="right")
    places = countries(scores)
    last = last_country(places)
    for place in places:
        line = {row.arm: row for row in scores if row.country == place}
        winner = best([row for row in line.values() if row.arm != PERFECT], better)
        cells = [_cell(line.get(name), winner) for name in names]
        rounds = [str(flagged.get(place, 0))] if flagged else []
        sheet.add_row(place, *cells, _counts(line.values()), *rounds, end_section=place == last)
    return sheet


def verdict(rows: Sequence[Row], headline: str, better: Better = "smaller", paired: Sequence[Row] = ()) -> list[str]:
    """Sentences a person can quote: first the sum of it, then every country where federated did not help, and why.

    Federated helped where it beats the country's own model and every baseline. A difference is called clear where its
    own 95 % interval, of `paired`, leaves 0 out; where none was reported, where the two arms' intervals are disjoint,
    which is stricter: the errors of two arms are correlated.
    """
    scores = [row for row in headline_rows(rows, headline) if row.arm != PERFECT]
    pairs = {
        place: _federated_and_rival([row for row in scores if row.country == place], better)
        for place in countries(scores)
        if not is_region(place)
    }
    if not pairs:  # nobody knows a single country's score
        return [_sealed(place, [row for row in scores if row.country == place], better) for place in countries(scores)]
    compared = [(federated, rival) for federated, rival in pairs.values() if federated and rival]
    helped = [pair for pair in compared if beats(*pair, better)]
    clear = f", clearly in {sum(clearly_differ(*pair, paired) for pair in helped)}." if helped else "."
    summary = f"Federated beat the country's own model and every baseline in {len(helped)} of {len(compared)} countries"
    where_not = (_not_helped(place, *pair, better, paired) for place, pair in pairs.items())
    return [summary + clear, *_of_regions(scores, paired), *filter(None, where_not)]


def _federated_and_rival(rows: Sequence[Row], better: Better) -> tuple[Row | None, Row | None]:
    """One country's federated score, and the best of its own model's and the baselines'; None where there is none."""
    federated = next((row for row in rows if row.arm == FEDERATED and isfinite(row.value)), None)
    return federated, best([row for row in rows if row.arm == LOCAL or row.arm not in LEARNT], better)


def _not_helped(place: str, federated: Row | None, rival: Row | None, better: Better, paired: Sequence[Row]) -> str:
    """Why federated did not help in a country; empty where it did."""
    if federated is None:
        return f"{place}: federated was not scored."
    if rival is None:
        return f"{place}: nothing to compare federated with."
    if beats(federated, rival, better):
        return ""
    return f"{place}: federated did not help: {comparison_text(federated, rival, paired)}."


def _sealed(region: str, rows: Sequence[Row], better: Better) -> str:
    """The region's row of a sealed run, in words."""
    federated, rival = _federated_and_rival(rows, better)
    if federated is None or rival is None:
        return f"{region}: nothing to compare federated with."
    return (
        f"{region}: federated {federated.value:.3f}, the best of the others is {rival.arm} with {rival.value:.3f}; "
        f"the scores of single countries are sealed."
    )


def _of_regions(scores: Sequence[Row], paired: Sequence[Row]) -> list[str]:
    """The difference in all countries together, where it is known."""
    lines = []
    for place in filter(is_region, countries(scores)):
        row = difference(paired, place, FEDERATED, LOCAL)
        if row is not None:
            lines.append(f"{place}: federated less local, {interval(row)}, {_sureness(row)}.")
    return lines


def headline_rows(rows: Sequence[Row], headline: str) -> list[Row]:
    """The rows of the headline score over all horizons."""
    return [row for row in rows if row.score == headline and row.horizon == ALL]


def arms(rows: Sequence[Row]) -> list[str]:
    """Baselines as they come, then what was learnt, the oracle last."""
    names = list(dict.fromkeys(row.arm for row in rows))
    return sorted(names, key=lambda name: LEARNT.index(name) if name in LEARNT else -1)


def countries(rows: Sequence[Row]) -> list[str]:
    """Countries as they come, then regions."""
    return sorted(dict.fromkeys(row.country for row in rows), key=is_region)


def is_region(country: str) -> bool:
    """Whether a row is of many countries: an ISO 3166-1 alpha-3 code has three letters."""
    return len(country) != 3


def last_country(places: Sequence[str]) -> str | None:
    """After whose line a table draws a rule, for the regions come next."""
    return next((place for place in reversed(places) if not is_region(place)), None)


def best(rows: Sequence[Row], better: Better) -> Row | None:
    """The row with the best number; None where there is none, or where no direction is better (a coverage)."""
    scored = [row for row in rows if isfinite(row.value)]
    if better == "nominal" or not scored:
        return None
    return min(scored, key=lambda row: row.value) if better == "smaller" else max(scored, key=lambda row: row.value)


def beats(one: Row, other: Row, better: Better) -> bool:
    """Whether the number of one is truly better."""
    return one.value < other.value if better == "smaller" else one.value > other.value


def disjoint(one: Row, other: Row) -> bool:
    """Whether the two 95 % intervals share no value; False where one is unknown."""
    return one.high < other.low or other.high < one.low


def clearly_differ(one: Row, other: Row, paired: Sequence[Row]) -> bool:
    """Whether two arms of one country differ by more than chance."""
    gap = difference(paired, one.country, one.arm, other.arm, one.horizon)
    return disjoint(one, other) if gap is None else _excludes_zero(gap)


def interval(row: Row) -> str:
    """Such as 0.412 [0.380, 0.444]."""
    known = isfinite(row.low) and isfinite(row.high)
    return f"{number(row.value)} [{number(row.low)}, {number(row.high)}]" if known else number(row.value)


def number(value: float) -> str:
    """With the decimals a person needs: 0.412, 23.1, 1,204."""
    return f"{value:,.{3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0}f}"


def comparison_text(one: Row, other: Row, paired: Sequence[Row], written: Callable[[Row], str] = interval) -> str:
    """Two scores, and whether their difference is sure. written: how a score and its interval are written."""
    name = "the country's own model" if other.arm == LOCAL else other.arm.replace("_", " ")
    if one.value == other.value:
        return f"{written(one)}, the same as {name}"
    gap = difference(paired, one.country, one.arm, other.arm, one.horizon)
    if gap is not None:
        words = f"the difference, {written(gap)}, {_sureness(gap)}"
    elif not all(map(isfinite, (one.low, one.high, other.low, other.high))):
        words = "how surely is not known"
    else:
        words = "clearly so" if disjoint(one, other) else "but the intervals overlap, so the difference may be chance"
    return f"{written(one)} against {written(other)} of {name}, {words}"


def direction_hint(better: Better) -> str:
    """Which direction of a score is better, in words."""
    return {"smaller": "smaller is better", "larger": "larger is better", "nominal": "nearest its nominal is best"}[
        better
    ]


def _excludes_zero(gap: Row) -> bool:
    return gap.low > 0 or gap.high < 0


def _sureness(gap: Row) -> str:
    return "is clear" if _excludes_zero(gap) else "may be chance"


def _cell(row: Row | None, winner: Row | None) -> str:
    if row is None or not isfinite(row.value):
        return "–"
    text = number(row.value)
    return f"[bold]{text}[/bold]" if winner is not None and row.value == winner.value and row.arm != PERFECT else text


def _counts(rows: Iterable[Row]) -> str:
    counts = sorted({row.n for row in rows})
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,}–{counts[-1]:,}"
