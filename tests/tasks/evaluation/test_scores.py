"""Scores against examples done by hand, other libraries, a brute-force bootstrap, and the whole they are parts of."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scoringrules
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from scores.continuous import quantile_score
from scores.probability import brier_score

from tasks.data import Array
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import absolute_error_of_median, brier, coverage, pinball, weighted_interval_score
from tasks.evaluation.score import LARGEST, Evaluated, Score, merge
from tasks.evaluation.scores import mean_of, relative, skill
from tasks.evaluation.totals import block_sums, block_totals, per_place
from tasks.registry import TASKS
from tasks.time_step import STEPS
from tests.whole import IN_FULL

AT = np.array(LEVELS)
QUARTILES = np.array([0.25, 0.5, 0.75])

_, BLOCK = STEPS["month"].block


def error(forecast: Array, observed: Array) -> Array:
    """A pointwise score that needs no levels."""
    return np.asarray(np.abs(observed - forecast[..., 0]))


def evaluated(rng: np.random.Generator, rows: int = 60, places: int = 4, gone: float = 0.2) -> Evaluated:
    """Random forecasts at two horizons with gaps."""
    observed = np.where(rng.random((rows, 2)) < gone, np.nan, rng.gamma(1, 10, (rows, 2)))
    return Evaluated(
        forecast=rng.gamma(1, 10, (rows, 2, 1)),
        reference=rng.gamma(1, 10, (rows, 2, 1)),
        observed=observed,
        place=rng.integers(0, places, rows),
        origin=np.datetime64("2004-01", "M") + rng.integers(0, 60, rows),
    )


def summed(points: Array, origin: Array) -> dict[str, Array]:
    """Sum, count and variance of points of months."""
    none = np.zeros((*points.shape, 1))
    whole = Evaluated(forecast=none, reference=none, observed=points, place=np.zeros(len(points), int), origin=origin)
    return block_sums(block_totals(points, whole))


def taken(whole: Evaluated, rows: Array) -> Evaluated:
    parts: dict[str, Any] = {name: own[rows] for name, own in vars(whole).items() if isinstance(own, np.ndarray)}
    return replace(whole, **parts)


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
