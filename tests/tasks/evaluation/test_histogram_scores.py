"""Numbers from histograms against counting by hand and the library of the field; scores of events against both."""

from dataclasses import replace

import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st
from scores.categorical import BasicContingencyManager
from scores.probability import roc_curve_data

from tasks.evaluation.event_scores import above, below, brier_skill, itself, warning
from tasks.evaluation.histogram_scores import (
    MEASURES,
    RATIOS,
    auc,
    average_precision,
    csi,
    far,
    pod,
    reliability,
    value_at,
)
from tasks.evaluation.histograms import BINS, CUTS, EDGES, counted
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.score import Array, Evaluated, FinalScore, merge
from tasks.registry import TASKS
from tests.tasks.evaluation.test_histograms import random


def binned(chance: Array) -> Array:
    """What a histogram knows of a probability: the bin's number."""
    return np.clip(np.searchsorted(EDGES, chance, side="right") - 1, 0, BINS - 1)


def known(seed: int, row: int) -> tuple[Array, Array]:
    chance, happened = random(seed, 200)
    reported = np.isfinite(happened[:, row])
    return chance[reported, row], happened[reported, row]


@given(st.integers(0, 2**32 - 1))
def test_auc_is_the_share_of_pairs_in_order(seed: int) -> None:
    area = auc(counted(*random(seed, 200), 0.3)).value
    for row in range(3):
        chance, happened = known(seed, row)
        events, others = binned(chance)[happened == 1], binned(chance)[happened == 0]
        pairs = events[:, None] - others[None]
        assert area[row] == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)


@given(st.integers(0, 2**32 - 1))
def test_auc_agrees_with_the_library_of_the_field(seed: int) -> None:
    area = auc(counted(*random(seed, 200), 0.3)).value
    for row in range(3):
        chance, happened = known(seed, row)
        centres = xarray.DataArray((binned(chance) + 0.5) / BINS)  # any rising numbers: AUC knows order alone
        thresholds = np.concatenate([np.arange(BINS + 1) / BINS, [1.1]])
        curve = roc_curve_data(centres, xarray.DataArray(happened), thresholds, check_args=False)
        assert area[row] == pytest.approx(float(curve["AUC"]), abs=1e-9)


def test_fine_bins_lose_little_of_the_auc() -> None:
    """Against all pairs of the probabilities themselves, which are of all sizes."""
    chance, happened = random(5, 3000)
    area = auc(counted(chance, happened, 0.3)).value[0]
    reported = np.isfinite(happened[:, 0])
    one, zero = (chance[reported & (happened[:, 0] == value), 0] for value in (1, 0))
    assert area == pytest.approx((one[:, None] > zero[None]).mean(), abs=0.005)


@given(st.integers(0, 2**32 - 1))
def test_average_precision_by_the_definition(seed: int) -> None:
    precision = average_precision(counted(*random(seed, 200), 0.3)).value
    for row in range(3):
        chance, happened = known(seed, row)
        total, before = 0.0, 0.0
        for at in range(BINS - 1, -1, -1):
            warned = binned(chance) >= at
            recall = happened[warned].sum() / happened.sum()
            total += (recall - before) * (happened[warned].mean() if warned.any() else 0.0)
            before = recall
        assert precision[row] == pytest.approx(total)


def test_reliability_of_honest_probabilities_is_small_and_of_wrong_ones_their_error_squared() -> None:
    rng = np.random.default_rng(1)
    chance = rng.random((60_000, 1))
    happened = (rng.random((60_000, 1)) < chance).astype(float)
    assert reliability(counted(chance, happened, 0.3)).value[0] < 2e-4
    wrong = counted(np.full((400, 1), 0.45), (np.arange(400) < 100).astype(float)[:, None], 0.3)
    assert reliability(wrong).value[0] == pytest.approx((0.45 - 0.25) ** 2)


@given(seed=st.integers(0, 2**32 - 1), cut=st.sampled_from(CUTS))
def test_the_table_agrees_with_the_library_of_the_field(seed: int, cut: float) -> None:
    sums = counted(*random(seed, 200), cut)
    for row in range(3):
        chance, happened = known(seed, row)
        warned = chance >= cut
        events = happened == 1
        table = {
            "tp_count": (warned & events).sum(),
            "fp_count": (warned & ~events).sum(),
            "fn_count": (~warned & events).sum(),
            "tn_count": (~warned & ~events).sum(),
            "total_count": len(events),
        }
        field = BasicContingencyManager({name: xarray.DataArray(float(value)) for name, value in table.items()})
        for mine, theirs in ((pod, "probability_of_detection"), (far, "false_alarm_ratio"), (csi, "threat_score")):
            expected = float(getattr(field, theirs)())
            np.testing.assert_allclose(mine(sums).value[row], expected)


@given(seed=st.integers(0, 2**32 - 1), ratio=st.sampled_from(RATIOS))
def test_the_value_is_what_acting_on_the_forecast_saves(seed: int, ratio: float) -> None:
    """Month by month: acting costs the ratio, an event without action costs 1."""
    worth = value_at(ratio)(counted(*random(seed, 200), 0.3)).value
    for row in range(3):
        chance, happened = known(seed, row)
        acting = chance >= ratio
        spent = (np.where(acting, ratio, happened)).mean()
        without = min(ratio, happened.mean())
        perfect = (happened * ratio).mean()
        assert worth[row] == pytest.approx((without - spent) / (without - perfect))


def test_a_perfect_forecast_is_perfect_and_one_without_events_says_nothing() -> None:
    happened = (np.arange(100) < 30).astype(float)[:, None]
    perfect = counted(happened, happened, 0.3)
    expected = {"average_precision": 1, "reliability": 0, "pod": 1, "far": 0, "csi": 1}
    for name, estimate in MEASURES.items():
        assert estimate(perfect).value.tolist() == pytest.approx([expected.get(name, 1)] * 2), name
    assert auc(perfect).value.tolist() == [1, 1]
    calm = counted(np.full((50, 1), 0.1), np.zeros((50, 1)), 0.3)
    for name in ("pod", "far", "csi", "average_precision", "value_30"):
        assert np.isnan(MEASURES[name](calm).value).all(), name
    assert np.isnan(auc(calm).value).all()


# Events


def evaluated(levels: int, threshold: bool, seed: int = 0) -> Evaluated:
    rng = np.random.default_rng(seed)
    forecast, reference = np.sort(rng.gamma(2, 10, (2, 300, 3, levels)), axis=-1)
    chance = rng.random((2, 300, 3, 1))
    observed = rng.gamma(2, 10, (300, 3)) if threshold else (rng.random((300, 3)) < 0.3).astype(float)
    return Evaluated(
        forecast=forecast if threshold else chance[0],
        reference=reference if threshold else chance[1],
        observed=np.where(rng.random((300, 3)) < 0.1, np.nan, observed),
        place=rng.integers(0, 5, 300),
        origin=np.datetime64("2000-01", "M") + rng.integers(0, 100, 300),
        threshold=np.where(rng.random((300, 3)) < 0.1, np.nan, rng.gamma(2, 12, (300, 3))) if threshold else None,
    )


def test_more_and_less_than_the_threshold_are_opposites() -> None:
    case = evaluated(23, True)
    more, less = above(LEVELS)(case), below(LEVELS)(case)
    assert case.threshold is not None
    unknown = np.isnan(case.observed) | np.isnan(case.threshold)
    np.testing.assert_allclose((more[0] + less[0])[~unknown], 1)
    np.testing.assert_allclose((more[2] + less[2])[~unknown], 1)
    np.testing.assert_array_equal(np.isnan(more[2]), unknown)
    np.testing.assert_array_equal(more[2] == 1, case.observed > case.threshold)


def test_the_brier_score_of_an_event_is_that_of_its_chance() -> None:
    case = evaluated(1, False)
    score = brier_skill(itself, "brier")
    sums = score.sums(case)
    mine = np.square(case.forecast[..., 0] - case.observed)
    theirs = np.square(case.reference[..., 0] - case.observed)
    assert score.estimate(sums).value[-1] == pytest.approx(1 - np.nanmean(mine) / np.nanmean(theirs))
    assert score.derived["brier"].estimate(sums).value[-1] == pytest.approx(np.nanmean(mine))
    assert sums["seen"].tolist() == [1, 1, 1, 1]  # and not how many events


def test_warnings_are_given_from_the_cost_loss_ratio_on() -> None:
    case = replace(evaluated(1, False), cost_loss=0.6)
    table = warning(itself, "x_").sums(case)
    warned = (case.forecast[..., 0] >= 0.6) & np.isfinite(case.observed)
    assert table["hits"][-1] + table["false_alarms"][-1] == warned.sum()
    assert table["hits"][-1] == case.observed[warned].sum()


@pytest.mark.parametrize("name", ["health", "agriculture", "disaster"])
def test_scores_of_warnings_are_of_the_test_alone_and_are_all_there(name: str) -> None:
    scores = TASKS[name].scores
    once = {each for each, score in scores.items() if isinstance(score, FinalScore)}
    prefix = {"health": "outbreak_", "agriculture": "shortfall_", "disaster": ""}[name]
    assert f"{prefix}auc" in once
    assert {f"{prefix}{each}" for each in MEASURES} == set(scores[f"{prefix}auc"].derived)
    assert f"{prefix}brier" in scores[f"{prefix}brier_skill"].derived
    assert len(once) < len(scores)


def test_numbers_of_two_countries_come_from_their_added_histograms() -> None:
    parts = [counted(*random(seed, 100), 0.3) for seed in (1, 2)]
    chance, happened = (np.concatenate(each) for each in zip(random(1, 100), random(2, 100), strict=True))
    whole = counted(chance, happened, 0.3)
    for estimate in (auc, *MEASURES.values()):
        np.testing.assert_allclose(estimate(merge(parts)).value, estimate(whole).value)
