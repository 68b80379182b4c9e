"""Looking back and looking ahead on a (P, T) grid. Everything but `ahead` sees its own period and earlier ones only."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasks.data import Array, Panel
from tasks.settings import Calendar
from tasks.time_step import STEPS


def part_of(due: Array, calendar: Calendar) -> Array:
    """(N, H) due periods -> (N,) parts: 'train', 'validation', 'test', 'excluded_period' or ''.

    A window belongs to a part only if every one of its horizons does: a window that straddles a cut would carry labels
    over it. After the last cut nothing is used. The same holds of the excluded period.
    """
    train, validate, test = calendar.cuts()
    assert due.dtype == train.dtype, f"periods of {due.dtype} and a calendar of {train.dtype}"
    part = np.full(len(due), "", dtype="U15")
    if due.shape[1]:
        first, last = due.min(axis=1), due.max(axis=1)
        part[last <= train] = "train"
        part[(first > train) & (last <= validate)] = "validation"
        tested = (first > validate) & (last <= test)
        part[tested] = "test"
        if (excluded := calendar.excluded()) is not None:
            part[tested & (first <= excluded[1]) & (last >= excluded[0])] = ""
            part[tested & (first >= excluded[0]) & (last <= excluded[1])] = "excluded_period"
    return part


def last_reported(panel: Panel) -> np.datetime64 | None:
    """The last period that at least half as many places reported as ever did; None where nothing was reported.

    A national series that goes on after the provinces' is not the country's record.
    """
    places = np.isfinite(panel.target).sum(axis=0)
    if not places.any():
        return None
    last: np.datetime64 = panel.periods[places >= places.max() / 2][-1]
    return last


def moved(calendar: Calendar, by: np.timedelta64) -> Calendar:
    """The calendar with its three cuts that much later, each as far from the others as it was."""
    texts, step = (calendar.train_until, calendar.validate_until, calendar.test_until), STEPS[calendar.step]
    first, second, third = (str(step.last(text) + by) for text in texts)
    return replace(calendar, train_until=first, validate_until=second, test_until=third)


def ending_with(panel: Panel, calendar: Calendar) -> Calendar:
    """The calendar moved so that its test ends with this country's own records, see `last_reported`.

    Validation and test stay as long as they are. Without a reported period nothing moves.
    """
    last = last_reported(panel)
    return calendar if last is None else moved(calendar, last - calendar.cuts()[-1])


def with_record_of(panel: Panel, calendar: Calendar, years: int) -> Panel:
    """The panel as if its records had begun so many years before the end of training."""
    kept = panel.periods >= STEPS[panel.step].years_before(calendar.cuts()[0], years)
    covariates = {name: values[:, kept] for name, values in panel.covariates.items()}
    known = None if panel.known is None else panel.known[..., kept]
    return replace(panel, periods=panel.periods[kept], target=panel.target[:, kept], covariates=covariates, known=known)


def training_periods(periods: Array, calendar: Calendar) -> int:
    """How many of the (T,) rising periods belong to training; they are the first ones."""
    last = calendar.cuts()[0]
    assert periods.dtype == last.dtype, f"periods of {periods.dtype} and a calendar of {last.dtype}"
    return int(np.count_nonzero(periods <= last))


def month_of_year(periods: Array) -> Array:
    """0 (January) to 11 of datetime64[M] periods, any shape."""
    return np.asarray(periods, "datetime64[M]").astype(np.int64) % 12


def lagged(values: Array, lags: Sequence[int]) -> Array:
    """values[:, t - lag] for every lag >= 0: (P, T) -> (P, T, L); NaN before the first period.

    Raises ValueError for a negative lag, which would look ahead.
    """
    if any(lag < 0 for lag in lags):
        raise ValueError(f"a lag looks back; got {list(lags)}")
    return _shifted(values, [-lag for lag in lags])


def ahead(values: Array, horizons: int) -> Array:
    """values[:, t + 1], ..., values[:, t + horizons]: (P, T) -> (P, T, H), NaN after the last period. Labels only."""
    return at_steps(values, range(1, horizons + 1))


def at_steps(values: Array, steps: Sequence[int]) -> Array:
    """values[:, t + step] of every step: (P, T) -> (P, T, H), NaN after the last period. Labels only."""
    return _shifted(values, steps)


def carried(values: Array, within: int) -> Array:
    """The last known value of the present and the `within` periods before it; NaN where all of them are missing."""
    filled = values.copy()
    for lag in range(1, within + 1):
        filled = np.where(np.isnan(filled), lagged(values, [lag])[..., 0], filled)
    return filled


def trailing_mean(values: Array, window: int, least: int = 1) -> Array:
    """Mean of the known values among the last `window` periods, the present included: (P, T) -> (P, T).

    NaN with fewer than `least` known values.
    """
    known = np.isfinite(values)
    count = trailing_sum(known.astype(float), window)
    total = trailing_sum(np.where(known, values, 0.0), window)
    return np.where(count >= least, total / np.maximum(count, 1), np.nan)


def trailing_sum(values: Array, window: int) -> Array:
    """Sum of the last `window` periods, the present included: (P, T) -> (P, T), without NaN."""
    # Not a difference of running sums: a value after t must not reach t even by rounding.
    total = np.zeros_like(values)
    for lag in range(min(window, values.shape[1])):
        total[:, lag:] += values[:, : values.shape[1] - lag]
    return total


def _shifted(values: Array, offsets: Sequence[int]) -> Array:
    periods = values.shape[1]
    shifted = np.full((*values.shape, len(offsets)), np.nan)
    for column, offset in enumerate(offsets):
        start, stop = max(0, -offset), min(periods, periods - offset)
        if start < stop:
            shifted[:, start:stop, column] = values[:, start + offset : stop + offset]
    return shifted
