"""The result of a run for a person: one table, one picture, and where federated learning did not help, in words."""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from pathlib import Path

from rich.table import Table

from federation.reporting.rows import ALL, Better, Row, difference

LOCAL, FEDERATED = "local", "federated"
ADAPTED = ("local_adapted", "local_pair", "adapted")  # corrected inside the country
LEARNT = (LOCAL, *ADAPTED[:2], FEDERATED, "personalised", ADAPTED[2], "pooled", "oracle")  # all others are baselines
PERFECT = "oracle"  # knows what no forecast can know: a bound, never a winner
# Okabe and Ito (2008), told apart by people with colour-vision deficiency too: https://jfly.uni-koeln.de/color/
COLOURS = ("#999999", "#56B4E9", "#E69F00", "#CC79A7", "#F0E442")
MARKERS = "sDv^<"
OWN = {  # told apart by shape as well
    LOCAL: ("#0072B2", "o"),
    FEDERATED: ("#D55E00", "X"),
    "personalised": ("#009E73", "P"),
    "local_adapted": ("#0072B2", "h"),
    "local_pair": ("#0072B2", "8"),
    "adapted": ("#D55E00", "D"),
    "pooled": ("#000000", "p"),
    PERFECT: ("#BBBBBB", "*"),
}


def table(rows: Sequence[Row], *, headline: str, title: str, better: Better = "smaller") -> Table:
    """A line a country and region, a column an arm; the headline score over all horizons, its best arm bold.

    n: place-periods scored; a range where arms differ. The best arm is the best number, which need not be a clear one.
    """
    found = chosen(rows, headline)
    names = arms(found)
    sheet = Table(title=title, caption=f"{headline} over all horizons, {_hint(better)}; best arm bold")
    sheet.add_column("country")
    for name in names:
        sheet.add_column(name.replace("_", " "), justify="right")
    sheet.add_column("n", justify="right")
    places = countries(found)
    last = next((place for place in reversed(places) if not is_region(place)), None)  # a rule before the region
    for place in places:
        line = {row.arm: row for row in found if row.country == place}
        winner = best([row for row in line.values() if row.arm != PERFECT], better)
        cells = [_cell(line.get(name), winner) for name in names]
        sheet.add_row(place, *cells, _counts(line.values()), end_section=place == last)
    return sheet


def verdict(rows: Sequence[Row], headline: str, better: Better = "smaller", paired: Sequence[Row] = ()) -> list[str]:
    """Sentences a person can quote: first the sum of it, then every country where federated did not help, and why.

    Federated helped where it beats the country's own model and every baseline. A difference is called clear where its
    own 95 % interval, of `paired`, leaves 0 out; where nobody told one, where the two arms' intervals do not meet,
    which is stricter: two arms err together on the same months.
    """
    found = [row for row in chosen(rows, headline) if row.arm != PERFECT]
    helped, clear, lines = 0, 0, []
    places = [place for place in countries(found) if not is_region(place)]
    scored = 0
    for place in places:
        line = {row.arm: row for row in found if row.country == place}
        mine = line.pop(FEDERATED, None)
        rivals = [row for row in line.values() if row.arm == LOCAL or row.arm not in LEARNT]
        top = best(rivals, better)
        if mine is None or not isfinite(mine.value):
            lines.append(f"{place}: federated was not scored.")
        elif top is None:
            lines.append(f"{place}: nothing to compare federated with.")
        else:
            scored += 1
            if beats(mine, top, better):
                helped += 1
                clear += sure(mine, top, paired)
            else:
                lines.append(f"{place}: federated did not help: {against(mine, top, paired)}.")
    summary = f"Federated beat the country's own model and every baseline in {helped} of {scored} countries"
    summary += f", clearly in {clear}." if helped else "."
    return [summary, *_of_regions(found, paired), *lines]


def _of_regions(found: Sequence[Row], paired: Sequence[Row]) -> list[str]:
    """What the difference is in all countries together, where it is known."""
    lines = []
    for place in filter(is_region, countries(found)):
        row = difference(paired, place, FEDERATED, LOCAL)
        if row is not None:
            lines.append(f"{place}: federated less local, {interval(row)}, {_sureness(row)}.")
    return lines


def picture(rows: Sequence[Row], path: Path, *, headline: str, title: str, better: Better = "smaller") -> None:
    """A PNG at path: a band a country, a dot an arm, a bar its 95 % interval. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here, because a table needs neither
    from matplotlib.figure import Figure

    found = chosen(rows, headline)
    names, places = arms(found), countries(found)
    figure = Figure(figsize=(8, 1.6 + 0.11 * len(places) * (len(names) + 2)), layout="constrained")
    axes = figure.add_subplot()
    for at, name in enumerate(names):
        colour, marker = _look(name, at)
        line = {row.country: row for row in found if row.arm == name and isfinite(row.value)}
        offset = (at - (len(names) - 1) / 2) / (len(names) + 1.5)
        points = [(line[place], places.index(place) + offset) for place in places if place in line]
        for row, y in points:
            if isfinite(row.low) and isfinite(row.high):
                axes.plot([row.low, row.high], [y, y], color=colour, linewidth=1.5, alpha=0.7)
        label = name.replace("_", " ")
        axes.plot([row.value for row, _ in points], [y for _, y in points], marker, color=colour, label=label)
    for edge in range(1, len(places)):
        axes.axhline(edge - 0.5, color="#DDDDDD", linewidth=0.8)
    axes.set_yticks(range(len(places)), places)
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_xlabel(f"{headline} with 95 % interval, {_hint(better)}")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")


def chosen(rows: Sequence[Row], headline: str) -> list[Row]:
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


def best(rows: Sequence[Row], better: Better) -> Row | None:
    """The row with the best number; None where there is none, or where no direction is better (a coverage)."""
    found = [row for row in rows if isfinite(row.value)]
    if better == "nominal" or not found:
        return None
    return min(found, key=lambda row: row.value) if better == "smaller" else max(found, key=lambda row: row.value)


def beats(one: Row, other: Row, better: Better) -> bool:
    """Whether the number of one is truly better."""
    return one.value < other.value if better == "smaller" else one.value > other.value


def disjoint(one: Row, other: Row) -> bool:
    """Whether the two 95 % intervals share no value; False where one is unknown."""
    return one.high < other.low or other.high < one.low


def sure(one: Row, other: Row, paired: Sequence[Row]) -> bool:
    """Whether two arms of one country differ by more than chance."""
    found = difference(paired, one.country, one.arm, other.arm, one.horizon)
    return disjoint(one, other) if found is None else _excludes_zero(found)


def interval(row: Row) -> str:
    """Such as 0.412 [0.380, 0.444]."""
    known = isfinite(row.low) and isfinite(row.high)
    return f"{number(row.value)} [{number(row.low)}, {number(row.high)}]" if known else number(row.value)


def number(value: float) -> str:
    """With the decimals a person needs: 0.412, 23.1, 1,204."""
    return f"{value:,.{3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0}f}"


def against(mine: Row, top: Row, paired: Sequence[Row], told: Callable[[Row], str] = interval) -> str:
    """Two scores, and whether their difference is sure. told: how a score and its interval are written."""
    name = "the country's own model" if top.arm == LOCAL else top.arm.replace("_", " ")
    if mine.value == top.value:
        return f"{told(mine)}, the same as {name}"
    found = difference(paired, mine.country, mine.arm, top.arm, mine.horizon)
    if found is not None:
        words = f"the difference, {told(found)}, {_sureness(found)}"
    elif not all(map(isfinite, (mine.low, mine.high, top.low, top.high))):
        words = "how surely is not known"
    else:
        words = "clearly so" if disjoint(mine, top) else "but the intervals overlap, so the difference may be chance"
    return f"{told(mine)} against {told(top)} of {name}, {words}"


def _excludes_zero(found: Row) -> bool:
    return found.low > 0 or found.high < 0


def _sureness(found: Row) -> str:
    return "is clear" if _excludes_zero(found) else "may be chance"


def _cell(row: Row | None, winner: Row | None) -> str:
    if row is None or not isfinite(row.value):
        return "–"
    text = number(row.value)
    return f"[bold]{text}[/bold]" if winner is not None and row.value == winner.value and row.arm != PERFECT else text


def _counts(rows: Iterable[Row]) -> str:
    counts = sorted({row.n for row in rows})
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,}–{counts[-1]:,}"


def _look(name: str, at: int) -> tuple[str, str]:
    if name in OWN:
        return OWN[name]
    return COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]


def _hint(better: Better) -> str:
    return {"smaller": "smaller is better", "larger": "larger is better", "nominal": "nearest its nominal is best"}[
        better
    ]
