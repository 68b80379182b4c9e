"""Scores of single forecasts, by hand and by other libraries."""

import numpy as np
import pytest
import scoringrules
import xarray
from hypothesis import given
from hypothesis import strategies as st
from scores.continuous import quantile_score
from scores.probability import brier_score

from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import absolute_error_of_median, brier, coverage, pinball, weighted_interval_score

AT = np.array(LEVELS)
QUARTILES = np.array([0.25, 0.5, 0.75])


def test_wis_by_hand() -> None:
    """Median 4, central 50 % interval [2, 6], observed 7.

    Interval score 4 + 2/.5 * 1 = 8; WIS = (.5 * |7 - 4| + .5/2 * 8) / 1.5 = 7/3. Bracher et al. (2021), equation 1.
    """
    wis = weighted_interval_score(np.array([[[2.0, 4, 6]]]), np.array([[7.0]]), QUARTILES)
    assert wis.item() == pytest.approx(7 / 3)


def test_wis_by_hand_inside_the_interval() -> None:
    """Same forecast, observed 5: (.5 * 1 + .25 * 4) / 1.5 = 1."""
    assert weighted_interval_score(np.array([[[2.0, 4, 6]]]), np.array([[5.0]]), QUARTILES).item() == pytest.approx(1)


def test_wis_of_a_point_forecast_is_the_absolute_error() -> None:
    assert weighted_interval_score(np.array([[[4.0]]]), np.array([[7.0]]), np.array([0.5])).item() == 3


@given(st.integers(0, 2**32 - 1))
def test_wis_equals_two_other_libraries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    forecast, observed = np.sort(rng.gamma(1, 10, (5, 2, len(AT))), axis=-1), rng.gamma(1, 10, (5, 2))
    wis = weighted_interval_score(forecast, observed, AT)
    np.testing.assert_allclose(wis, scoringrules.crps_quantile(observed, forecast, AT), rtol=1e-9)
    losses = [
        quantile_score(xarray.DataArray(forecast[..., at]), xarray.DataArray(observed), level, preserve_dims="all")
        for at, level in enumerate(LEVELS)
    ]
    np.testing.assert_allclose(wis, 2 * np.mean(losses, axis=0), rtol=1e-9)
    np.testing.assert_allclose(pinball(forecast, observed, AT), wis / 2)


@given(st.integers(0, 2**32 - 1))
def test_brier_equals_another_library(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chance, happened = rng.random((5, 2, 1)), rng.integers(0, 2, (5, 2)).astype(float)
    theirs = brier_score(xarray.DataArray(chance[..., 0]), xarray.DataArray(happened), preserve_dims="all")
    np.testing.assert_allclose(brier(chance, happened), theirs)


def test_coverage_counts_the_ends_and_skips_what_was_not_reported() -> None:
    forecast = np.broadcast_to([2.0, 4, 6], (5, 1, 3))
    covered = coverage(forecast, np.array([[2.0], [6], [1.99], [6.01], [np.nan]]), QUARTILES, 0.5)
    np.testing.assert_array_equal(covered[:, 0], [1, 1, 0, 0, np.nan])
    with pytest.raises(ValueError, match=r"no central interval of 0\.9"):
        coverage(forecast, np.zeros((5, 1)), QUARTILES, 0.9)


def test_the_absolute_error_is_that_of_the_median() -> None:
    forecast = np.array([[[2.0, 4, 9]]])
    assert absolute_error_of_median(forecast, np.array([[7.0]]), QUARTILES).item() == 3
    with pytest.raises(ValueError, match="no median"):
        absolute_error_of_median(forecast, np.array([[7.0]]), np.array([0.1, 0.2, 0.3]))


def test_coverage_of_the_true_distribution_is_nominal() -> None:
    rng = np.random.default_rng(1)
    observed = rng.random((20_000, 1))  # quantiles of a uniform distribution are the levels
    for nominal in (0.5, 0.9):
        covered = coverage(np.broadcast_to(AT, (20_000, 1, len(AT))), observed, AT, nominal)
        assert covered.mean() == pytest.approx(nominal, abs=0.02)
