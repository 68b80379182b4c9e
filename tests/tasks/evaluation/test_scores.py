"""Scores against examples done by hand, other libraries, a brute-force bootstrap, and the whole they are parts of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.score import LARGEST, Evaluated, Score, merge
from tasks.evaluation.scores import mean_of, relative, skill
from tasks.evaluation.totals import per_place
from tasks.registry import TASKS
from tasks.time_step import STEPS
from tests.tasks.evaluation.inputs import error, evaluated, taken
from tests.whole import IN_FULL


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_sums_of_parts_merge_to_the_sums_of_the_whole(seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    whole = evaluated(rng)
    part = rng.integers(0, parts, len(whole.place))
    score = mean_of(error)
    merged = merge(score.sums(taken(whole, part == each)) for each in range(parts))
    for name in ("sum", "count"):
        np.testing.assert_allclose(merged[name], score.sums(whole)[name])
    np.testing.assert_allclose(score.estimate(merged).value, score.estimate(score.sums(whole)).value)
    points = error(whole.forecast, whole.observed)
    np.testing.assert_allclose(score.estimate(merged).value, [*np.nanmean(points, axis=0), np.nanmean(points)])


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_relative_scores_merge_over_any_split_of_places(seed: int, cut: int) -> None:
    whole = evaluated(np.random.default_rng(seed))
    score = relative(error)
    merged = merge(score.sums(taken(whole, rows)) for rows in (whole.place < cut, whole.place >= cut))
    for name in score.names:
        np.testing.assert_allclose(merged[name], score.sums(whole)[name], atol=1e-12)


SCORES = {"mean": mean_of(error), "relative": relative(error), "skill": skill(error)}


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_the_order_of_merging_does_not_matter(score: Score) -> None:
    rng = np.random.default_rng(3)
    parts = [score.sums(evaluated(rng)) for _ in range(4)]
    for name, total in merge(parts).items():
        np.testing.assert_allclose(merge(parts[::-1])[name], total)
        assert total.dtype == np.float64
    assert set(merge(parts)) - score.internal() == set(score.names)


def test_merging_changes_no_part_and_needs_one() -> None:
    parts = [mean_of(error).sums(evaluated(np.random.default_rng(seed))) for seed in (1, 2)]
    before = [{name: values.copy() for name, values in part.items()} for part in parts]
    merge(parts)
    for part, copy in zip(parts, before, strict=True):
        for name, values in copy.items():
            np.testing.assert_array_equal(part[name], values)
    with pytest.raises(ValueError, match="no sums"):
        merge([])


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_a_country_without_forecasts_adds_nothing(score: Score) -> None:
    some = evaluated(np.random.default_rng(1))
    nothing = score.sums(taken(some, np.zeros(len(some.place), bool)))
    alone, both = score.estimate(score.sums(some)), score.estimate(merge([nothing, score.sums(some)]))
    np.testing.assert_array_equal(alone.value, both.value)
    empty = score.estimate(nothing)
    assert np.isnan(empty.value).all()
    assert not empty.n.any()


def test_a_relative_score_by_hand() -> None:
    """Two places: half the reference's error, twice it; a third has a perfect reference and is left out."""
    whole = Evaluated(
        forecast=np.array([1.0, 4, 5])[:, None, None],
        reference=np.array([2.0, 2, 0])[:, None, None],
        observed=np.zeros((3, 1)),
        place=np.arange(3),
        origin=np.full(3, np.datetime64("2004-01", "M")),
    )
    sums = relative(error).sums(whole)
    np.testing.assert_allclose(relative(error).estimate(sums).value, [1, 1])
    np.testing.assert_array_equal(sums["left_out"], [1, 1])
    np.testing.assert_array_equal(sums["places"], [2, 2])


@given(st.integers(0, 2**32 - 1))
def test_the_reference_against_itself_has_no_skill(seed: int) -> None:
    whole = evaluated(np.random.default_rng(seed))
    same = Evaluated(**{**vars(whole), "forecast": whole.reference})
    relation, gain = relative(error), skill(error)
    np.testing.assert_allclose(relation.estimate(relation.sums(same)).value, 1)
    no_gain = gain.estimate(gain.sums(same))
    np.testing.assert_allclose(no_gain.value, 0, atol=1e-12)
    np.testing.assert_allclose(no_gain.high - no_gain.low, 0, atol=1e-6)  # the difference has no variance


def test_skill_is_one_minus_the_ratio_of_means() -> None:
    whole = evaluated(np.random.default_rng(4))
    gained = skill(error).estimate(skill(error).sums(whole)).value
    mine, theirs = (error(each, whole.observed) for each in (whole.forecast, whole.reference))
    np.testing.assert_allclose(gained[-1], 1 - np.nanmean(mine) / np.nanmean(theirs))


def test_means_per_place_by_hand() -> None:
    points = np.array([[1.0, 3], [2, np.nan], [6, 8]])
    mean, count = per_place(points, np.array([0, 0, 2]))
    np.testing.assert_allclose(mean, np.array([[1.5, 0, 6], [3, 0, 8], [2, 0, 7]]))
    np.testing.assert_array_equal(count, [[2, 0, 1], [1, 0, 1], [3, 0, 2]])


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in TASKS for name in TASKS[task].scores])
@settings(max_examples=300 if IN_FULL else 10)
@given(step=st.sampled_from([*STEPS]), seed=st.integers(0, 2**32 - 1), slices=st.integers(1, 5))
def test_totals_of_slices_of_places_are_those_of_all(task: str, name: str, step: str, seed: int, slices: int) -> None:
    """However the places are divided, and wherever the blocks of time of a slice begin and end."""
    rng, score = np.random.default_rng(seed), TASKS[task].scores[name]
    quantiles = len(TASKS[task].levels)
    shape = (80, 2, quantiles or 1)
    forecast, reference = (np.sort(rng.random(shape) * 10, axis=-1) / (1 if quantiles else 10) for _ in range(2))
    observed = np.where(rng.random((80, 2)) < 0.2, np.nan, rng.gamma(1, 5, (80, 2)))
    whole = Evaluated(
        forecast=forecast,
        reference=reference,
        observed=observed if quantiles else np.where(np.isnan(observed), np.nan, observed > 5),
        place=rng.integers(0, 7, 80),
        origin=STEPS[step].after(np.array("2004-12", STEPS[step].dtype), rng.integers(0, 900, 80)),
        unit=rng.gamma(1, 5, 80),
        threshold=rng.gamma(1, 5, (80, 2)),
        step=step,
    )
    owner = rng.integers(0, slices, 7)[whole.place]
    merged = merge(score.totals(whole.take(owner == each)) for each in range(slices))
    for key, total in score.finish(merged).items():
        np.testing.assert_allclose(total, score.sums(whole)[key], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_the_largest_terms_of_slices_are_those_of_all(score: Score) -> None:
    """By horizon the largest point, and of all horizons the sum of these: a record is a target of each."""
    whole = evaluated(np.random.default_rng(11))
    sums = score.finish(merge(score.totals(whole.take(whole.place == each)) for each in range(4)))
    most = np.nanmax(error(whole.forecast, whole.observed), axis=0)
    name = "forecast" if "forecast" in score.magnitudes else "sum"
    np.testing.assert_array_equal(sums[f"{LARGEST}{name}"], [*most, most.sum()])
    if "reference" in score.magnitudes:
        most = np.nanmax(error(whole.reference, whole.observed), axis=0)
        np.testing.assert_array_equal(sums[f"{LARGEST}reference"], [*most, most.sum()])


MAGNITUDES = {
    "health": {"log_wis", "wis", "mae", "relative_log_wis"},
    "health_weekly": {"log_wis", "wis", "mae", "relative_log_wis"},
    "disaster": set(),
    "agriculture": {"pinball", "wis", "mae", "relative_pinball"},
    "river": {"crps_of_mean", "crps_skill", "crps_skill_separated", "relative_crps"},
    "prices": {"log_wis", "skill", "relative_log_wis", "log_mae"},
}


@pytest.mark.parametrize("task", TASKS)
def test_errors_are_magnitudes_and_events_are_not(task: str) -> None:
    assert {name for name, score in TASKS[task].scores.items() if score.magnitudes} == MAGNITUDES[task]
