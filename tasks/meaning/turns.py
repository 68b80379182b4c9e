"""Calendar years whose counts jump at both ends, there and back: a year in another unit between two right ones."""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.expected import DISPERSION, chauvenet, scaled, seasonal
from tasks.meaning.records import Array, Records

STEP, BOTH = 3.0, 5.0  # times as many at each end of the year at least, and in the mean of both ends
REMEDY = "Check its unit against the source; accept it in accepted.toml if it is right"


def turns(records: Records) -> Iterator[Problem]:
    """A warning for each year whose first and last step are much larger than usual, and opposite.

    A step is of logs, as anomalies of the season. Counts of a place change little from one period to the next, by
    whatever its years differ. Of the first year and the last one there is one step alone.
    """
    for name in records.compared():
        if not records.columns[name].whole or records.year == 1:
            continue
        steps, usual = _steps(records, name)
        begins, ends = records.new_years[:-1], records.new_years[1:]
        into, out = _at(steps, begins), -_at(steps, ends)
        sizes = [_at(usual, begins), _at(usual, ends)]
        both = np.where(np.isnan(into), out, np.where(np.isnan(out), into, (into + out) / 2))
        least = np.fmin(into * np.sign(both), out * np.sign(both))  # of the two, below 0 where they are not opposite
        spread = np.where(np.isnan(into + out), np.fmax(*sizes), np.hypot(*sizes) / 2)
        odd = np.abs(both) > np.maximum(chauvenet(int(np.isfinite(both).sum())) * spread, np.log(BOTH))
        for code, year in np.argwhere(odd & (least > np.log(STEP))):
            rows = records.at[code, max(begins[year], 0) : ends[year]]
            if (rows >= 0).any():
                known = [side for side, step in (("before", into), ("after", out)) if not np.isnan(step[code, year])]
                what = f"begins a year of {np.exp(both[code, year]):.2g} times the counts {' and '.join(known)}, "
                what += "with a step at New Year, as another unit would"
                yield records.problem(int(rows[rows >= 0][0]), name, "turn", what, REMEDY)


def _steps(records: Records, name: str) -> tuple[Array, Array]:
    """(S, T) the step to each period and the next from the two before, and how large one usually is.

    Larger of small counts; NaN where none of two is known.
    """
    counts = records.matrix(name)
    values = scaled(records, name, counts)
    steps = _pair(values - seasonal(values, records.year))
    known = np.isfinite(steps).any(axis=1)
    usual = np.full((len(steps), 1), np.inf)
    usual[known, 0] = 1.4826 * np.nanmedian(np.abs(steps[known]), axis=1)
    sums = [np.nan_to_num(counts[:, :-1]) + np.nan_to_num(counts[:, 1:]) + 1]
    noise = np.full(counts.shape, np.inf)
    noise[:, 2:-1] = DISPERSION * (1 / sums[0][:, 2:] + 1 / sums[0][:, :-2])
    return steps, np.sqrt(np.maximum(usual, records.columns[name].spread) ** 2 + noise)


def _pair(values: Array) -> Array:
    """(S, T) the mean of each period and the next less that of the two before, NaN where one is unknown."""
    known = np.isfinite(values)
    many = known[:, :-1].astype(float) + known[:, 1:]
    total = np.nan_to_num(values)
    mean = np.where(many > 0, (total[:, :-1] + total[:, 1:]) / np.maximum(many, 1), np.nan)
    steps = np.full(values.shape, np.nan)
    steps[:, 2:-1] = mean[:, 2:] - mean[:, :-2]
    return steps


def _at(values: Array, begins: Array) -> Array:
    """(S, Y) the columns of values, NaN of those that are not there."""
    there = (begins >= 0) & (begins < values.shape[1])
    return np.where(there, values[:, np.where(there, begins, 0)], np.nan)
