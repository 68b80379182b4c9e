"""The second table of a run: how good its warnings were, the country's own model in brackets."""

from collections.abc import Sequence
from math import isfinite

from rich.table import Table

from federation.report import FEDERATED, LOCAL, countries, is_region, number
from federation.results import Row

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
    judged = [row for row in rows if row.score in headings and row.horizon == horizon]
    told = [row for row in judged if row.arm in (FEDERATED, LOCAL) and isfinite(row.value)]
    found = {(row.country, row.arm, row.score): row for row in told}
    columns = {name: heading for name, heading in headings.items() if any(row.score == name for row in told)}
    if not columns:
        return None
    places = countries(judged)
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


def _cell(mine: Row | None, own: Row | None) -> str:
    told = [_short(row.value) if row else NONE for row in (mine, own)]
    return NONE if told == [NONE, NONE] else f"{told[0]} ({told[1]})"


def _short(value: float) -> str:
    """Two decimals tell all that a count of warnings can."""
    return number(round(value, 2))[:-1]
