"""The sequential test: how often it alarms without a cause, how fast with one, and that it never looks ahead.

The whole simulation is `scripts/bench monitoring`.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers

from federation.monitoring.charts import MARGIN, QUIET, cumulative, limit, standardised
from tasks.data import Array
from tests.federation.monitoring.series import autoregressive

CHARTS, KNOWN = 9, 120  # four inputs both ways and the skill; ten years of records before the first chart


def watched(series: Array) -> Array:
    normal = standardised(series)
    normal[:KNOWN] = np.nan
    return normal


@pytest.mark.parametrize(("height", "months"), [(3, 117.6), (4, 335.4), (5, 930.9)])
def test_the_limit_is_that_of_the_published_tables(height: float, months: float) -> None:
    """Mean time to a false alarm with an allowance of .5: Montgomery, Statistical Quality Control, table 9.4."""
    assert limit(1, quiet=1) < limit(1, quiet=10)
    assert limit(1, quiet=round(months / MARGIN)) == pytest.approx(height, abs=0.04)


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_all_charts_together_alarm_at_most_once_in_five_years(share: float) -> None:
    series = autoregressive(120, KNOWN + QUIET, share, seed=7)
    alarms = sum(len(cumulative(watched(each), limit(CHARTS))[1]) for each in series)
    assert alarms / len(series) * CHARTS <= 1


def test_a_shift_of_two_spreads_is_seen_within_half_a_year() -> None:
    series, first = autoregressive(60, KNOWN + 40, 0.3, seed=8), KNOWN + 12
    series[:, first:] += 2
    delays = [
        next((alarm.at - first + 1 for alarm in cumulative(watched(each), limit(CHARTS))[1] if alarm.at >= first), 99)
        for each in series
    ]
    assert np.median(delays) <= 6
    since = [cumulative(watched(each), limit(CHARTS))[1][0].since for each in series]
    assert abs(np.median(since) - first) <= 2


@settings(max_examples=20)
@given(seed=integers(0, 99), at=integers(20, 59), other=floats(-50, 50))
def test_no_month_changes_what_was_charted_before_it(seed: int, at: int, other: float) -> None:
    series = autoregressive(1, 60, 0.5, seed)[0]
    series[seed % 20] = np.nan
    changed = series.copy()
    changed[at:] = other
    np.testing.assert_array_equal(standardised(series)[:at], standardised(changed)[:at])


@settings(max_examples=20)
@given(seed=integers(0, 99), scale=floats(0.01, 100), shift=floats(-100, 100))
def test_the_unit_of_a_series_does_not_matter(seed: int, scale: float, shift: float) -> None:
    series = autoregressive(1, 60, 0.5, seed)[0]
    np.testing.assert_allclose(standardised(series * scale + shift), standardised(series), rtol=1e-4, atol=1e-6)


def test_one_odd_month_alarms_nobody_and_a_series_that_never_moves_is_not_charted() -> None:
    series = autoregressive(1, 60, 0.0, seed=2)[0]
    series[50] = 1000.0
    assert cumulative(np.where(np.arange(60) >= 50, standardised(series), np.nan), limit(1))[1] == []
    assert np.isnan(standardised(np.full(40, 3.0))).all()
