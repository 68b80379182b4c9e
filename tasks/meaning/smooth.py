"""Counts that vary less than chance alone makes them vary: divided by ten or more, smoothed, or a model's output.

Counts of independent events vary at least as Poisson's law says, and those of an epidemic more: what lies between the
periods before and after by less is no count. Source: Fisher (1950), The significance of
deviations from expectation in a Poisson series, Biometrics 6, 17-24.
"""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Array, Records

ENOUGH = 24  # periods with a case or more
MOST = 4.0  # times Poisson's variance, beyond which a period says no more
USUAL, SPREAD = 0.93, 1.6  # of Poisson's counts of a mean of 1 to 20: the mean, and the spread of a single period
SURE = 2.0  # standard errors below
REMEDY = "Write the counts themselves; check their unit; accept it in accepted.toml if it is right"


def smooth(records: Records) -> Iterator[Problem]:
    """A warning for the first row of each place whose counts vary less than counts can."""
    for name in records.compared():
        if not records.columns[name].whole:
            continue
        varies, many = _dispersion(records.matrix(name))
        odd = (many >= ENOUGH) & (varies < USUAL - SURE * SPREAD / np.sqrt(np.maximum(many, 1)))
        for code in np.flatnonzero(odd):
            position = int(records.at[code, np.flatnonzero(np.isfinite(records.matrix(name)[code]))[0]])
            what = f"begins counts that vary {varies[code]:.2g} times as much from period to period as chance alone "
            what += "makes counts vary, as after a division by ten"
            yield records.problem(position, name, "smooth", what, REMEDY)


def _dispersion(counts: Array) -> tuple[Array, Array]:
    """(S,) variance about the mean of the periods before and after, over Poisson's; (S,) of how many periods."""
    if counts.shape[1] < ENOUGH:
        return np.full(len(counts), np.nan), np.zeros(len(counts))
    before, here, after = counts[:, :-2], counts[:, 1:-1], counts[:, 2:]
    mean, away = (before + here + after) / 3, here - (before + after) / 2
    known = np.isfinite(mean) & (mean >= 1)
    ratio = np.minimum(np.where(known, away, 0) ** 2 / (1.5 * np.where(known, mean, 1)), MOST)
    many = known.sum(axis=1)
    return np.where(known, ratio, 0).sum(axis=1) / np.maximum(many, 1), many
