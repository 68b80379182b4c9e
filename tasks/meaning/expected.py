"""What a value should be near: from its own season, the periods around it, its neighbours and the other columns.

Each series is regressed on the periods around, on the places that usually move with it and on the other columns of its
rows, all as anomalies of the season; robustly, so that single wrong values hardly matter. Sources: Huber (1964),
https://doi.org/10.1214/aoms/1177703732; Hoerl and Kennard (1970), https://doi.org/10.1080/00401706.1970.10488634.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tasks.meaning.records import Array, Records, decimals

ENOUGH = 24  # periods that two series share, from which one says something of the other
NEIGHBOURS = 5  # other series that a value is compared with
BEYOND = 1.05  # times the distance of Chauvenet's criterion, since records surprise more than a normal distribution
CHANGES = 1.0  # usual changes from one period to the next, by which a level differs from what is expected at least
ROUNDED = 0.5  # of its last decimal: the same, where a level rarely changes by as much as it is rounded to
HUBER = 1.5  # usual residuals beyond which a value counts less
DISPERSION = 3.0  # variance of counts over their mean, at least


@dataclass(frozen=True, kw_only=True)
class Expected:
    """mean, spread: (S, T) of the values as `scaled` gives them; known: of how many values in all."""

    mean: Array
    spread: Array
    known: int


def scaled(records: Records, name: str, values: Array) -> Array:
    """Logs of amounts, after adding a third of the column's offset; levels as they are."""
    column = records.columns[name]
    return np.log(np.maximum(values, 0) + column.offset / 3) if column.history == "log" else values


def natural(records: Records, name: str, value: float) -> float:
    """A value of `scaled` in the column's unit."""
    column = records.columns[name]
    return max(round(float(np.exp(value) - column.offset / 3), 6), 0.0) if column.history == "log" else float(value)


def expected(records: Records, name: str) -> Expected:
    """What each value of a column is expected to be."""
    values = scaled(records, name, records.matrix(name))
    base = seasonal(values, records.year)
    unusual = values - base
    predictors = [_both(unusual, 1), _both(unusual, 2), _neighbours(unusual)]
    for other in records.compared():
        if other != name:
            theirs = scaled(records, other, records.matrix(other))
            predictors.append(np.nan_to_num(_standard(theirs - seasonal(theirs, records.year))))
    mean, spread = _fit(unusual, np.stack(predictors, axis=2))
    column = records.columns[name]
    least = column.spread if column.history == "log" else max(CHANGES * _change(values), _rounding(values))
    noise = DISPERSION * np.exp(-np.clip(base + mean, -20, 20)) if column.whole else 0.0
    spread = np.sqrt(np.maximum(spread, least) ** 2 + noise)
    spread = np.broadcast_to(spread, values.shape)
    return Expected(mean=base + mean, spread=spread, known=int(np.isfinite(values).sum()))


def chauvenet(known: int) -> float:
    """Usual differences beyond which, of so many values, half a one lies by chance; a little more for heavy tails.

    Source: Chauvenet (1863), A Manual of Spherical and Practical Astronomy, volume 2, on the rejection of observations.
    """
    return BEYOND * NormalDist().inv_cdf(1 - 0.25 / max(known, 1))


def of_country(records: Records, name: str) -> tuple[Array, Array]:
    """(T,) how far all places together are from what the periods around suggest, and how far is too far.

    NaN where fewer than half of the places are known.
    """
    values = scaled(records, name, records.matrix(name))
    unusual = values - seasonal(values, records.year)
    known = np.isfinite(unusual).sum(axis=0)
    mean = np.where(known >= max(len(values) / 2, 2), np.nan_to_num(unusual).sum(axis=0) / np.maximum(known, 1), np.nan)
    whole = mean[None]
    predictors = [_both(whole, 1), _both(whole, 2)]
    predictors += [_unusual_mean(records, other) for other in records.compared() if other != name]
    fit, spread = _fit(whole, np.stack(predictors, axis=2))
    reach = chauvenet(int(np.isfinite(mean).sum())) * np.maximum(spread[0], records.columns[name].spread)
    return (whole - fit)[0], np.broadcast_to(reach, mean.shape)


def _unusual_mean(records: Records, name: str) -> Array:
    """(1, T) how unusual a column is in the mean over all places, in its usual sizes; 0 where it is unknown."""
    values = scaled(records, name, records.matrix(name))
    unusual = values - seasonal(values, records.year)
    known = np.isfinite(unusual).sum(axis=0)
    mean = np.where(known > 0, np.nan_to_num(unusual).sum(axis=0) / np.maximum(known, 1), np.nan)
    return np.nan_to_num(_standard(mean[None]))


def seasonal(values: Array, year: int) -> Array:
    """(S, T) the median of the same season in all years; of the whole series where one year alone, or none, has it."""
    many, length = values.shape
    years = np.pad(values, ((0, 0), (0, -length % year)), constant_values=np.nan).reshape(many, -1, year)
    several = np.isfinite(years).sum(axis=1) > 1
    usual = np.where(several, _median(years.transpose(0, 2, 1)), _median(values)[:, None])
    return np.tile(usual, years.shape[1])[:, :length]


def _median(values: Array) -> Array:
    """The median of what is known along the last axis, NaN where nothing is; numpy's own is slow where values miss."""
    ordered = np.sort(values, axis=-1)  # NaN last
    known = np.isfinite(values).sum(axis=-1, keepdims=True)
    ends = [np.take_along_axis(ordered, np.maximum(each, 0), axis=-1) for each in ((known - 1) // 2, known // 2)]
    middle = np.where(known > 0, (ends[0] + np.where(known % 2 == 0, ends[1], ends[0])) / 2, np.nan)
    return np.asarray(middle[..., 0])


def _both(values: Array, step: int) -> Array:
    """(S, T) the mean of the periods so many steps before and after, 0 where both are unknown."""
    sides = np.full((2, *values.shape), np.nan)
    if values.shape[1] > step:
        sides[0, :, step:], sides[1, :, :-step] = values[:, :-step], values[:, step:]
    known = np.isfinite(sides).sum(axis=0)
    return np.asarray(np.nan_to_num(sides).sum(axis=0) / np.maximum(known, 1))


def _neighbours(values: Array) -> Array:
    """(S, T) the mean of the other series that move with each one most, by the squares of their correlations."""
    many = min(NEIGHBOURS, len(values) - 1)
    if many < 1:
        return np.zeros(values.shape)
    known = np.isfinite(values).astype(float)
    clipped = np.nan_to_num(np.clip(_standard(values), -4, 4))
    size = (clipped**2) @ known.T
    similarity = clipped @ clipped.T / np.sqrt(np.maximum(size * size.T, 1e-9))
    similarity[(known @ known.T < ENOUGH) | np.eye(len(values), dtype=bool)] = 0
    nearest = np.argpartition(-similarity, many - 1, axis=1)[:, :many]
    weight = np.take_along_axis(np.maximum(similarity, 0), nearest, axis=1) ** 2
    total, sums = np.zeros(values.shape), np.zeros(values.shape)
    for at in range(many):
        total += weight[:, at, None] * known[nearest[:, at]]
        sums += weight[:, at, None] * np.nan_to_num(values[nearest[:, at]])
    return np.where(total > 0, sums / np.where(total > 0, total, 1), 0)


def _standard(values: Array) -> Array:
    """Values over their usual size in each series."""
    return np.asarray(values / np.maximum(_size(values), 1e-9))


def _size(values: Array) -> Array:
    """(S, 1) the usual size of values around 0: the median of absolute values, as a standard deviation."""
    return np.nan_to_num(1.4826 * _median(np.abs(values))[:, None], nan=1.0)


def _fit(values: Array, predictors: Array) -> tuple[Array, Array]:
    """(S, T) values that each series' robust ridge regression predicts, and (S, 1) the usual size of what remains."""
    with_one = np.concatenate([predictors, np.ones((*values.shape, 1))], axis=2)
    known = np.isfinite(values)
    filled, weight = np.where(known, values, 0), known.astype(float)
    ridge = np.eye(with_one.shape[2])
    for _ in range(4):
        across = (with_one * weight[..., None]).transpose(0, 2, 1)
        slopes = np.linalg.solve(across @ with_one + ridge, across @ filled[..., None])
        mean = (with_one @ slopes)[..., 0]
        rest = np.where(known, values - mean, np.nan)
        size = np.maximum(_size(rest), 1e-9)
        weight = known * np.minimum(1, HUBER * size / np.maximum(np.abs(np.nan_to_num(rest)), 1e-12))
    return mean, size


def _change(values: Array) -> float:
    """The usual change of the whole column from one period to the next."""
    change = np.abs(np.diff(values, axis=1))
    known = change[np.isfinite(change)]
    return max(float(np.median(known)), 1e-9) if len(known) else 1.0


def _rounding(values: Array) -> float:
    """By how much a level may be rounded; 0 of more than five decimals."""
    written = decimals(values)
    return 0.0 if written is None else ROUNDED * 10.0**-written
