"""The second table of a run: how good its warnings were, the country's own model in brackets."""

from collections.abc import Mapping, Sequence
from math import isfinite

from rich.table import Table

from federation.reporting.rows import Row
from federation.reporting.score_table import FEDERATED, LOCAL, countries, last_country, number

COLUMNS = {  # scores that the sums of an event's histogram give -> heading
    "pod": "POD",
    "far": "FAR",
    "csi": "CSI",
    "auc": "AUC",
    "brier_skill": "Brier skill",
}
NONE = "–"
Reported = Mapping[tuple[str, str, str], Row]  # by country, arm and score


def table(rows: Sequence[Row], *, event: str, prefix: str, cost_loss: float, horizon: str) -> Table | None:
    """A line a country and region, a column a score that any of them reports; None where none does.

    event: what is warned of. prefix: of the scores' names, such as 'outbreak_'. cost_loss: warned from there on.
    horizon: the one that is shown; far ahead, warnings are too few to be reported.
    """
    ratio = f"{prefix}value_{round(100 * cost_loss)}"
    headings = {**{f"{prefix}{name}": heading for name, heading in COLUMNS.items()}, ratio: "value"}
    evaluated = [row for row in rows if row.score in headings and row.horizon == horizon]
    reported = _reported(evaluated, ratio, f"{prefix}pod")
    columns = {name: heading for name, heading in headings.items() if any(score == name for *_, score in reported)}
    if not columns:
        return None
    sheet = Table(
        title=f"Warnings of {event}, {horizon}, from a probability of {cost_loss:g} on",
        caption=f"federated (the country's own model); {NONE} where too few may be reported",
    )
    sheet.add_column("country")
    for heading in (*columns.values(), "n"):
        sheet.add_column(heading, justify="right")
    places = countries(evaluated)
    for place in places:
        cells = [_cell(reported, place, name) for name in columns]
        sheet.add_row(place, *cells, _count(reported, place), end_section=place == last_country(places))
    return sheet


def _reported(rows: Sequence[Row], ratio: str, pod: str) -> Reported:
    """Finite scores of the two arms; the value only where POD is reported too, for else groups cross the threshold."""
    finite = [row for row in rows if row.arm in (FEDERATED, LOCAL) and isfinite(row.value)]
    exact = {(row.country, row.arm) for row in finite if row.score == pod}
    return {
        (row.country, row.arm, row.score): row
        for row in finite
        if row.score != ratio or (row.country, row.arm) in exact
    }


def _cell(reported: Reported, country: str, score: str) -> str:
    both = [reported.get((country, arm, score)) for arm in (FEDERATED, LOCAL)]
    federated, local = (NONE if row is None else _short(row.value) for row in both)
    return NONE if both == [None, None] else f"{federated} ({local})"


def _count(reported: Reported, country: str) -> str:
    """Most place-periods behind any score of the federated arm."""
    counts = [row.n for (place, arm, _), row in reported.items() if (place, arm) == (country, FEDERATED)]
    return f"{max(counts):,}" if counts else NONE


def _short(value: float) -> str:
    """Two decimals are all that a count of warnings supports."""
    return number(round(value, 2))[:-1]
