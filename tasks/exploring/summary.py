"""What a country's records of a task look like, in numbers of which each rests on many place-periods.

Numbers are made of whole calendar years, from the first on, in groups that never change once they are full:

years    as few years as hold `least` reported place-periods; not shown if one makes more than `largest` of their sum
season   the same months of as few shown groups as hold that in every month of the year, none of them dominated

What is left at the end waits until its group is full. So two summaries, before and after new records, differ by whole
groups and never by a few place-periods; what differs after a correction of old records is that correction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tasks.data import Array, Panel
from tasks.windows import last_reported, month_of_year

ROUNDED = 5  # counts of rare things are given in steps of so many
FAR = 8.0  # usual deviations of a place from its usual year, from which on a value is called far
ENOUGH = 24  # periods of a place below which it has no history
GAPS = 20  # ranges without any report that are listed at most


@dataclass(frozen=True, kw_only=True)
class Group:
    """Reported place-periods of the periods from first to last, or of one month of their years, and their mean."""

    first: str
    last: str
    reported: int
    expected: int
    mean: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """years, season: see above; season has a group a month of the year, its number in `first`, or none.

    places: how many there are. gaps: first and last period of ranges in which no place reported. zeros: share of
    reported values that are 0, to the percent; none where nothing is shown. far: values far from the usual year of
    their place, in steps of five, rounded down: 0 is none or fewer than five; none of targets that are events.
    end: the last period that most places report, '' if it stays at home. behind: places that have not reported it, in
    steps of five.
    """

    places: int
    years: tuple[Group, ...]
    season: tuple[Group, ...]
    gaps: tuple[tuple[str, str], ...]
    zeros: float | None
    far: int | None
    end: str
    behind: int | None

    def plain(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def summarise(panel: Panel, *, least: int, largest: float, with_end: bool = True) -> Summary:
    """The summary of a country's records.

    least, largest: of the place-periods behind each number, see above. with_end: whether the newest period is said.
    """
    groups = list(_year_groups(panel, least, largest))
    shown = _within(panel, groups)
    values = panel.target[:, shown]
    known = values[np.isfinite(values)]
    end = last_reported(panel) if with_end else None
    return Summary(
        places=len(panel.places),
        years=tuple(_group(panel, rows) for rows in groups),
        season=_season(panel, groups, least, largest),
        gaps=_gaps(panel, shown),
        zeros=round(float((known == 0).mean()), 2) if len(known) else None,
        far=None if not len(known) or set(np.unique(known)) <= {0.0, 1.0} else _rounded(_far(panel, shown)),
        end="" if end is None else str(end),
        behind=None if end is None else _rounded(_behind(panel, end)),
    )


def _year_groups(panel: Panel, least: int, largest: float) -> Iterator[Array]:
    """(T,) masks of the periods of each group of years that is shown."""
    years = panel.periods.astype("datetime64[Y]")
    held = np.zeros(len(years), bool)
    for year in _complete(panel):
        held = held | (years == year)
        if np.isfinite(panel.target[:, held]).sum() >= least:
            if _full(panel.target[:, held], least, largest):
                yield held
            held = np.zeros(len(years), bool)


def _complete(panel: Panel) -> Array:
    """The calendar years that are over in these records, rising."""
    years = np.unique(panel.periods.astype("datetime64[Y]"))
    over = len(years) and panel.periods[-1].astype("datetime64[M]").astype(int) % 12 == 11
    return years if over else years[:-1]


def _full(values: Array, least: int, largest: float) -> bool:
    """Whether enough is known of them, and none makes most of their sum: the (1, k) dominance rule."""
    known = np.abs(values[np.isfinite(values)])
    return bool(len(known) >= least and known.max(initial=0) <= largest * known.sum())


def _within(panel: Panel, groups: Sequence[Array]) -> Array:
    """(T,) the periods of any of the groups."""
    return np.logical_or.reduce(groups) if groups else np.zeros(len(panel.periods), bool)


def _group(panel: Panel, rows: Array, first: str = "") -> Group:
    values, periods = panel.target[:, rows], panel.periods[rows]
    known = values[np.isfinite(values)]
    return Group(
        first=first or str(periods[0].astype("datetime64[Y]")),
        last=first or str(periods[-1].astype("datetime64[Y]")),
        reported=len(known),
        expected=values.size,
        mean=float(known.mean()),
    )


def _season(panel: Panel, groups: Sequence[Array], least: int, largest: float) -> tuple[Group, ...]:
    """A group a month of the year over as many year groups as fill all of them; none for one season a year."""
    month = month_of_year(panel.periods)
    months = np.unique(month[np.isfinite(panel.target).any(axis=0)])
    if len(months) < 2:
        return ()
    shown, held = np.zeros(len(month), bool), np.zeros(len(month), bool)
    for rows in groups:
        held = held | rows
        if all(_full(panel.target[:, held & (month == each)], least, largest) for each in months):
            shown, held = shown | held, np.zeros(len(month), bool)
    if not shown.any():
        return ()
    return tuple(_group(panel, shown & (month == each), f"{each + 1:02d}") for each in months)


def _gaps(panel: Panel, shown: Array) -> tuple[tuple[str, str], ...]:
    """Ranges of shown periods in which no place reported."""
    empty = np.flatnonzero(shown & ~np.isfinite(panel.target).any(axis=0))
    ranges = np.split(empty, np.flatnonzero(np.diff(empty) > 1) + 1) if len(empty) else []
    return tuple((str(panel.periods[each[0]]), str(panel.periods[each[-1]])) for each in ranges[:GAPS])


def _far(panel: Panel, shown: Array) -> int:
    """Shown values far from their place's usual year: more than FAR median absolute deviations from its median."""
    values = np.where(shown, panel.target, np.nan)
    values = np.log1p(values) if np.nanmin(values, initial=0) >= 0 else values
    month, count = month_of_year(panel.periods), 0
    for series in values[np.isfinite(values).sum(axis=1) >= ENOUGH]:
        known = np.isfinite(series)
        usual = {each: np.median(series[known & (month == each)]) for each in np.unique(month[known])}
        off = np.abs(series[known] - np.array([usual[each] for each in month[known]]))
        spread = 1.4826 * np.median(off)
        count += int((off > FAR * spread).sum()) if spread > 0 else 0
    return count


def _behind(panel: Panel, end: np.datetime64) -> int:
    """Places that have not reported the newest period, nor a later one."""
    return int((~np.isfinite(panel.target[:, panel.periods >= end]).any(axis=1)).sum())


def _rounded(count: int) -> int:
    return count // ROUNDED * ROUNDED


def read(values: Mapping[str, Any]) -> Summary:
    """A summary from plain values that somebody sent. Raises ValueError, TypeError or KeyError for what is none."""
    groups = {key: tuple(_read_group(each) for each in values[key][:500]) for key in ("years", "season")}
    gaps = tuple((_text(first), _text(last)) for first, last in values["gaps"][:GAPS])
    numbers = {key: None if values[key] is None else _number(values[key]) for key in ("zeros", "far", "behind")}
    return Summary(
        places=int(_number(values["places"])),
        gaps=gaps,
        end=_text(values["end"]),
        zeros=numbers["zeros"],
        far=None if numbers["far"] is None else int(numbers["far"]),
        behind=None if numbers["behind"] is None else int(numbers["behind"]),
        **groups,
    )


def _read_group(values: Mapping[str, Any]) -> Group:
    counts = {key: int(_number(values[key])) for key in ("reported", "expected")}
    return Group(first=_text(values["first"]), last=_text(values["last"]), mean=_number(values["mean"]), **counts)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 10 or not value.isprintable():
        raise ValueError(f"{str(value)[:40]!r} is no period")
    return value
