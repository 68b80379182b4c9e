"""Quantiles of samples with gaps equal numpy's of the values that are there."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.data import Array
from tasks.evaluation.quantiles import LEAST, pools, quantiles

LEVELS = (0.01, 0.25, 0.5, 0.9, 1.0)


@given(arrays(np.float64, (4, 9), elements=st.one_of(st.floats(-1e3, 1e3), st.just(np.nan))))
def test_quantiles_equal_numpys_of_the_known_values(sample: Array) -> None:
    for row, sample_quantiles in zip(sample, quantiles(sample, LEVELS), strict=True):
        known = row[np.isfinite(row)]
        expected = np.quantile(known, LEVELS) if len(known) else np.full(len(LEVELS), np.nan)
        np.testing.assert_allclose(sample_quantiles, expected, rtol=1e-12, atol=1e-9)


def test_an_empty_sample_has_no_quantiles() -> None:
    assert np.isnan(quantiles(np.empty((2, 0)), LEVELS)).all()


def pooled(errors: Array, trained: int, place: Array, at: Array) -> dict[int, Array]:
    """window -> the errors that describe it."""
    return {int(row): sample for rows, sample in pools(errors, trained, place, at) for row in rows}


def test_a_place_is_described_by_its_own_training_errors() -> None:
    errors = np.arange(2 * 40, dtype=float).reshape(2, 40, 1)
    samples = pooled(errors, 30, np.array([0, 1, 1]), np.array([35, 35, 39]))
    np.testing.assert_array_equal(samples[0], errors[0, :30])
    np.testing.assert_array_equal(samples[2], errors[1, :30])


def test_a_place_with_a_short_record_is_described_by_its_country() -> None:
    errors = np.ones((2, 40, 1))
    errors[1, : 30 - (LEAST - 1)] = np.nan
    assert len(pooled(errors, 30, np.array([1]), np.array([35]))[0]) == 60
    errors[1, 30 - LEAST] = 1
    assert len(pooled(errors, 30, np.array([1]), np.array([35]))[0]) == 30


def test_a_country_without_training_months_is_described_by_what_it_had_shown() -> None:
    errors = np.broadcast_to(np.arange(40.0)[:, None], (3, 40, 1))
    samples = pooled(errors, 0, np.array([0, 2]), np.array([5, 39]))
    assert samples[0].max() == 5
    assert samples[1].max() == 39


@given(st.integers(0, 12), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 39)), max_size=20))
def test_every_window_is_described_once(trained: int, windows: list[tuple[int, int]]) -> None:
    place, at = (np.array([each[part] for each in windows], dtype=np.int64) for part in (0, 1))
    rows = [row for rows, _ in pools(np.zeros((3, 40, 1)), trained * 3, place, at) for row in rows]
    assert sorted(rows) == list(range(len(windows)))
