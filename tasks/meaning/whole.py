"""A whole period or a whole place in another unit, which no comparison of its values with one another shows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tasks.files.reading import Problem
from tasks.meaning import cells
from tasks.meaning.expected import of_country
from tasks.meaning.records import Array, Records

PLACES = 3  # of which a period is the country's
GROUP = 3  # places of one kind, from which one can be unlike the others
RATIO = 4.0  # of a place to the middle one, at least
BEYOND = 4.0  # usual differences between places, at least
NEAREST, FAR = 4, 3.0  # cells that a cell is compared with, and how many degrees away they may lie
NEAR_RATIO = 4.0  # of a cell to those around it, at least
STEP = 3.0  # of a period of the whole country to what it should be, at least
REMEDY = "Check its unit against the source; accept it in accepted.toml if it is right"


def periods(records: Records) -> Iterator[Problem]:
    """A warning for the first row of each period in which a column is far from what it should be in all places."""
    for name in records.compared():
        column = records.columns[name]
        if column.history != "log" or column.shared or records.codes.max() + 1 < PLACES:
            continue
        away, reach = of_country(records, name)
        for time in np.flatnonzero(np.abs(away) > np.maximum(reach, np.log(STEP))):
            rows = records.at[:, time][records.at[:, time] >= 0]
            position = int(rows.min())
            what = f"stands in a period in which all places have {np.exp(away[time]):.2g} times what is usual"
            yield records.problem(position, name, "whole-period", what, REMEDY)


def places(records: Records) -> Iterator[Problem]:
    """A warning for the first row of each place whose amounts are several times those of all others of its kind."""
    for name in records.compared():
        column = records.columns[name]
        if column.history != "log" or column.shared or not column.comparable:
            continue
        levels = _incidence(records, name) if column.whole else _mean(records.matrix(name))
        if levels is None:
            continue
        kinds = _kinds(records)
        odd = dict(_unlike(levels, kinds, RATIO))
        around = _around(levels, kinds, records)
        near = {} if around is None else dict(_unlike(levels - around, kinds, NEAR_RATIO))
        for code, ratio in {**near, **odd}.items():
            position = int(np.flatnonzero((records.codes == code) & records.table[name].notna().to_numpy())[0])
            others = "other places" if code in odd else "the cells around it"
            what = f"stands in a place with {ratio:.2g} times the usual of {others} in all periods"
            yield records.problem(position, name, "whole-place", what, REMEDY)


def _unlike(levels: Array, kinds: Array, least: float) -> Iterator[tuple[int, float]]:
    """(series, its ratio to the middle of its kind) of each that is beyond the differences between others."""
    for kind in np.unique(kinds):
        mine = np.flatnonzero((kinds == kind) & np.isfinite(levels))
        if len(mine) < GROUP:
            continue
        away = levels[mine] - np.median(levels[mine])
        usual = 1.4826 * np.median(np.abs(away))
        for at in np.flatnonzero(np.abs(away) > max(np.log(least), BEYOND * usual)):
            yield int(mine[at]), float(np.exp(away[at]))


def _around(levels: Array, kinds: Array, records: Records) -> Array | None:
    """(S,) the middle level of the nearest cells of the same kind, NaN of too few; None where places are no cells."""
    names, centres = cells.centres(records)
    if len(names) <= NEAREST:
        return None
    at = pd.DataFrame(centres, index=names).reindex(records.places).to_numpy(dtype=float)
    middle = np.full(len(levels), np.nan)
    for kind in np.unique(kinds):
        mine = np.flatnonzero((kinds == kind) & np.isfinite(levels) & np.isfinite(at).all(axis=1))
        if len(mine) <= NEAREST:
            continue
        away = cells.degrees(at[mine][:, None], at[mine][None])
        np.fill_diagonal(away, np.inf)
        nearest = np.argsort(away, axis=1, kind="stable")[:, :NEAREST]
        close = np.take_along_axis(away, nearest, axis=1).max(axis=1) <= FAR
        middle[mine[close]] = np.median(levels[mine][nearest], axis=1)[close]
    return middle


def _kinds(records: Records) -> Array:
    """(S,) what series of different places have in common: the crop, the commodity and unit, or nothing."""
    others = [name for name in records.series if name != records.place]
    if not others:
        return np.zeros(records.codes.max() + 1, dtype=np.int64)
    first = pd.DataFrame({"code": records.codes, "kind": records.table.groupby(others).ngroup().to_numpy()})
    return first.drop_duplicates("code").sort_values("code")["kind"].to_numpy()


def _mean(values: Array) -> Array:
    """(S,) log of the mean of each series, NaN where nothing is known or all is 0."""
    total, known = np.nan_to_num(values).sum(axis=1), np.isfinite(values).sum(axis=1)
    return np.where(total > 0, np.log(np.where(total > 0, total, 1) / np.maximum(known, 1)), np.nan)


def _incidence(records: Records, name: str) -> Array | None:
    """(S,) log of cases over people, where a column of people is there."""
    people = next((each for each, column in records.columns.items() if column.grouped and not column.whole), "")
    if people not in records.table or records.table[people].isna().all():
        return None
    cases, population = records.matrix(name), records.matrix(people)
    both = np.isfinite(cases) & np.isfinite(population)
    total = np.where(both, cases, 0).sum(axis=1)
    inhabitants = np.where(both, population, 0).sum(axis=1)  # a place without any case counts as half a one
    return np.where(inhabitants > 0, np.log(np.maximum(total, 0.5) / np.maximum(inhabitants, 1)), np.nan)
