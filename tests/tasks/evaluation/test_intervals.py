"""Intervals come from blocks of time, and a slice or a country changes no block."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.data import Array
from tasks.evaluation.pointwise import brier
from tasks.evaluation.score import Evaluated, Score, merge
from tasks.evaluation.scores import mean_of, skill
from tasks.time_step import STEPS
from tests.tasks.evaluation.inputs import BLOCK, error, evaluated, summed, taken


@pytest.mark.parametrize("score", [mean_of(error), skill(brier)], ids=["mean", "skill"])
def test_one_block_of_time_has_no_interval(score: Score) -> None:
    """As a test of one harvest: what one block leaves no spread of is not known to the last digit."""
    whole = evaluated(np.random.default_rng(3))
    one = taken(whole, whole.origin.astype(np.int64) // BLOCK == whole.origin.astype(np.int64)[0] // BLOCK)
    one_block = score.estimate(score.sums(one))
    assert np.isfinite(one_block.value).all()
    assert np.isnan(one_block.low).all()
    assert np.isnan(one_block.high).all()
    assert np.isfinite(score.estimate(score.sums(whole)).low).all()


def test_blocks_are_half_years_and_keep_regions_together() -> None:
    """Two places with the same errors are one observation: a copy doubles the sum and its standard deviation."""
    rng = np.random.default_rng(5)
    origin = np.datetime64("2004-01", "M") + np.arange(10 * BLOCK)
    points = rng.gamma(1, 1, (len(origin), 1))
    one, two = summed(points, origin), summed(np.tile(points, (2, 1)), np.tile(origin, 2))
    np.testing.assert_allclose(two["variance"], 4 * one["variance"])


def blocks_of(whole: Evaluated, score: Score) -> list[dict[str, Array]]:
    label = whole.origin.astype(int) // BLOCK
    return [dict(score.sums(taken(whole, label == each))) for each in np.unique(label)]


@pytest.mark.parametrize("score", [mean_of(error), skill(error)], ids=["mean", "skill"])
def test_intervals_equal_those_of_a_block_bootstrap(score: Score) -> None:
    """4,000 times: draw as many half years as there are, with replacement, and take the score of what was drawn."""
    rng = np.random.default_rng(6)
    rows = 40 * BLOCK * 3
    regime = np.repeat(rng.gamma(2, 1, 40), BLOCK * 3)[:, None]  # half years differ: forecasts are not independent
    origin = np.datetime64("1980-01", "M") + np.arange(rows) // 3
    forecast, reference = (regime * rng.gamma(2, scale, (rows, 2)) for scale in (1.0, 1.5))
    whole = Evaluated(
        forecast=forecast[..., None],
        reference=(reference + forecast)[..., None],
        observed=np.where(rng.random((rows, 2)) < 0.2, np.nan, 0.0),
        place=np.arange(rows) % 3,
        origin=origin,
    )
    parts = blocks_of(whole, score)
    assert len(parts) == 40
    stacked = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    drawn = rng.integers(0, 40, (4000, 40))
    values = [score.estimate({name: each[rows].sum(axis=0) for name, each in stacked.items()}).value for rows in drawn]
    analytic = score.estimate(score.sums(whole))
    bootstrap = 1.96 * np.std(values, axis=0) * np.sqrt(40 / 39)
    np.testing.assert_allclose((analytic.high - analytic.low) / 2, bootstrap, rtol=0.06)
    np.testing.assert_allclose(analytic.value, np.mean(values, axis=0), rtol=0.02)


def test_the_variance_of_two_countries_is_that_of_independent_ones() -> None:
    rng = np.random.default_rng(7)
    parts = [mean_of(error).sums(evaluated(rng)) for _ in range(2)]
    np.testing.assert_allclose(merge(parts)["variance"], parts[0]["variance"] + parts[1]["variance"])


def test_the_variance_of_a_sum_by_hand() -> None:
    """Blocks with sums 1, 3 and 5 and one forecast each: 3 blocks times their sample variance 4."""
    origin = np.array(["2004-01", "2004-07", "2005-01"], "datetime64[M]")
    np.testing.assert_allclose(summed(np.array([[1.0], [3], [5]]), origin)["variance"], 12)


def test_two_blocks_have_no_spread_for_it_and_their_sum_would_reveal_both() -> None:
    """A third one in which nothing was reported does not hide them."""
    origin = np.array(["2004-01", "2004-07", "2005-01"], "datetime64[M]")
    for known in (np.array([[1.0], [3]]), np.array([[1.0], [3], [np.nan]])):
        np.testing.assert_array_equal(summed(known, origin[: len(known)])["variance"], 0)


def test_one_block_gives_no_interval_but_the_value() -> None:
    whole = evaluated(np.random.default_rng(8))
    short = Evaluated(**{**vars(whole), "origin": np.full(len(whole.place), np.datetime64("2004-01", "M"))})
    of_one_block = mean_of(error).estimate(mean_of(error).sums(short))
    np.testing.assert_array_equal(of_one_block.low, of_one_block.high)


def test_a_slice_of_places_has_the_blocks_of_time_of_the_whole() -> None:
    whole = evaluated(np.random.default_rng(0))
    first = whole.take(whole.origin < np.datetime64("2006-01", "M"))
    assert len(first.all_blocks()) == len(whole.all_blocks()) > len(replace(first, blocks=None).all_blocks())


@pytest.mark.parametrize(
    ("step", "one", "same", "other"),
    [
        ("month", "2004-07", "2004-12", "2005-01"),
        ("week", "2009-11-12", "2010-02-10", "2010-02-11"),  # 160 x 91 days after 1970, and 91 days on
        ("day", "2004-01-01", "2004-12-31", "2005-01-01"),
    ],
)
def test_blocks_of_time_by_step(step: str, one: str, same: str, other: str) -> None:
    labels = STEPS[step].blocks(np.array([one, same, other], STEPS[step].dtype))
    assert labels[0] == labels[1] == labels[2] - 1
