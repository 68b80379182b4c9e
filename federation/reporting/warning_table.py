"""The second table of a run: how good its warnings were, the country's own model in brackets."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from rich.table import Table

from federation.reporting.rows import Point, Row
from federation.reporting.score_table import FEDERATED, LOCAL, OWN, countries, is_region, number

COLUMNS = {  # what the sums of an event's histogram tell -> heading
    "pod": "POD",
    "far": "FAR",
    "csi": "CSI",
    "auc": "AUC",
    "brier_skill": "Brier skill",
}
NONE = "–"


def table(rows: Sequence[Row], *, event: str, prefix: str, cost_loss: float, horizon: str) -> Table | None:
    """A line a country and region, a column a number that any of them could tell; None where none could.

    event: what is warned of. prefix: of the scores' names, such as 'outbreak_'. cost_loss: warned from there on.
    horizon: the one that is shown; far ahead, warnings are too few to be told.
    """
    ratio = f"value_{round(100 * cost_loss)}"
    headings = {f"{prefix}{name}": heading for name, heading in {**COLUMNS, ratio: "value"}.items()}
    evaluated = [row for row in rows if row.score in headings and row.horizon == horizon]
    told = [row for row in evaluated if row.arm in (FEDERATED, LOCAL) and isfinite(row.value)]
    exact = {(row.country, row.arm) for row in told if row.score == f"{prefix}pod"}  # else groups cross the threshold
    told = [row for row in told if row.score != prefix + ratio or (row.country, row.arm) in exact]
    found = {(row.country, row.arm, row.score): row for row in told}
    columns = {name: heading for name, heading in headings.items() if any(row.score == name for row in told)}
    if not columns:
        return None
    places = countries(evaluated)
    sheet = Table(
        title=f"Warnings of {event}, {horizon}, from a probability of {cost_loss:g} on",
        caption=f"federated (the country's own model); {NONE} where too few may be told",
    )
    sheet.add_column("country")
    for heading in columns.values():
        sheet.add_column(heading, justify="right")
    sheet.add_column("n", justify="right")
    last = next((place for place in reversed(places) if not is_region(place)), None)
    for place in places:
        cells = [_cell(found.get((place, FEDERATED, name)), found.get((place, LOCAL, name))) for name in columns]
        counts = {row.n for row in told if (row.country, row.arm) == (place, FEDERATED)}
        sheet.add_row(place, *cells, f"{max(counts):,}" if counts else NONE, end_section=place == last)
    return sheet


def picture(points: Sequence[Point], path: Path, *, title: str, region: str, horizon: str) -> None:
    """A PNG at path: how often the event came where its probability was so high, in the region. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here, because a table needs neither
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    for arm in (FEDERATED, LOCAL):
        curve = [each for each in points if (each.country, each.arm, each.horizon) == (region, arm, horizon)]
        colour, marker = OWN[arm]
        told = f"{arm}, {sum(each.n for each in curve):,} forecasts"
        axes.plot(
            [each.probability for each in curve],
            [each.frequency for each in curve],
            color=colour,
            marker=marker,
            label=told,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="forecast probability", ylabel="how often it came", title=title)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")


def _cell(mine: Row | None, own: Row | None) -> str:
    told = [_short(row.value) if row else NONE for row in (mine, own)]
    return NONE if told == [NONE, NONE] else f"{told[0]} ({told[1]})"


def _short(value: float) -> str:
    """Two decimals tell all that a count of warnings can."""
    return number(round(value, 2))[:-1]
