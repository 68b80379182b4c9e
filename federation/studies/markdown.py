"""How names, scores and tables are written on the page."""

from collections.abc import Iterable, Sequence
from math import isfinite

from federation.reporting import score_table
from federation.reporting.rows import Better, Row
from federation.studies.seed_groups import Group
from tasks.settings import UNALIGNED

NONE = "–"  # a cell without a number


def heading(group: Group) -> str:
    """What is forecast, and for which years."""
    calendar = group.settings.calendar
    return f"{group.title}, {UNALIGNED if group.unaligned else f'{calendar.validate_until} to {calendar.test_until}'}"


def better_direction(group: Group) -> Better:
    """Which direction of the headline is better."""
    return group.task.scores[group.headline].better


def comparison_text(group: Group, row: Row, other: Row) -> str:
    """Two scores, and whether the difference is sure."""
    return score_table.comparison_text(row, other, group.paired, interval)


def cell(row: Row | None, top: Row | None) -> str:
    """A score with its interval, the best one bold."""
    if row is None:
        return NONE
    text = f"**{value(row)}**" if top is not None and row.value == top.value else value(row)
    return f"{text}<br>{_interval_text(row)}" if isfinite(row.low) else text


def interval(row: Row | None) -> str:
    """Such as 0.412 [0.380, 0.444]."""
    if row is None:
        return NONE
    return f"{value(row)} {_interval_text(row)}" if isfinite(row.low) and isfinite(row.high) else value(row)


def value(row: Row | None) -> str:
    """The score alone."""
    return NONE if row is None else short_number(row.value)


def ratio(value: float) -> str:
    """A ratio, or a dash where there is none."""
    return f"{value:.3f}" if isfinite(value) else NONE


def readable(name: str) -> str:
    """A name for a person."""
    return name.replace("_", " ")


def short_number(value: float) -> str:
    """Four decimals where three would say too little, as of a pinball loss of relative yields."""
    if abs(value) >= 0.1:
        return score_table.number(value)
    return f"{round(value, 4) + 0.0:.4f}"  # adding zero makes -0.0 a 0.0


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"


def _interval_text(row: Row) -> str:
    return f"[{short_number(row.low)}, {short_number(row.high)}]"
