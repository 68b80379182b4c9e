"""Rows out of order in a file that is otherwise sorted: often a mistyped year or month."""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Array, Records

LONG = 24  # rows from which a file is sorted, or is not
RARE = 0.005  # share of rows out of order, up to which it is


def order(records: Records) -> Iterator[Problem]:
    """A warning for each row whose period does not lie between those of its series' rows above and below it."""
    by_series = np.argsort(records.codes, kind="stable")  # in each series the order of the file
    code, time = records.codes[by_series], records.time[by_series]
    if len(time) < LONG:
        return
    same = code[1:] == code[:-1]
    falls = same & (np.diff(time) < 0)
    sign = -1 if falls.sum() > same.sum() / 2 else 1
    odd = _out_of_order(code, sign * time)
    if odd.sum() > max(RARE * len(time), 1):
        return
    for at in np.flatnonzero(odd).tolist():
        near = [records.said(int(by_series[each])) for each in (at - 1, at + 1) if _within(code, at, each)]
        what = f"stands next to {' and '.join(near)} in a file whose rows are in order"
        yield records.problem(int(by_series[at]), records.period, "order", what, "Check the year and month")


def _within(code: Array, at: int, other: int) -> bool:
    return bool(0 <= other < len(code) and code[other] == code[at])


def _out_of_order(code: Array, time: Array) -> Array:
    """(N,) True for rows without which those on both sides rise, and with which they do not."""
    before, after = np.full(len(time), np.nan), np.full(len(time), np.nan)
    same = code[1:] == code[:-1]
    before[1:][same], after[:-1][same] = time[:-1][same], time[1:][same]
    two_on, two_back = np.full(len(time), np.nan), np.full(len(time), np.nan)
    second = code[2:] == code[:-2]
    two_on[:-2][second], two_back[2:][second] = time[2:][second], time[:-2][second]
    within = (before < after) & ((time < before) | (time > after))
    first = np.isnan(before) & (time > after) & (time > two_on)
    last = np.isnan(after) & (time < before) & (time < two_back)
    return np.asarray(within | first | last)
