"""Differences of two forecasts: their definition, a brute-force bootstrap, and how often they hold the truth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from tasks.evaluation.paired_difference import Blocks, blocks, merge_blocks, paired_interval
from tasks.evaluation.pointwise import brier
from tasks.evaluation.score import Array, Evaluated, Score
from tasks.evaluation.scores import mean_of, skill
from tasks.evaluation.totals import in_blocks
from tasks.registry import TASKS
from tasks.task import Task
from tests.tasks.evaluation.inputs import error, evaluated, taken

SCORES = {"mean": mean_of(error), "skill": skill(brier)}


def two(seed: int, rows: int = 200) -> tuple[Evaluated, Evaluated]:
    """Two arms on the same place-periods, which err together: what one is off, the other is too."""
    rng = np.random.default_rng(seed)
    one = evaluated(rng, rows)
    return one, replace(one, forecast=one.forecast + rng.normal(0.5, 1, one.forecast.shape))


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_difference_is_that_of_the_two_scores(score: Score, seed: int) -> None:
    mine, other = two(seed)
    interval = paired_interval(blocks(score, mine, other))
    expected = score.estimate(score.sums(mine)).value - score.estimate(score.sums(other)).value
    np.testing.assert_allclose(interval["value"], expected, rtol=1e-9, atol=1e-9)
    assert (interval["low"] <= interval["value"]).all()
    assert (interval["value"] <= interval["high"]).all()
    np.testing.assert_array_equal(interval["count"], score.estimate(score.sums(mine)).n)
    back = paired_interval(blocks(score, other, mine))
    np.testing.assert_allclose(back["low"], -interval["high"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_headline_of_every_task_has_terms(task: Task) -> None:
    assert next(iter(task.scores.values())).terms is not None


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_the_interval_is_that_of_drawing_the_same_blocks_for_both(score: Score) -> None:
    mine, other = two(7, rows=1000)
    labels = np.unique(in_blocks(mine, mine.observed)[0])
    block = mine.origin.astype(np.int64) // 6
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(300):
        rows = np.concatenate([np.flatnonzero(block == each) for each in rng.choice(labels, len(labels))])
        both = [score.estimate(score.sums(taken(each, rows))).value for each in (mine, other)]
        drawn.append(both[0] - both[1])
    interval = paired_interval(blocks(score, mine, other))
    number = len(labels)
    spread = (interval["high"] - interval["low"]) / 2 / student.ppf(0.975, number - 1)
    np.testing.assert_allclose(spread, np.std(drawn, axis=0) * np.sqrt(number / (number - 1)), rtol=0.2)


def test_arms_that_err_together_differ_clearly_where_their_own_intervals_overlap() -> None:
    better, score = evaluated(np.random.default_rng(5), gone=0.0), SCORES["mean"]
    better = replace(better, observed=better.forecast[..., 0] - better.observed)  # it is always too high
    worse = replace(better, forecast=better.forecast + 0.05)
    one, other = (score.estimate(score.sums(each)) for each in (better, worse))
    assert (one.high > other.low).all()
    interval = paired_interval(blocks(score, worse, better))
    np.testing.assert_allclose(interval["low"], 0.05)


def test_one_block_has_no_interval() -> None:
    mine, other = two(1)
    rows = mine.origin.astype(np.int64) // 6 == mine.origin.astype(np.int64)[0] // 6
    interval = paired_interval(blocks(SCORES["mean"], taken(mine, rows), taken(other, rows)))
    assert not any(values.any() for values in interval.values())


def test_two_blocks_have_an_interval_only_where_they_are_no_secret() -> None:
    """Difference d and half width w of blocks of one size would reveal both: d - w / 12.7 and d + w / 12.7."""
    mine, other = two(1)
    months = mine.origin.astype(np.int64) // 6
    rows = months < months.min() + 2
    merged = blocks(SCORES["mean"], taken(mine, rows), taken(other, rows))
    assert len(merged.labels) == 2
    assert not any(values.any() for values in paired_interval(merged).values())
    assert (paired_interval(merged, fewest=2)["high"] > paired_interval(merged, fewest=2)["low"]).all()


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.1, 0.9))
def test_merged_blocks_of_two_countries_equal_those_of_one_country(seed: int, share: float) -> None:
    mine, other = two(seed)
    here = np.random.default_rng(seed).random(len(mine.place)) < share
    whole = blocks(SCORES["mean"], mine, other)
    parts = [blocks(SCORES["mean"], taken(mine, rows), taken(other, rows)) for rows in (here, ~here)]
    for name, values in paired_interval(merge_blocks(parts)).items():
        np.testing.assert_allclose(values, paired_interval(whole)[name], rtol=1e-9, atol=1e-9)


def test_intervals_of_few_blocks_cover_the_truth_at_the_stated_rate() -> None:
    """Of five blocks, as in a test of two years; with the normal quantile it would be 86 of 100."""
    rng, held = np.random.default_rng(0), 0
    origin = np.datetime64("2006-12", "M") + np.arange(22)
    for _ in range(1000):
        interval = paired_interval(_of(origin, rng.normal(size=(22, 1))))
        held += bool(interval["low"][-1] <= 0 <= interval["high"][-1])
    assert 0.92 < held / 1000 < 0.97


def _of(origin: Array, points: Array) -> Blocks:
    labels, (above, count) = in_blocks(replace(two(1, len(origin))[0], origin=origin), points, np.ones_like(points))
    return Blocks(labels=labels, above=above, below=count, count=count)
