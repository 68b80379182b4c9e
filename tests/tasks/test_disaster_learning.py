"""Loss, model, scores and the logistic baseline against other implementations and values computed by hand."""

import numpy as np
import pytest
import torch
import xarray
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scores.probability import brier_score

from tasks.disaster import TASK
from tasks.disaster.baselines import logistic
from tasks.disaster.features import width
from tasks.disaster.learning import build_model
from tasks.disaster.learning import loss as cross_entropy
from tasks.disaster.scores import SCORES
from tasks.disaster.settings import DisasterSettings
from tasks.evaluation.score import Evaluated, merge

NAN = float("nan")
brier_skill = SCORES["brier_skill"]


def evaluated(forecast: np.ndarray, reference: np.ndarray, observed: np.ndarray) -> Evaluated:
    months = np.datetime64("2010-01", "M") + np.arange(len(observed))
    return Evaluated(
        forecast=forecast, reference=reference, observed=observed, place=np.zeros(len(observed), int), origin=months
    )


def test_the_loss_is_the_mean_log_loss_of_what_was_reported() -> None:
    output = torch.tensor([[[0.0], [2.0]], [[-1.0], [50.0]]])
    target = torch.tensor([[1.0, NAN], [0.0, NAN]])
    expected = -(np.log(0.5) + np.log(1 - expit(-1.0))) / 2
    assert cross_entropy(output, target).item() == pytest.approx(expected)


def test_nothing_reported_costs_nothing_and_teaches_nothing() -> None:
    output = torch.randn(4, 3, 1, requires_grad=True)
    loss = cross_entropy(output, torch.full((4, 3), NAN))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert output.grad is not None
    assert (output.grad == 0).all()


def test_the_loss_of_many_clients_at_once_is_that_of_each() -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(5, 8, 3, 1, generator=generator)
    target = torch.where(torch.rand(5, 8, 3, generator=generator) < 0.3, NAN, 1.0)
    together = torch.func.vmap(cross_entropy)(output, target)
    alone = torch.stack([cross_entropy(o, t) for o, t in zip(output, target, strict=True)])
    torch.testing.assert_close(together, alone)


def test_an_untrained_model_says_what_the_climatology_says() -> None:
    settings = DisasterSettings()
    generator = torch.Generator().manual_seed(0)
    usual = torch.rand(6, 3, generator=generator)
    inputs = {"features": torch.randn(6, width(settings), generator=generator), "offset": torch.logit(usual)}
    output = build_model(settings, 1)(inputs, torch.tensor(5)).detach().numpy()
    np.testing.assert_allclose(TASK.forecast(output, None)[..., 0], usual, atol=1e-6)  # type: ignore[arg-type]


@given(seed=st.integers(0, 1000))
def test_brier_agrees_with_the_library_of_the_field(seed: int) -> None:
    rng = np.random.default_rng(seed)
    forecast, observed = rng.random((20, 3, 1)), np.where(rng.random((20, 3)) < 0.3, 1.0, 0.0)
    observed[rng.random((20, 3)) < 0.2] = NAN
    estimate = brier_skill.derived["brier"].estimate(brier_skill.sums(evaluated(forecast, forecast, observed)))
    known = [
        float(brier_score(xarray.DataArray(forecast[:, h, 0]), xarray.DataArray(observed[:, h])).values)
        for h in range(3)
    ]
    np.testing.assert_allclose(estimate.value[:3], known)


def test_skill_is_one_minus_the_ratio_of_brier_scores() -> None:
    observed = np.array([[1.0], [0.0], [0.0], [NAN]])
    forecast, reference = np.full((4, 1, 1), 0.5), np.full((4, 1, 1), 0.25)
    estimate = brier_skill.estimate(brier_skill.sums(evaluated(forecast, reference, observed)))
    assert estimate.value[0] == pytest.approx(1 - 0.75 / (0.5625 + 2 * 0.0625))
    assert estimate.n.tolist() == [3, 3]


def test_where_nothing_happened_there_is_no_skill_to_speak_of() -> None:
    calm = evaluated(np.zeros((5, 2, 1)), np.full((5, 2, 1), 0.2), np.zeros((5, 2)))
    empty = evaluated(np.zeros((0, 2, 1)), np.zeros((0, 2, 1)), np.zeros((0, 2)))
    for nothing in (calm, empty):
        estimate = brier_skill.estimate(brier_skill.sums(nothing))
        assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    struck = evaluated(np.full((5, 2, 1), 0.1), np.full((5, 2, 1), 0.2), np.array([[1.0, 0.0]] * 5))
    both = brier_skill.estimate(merge([brier_skill.sums(calm), brier_skill.sums(struck)]))
    assert both.value[0] == pytest.approx(1 - 0.81 / (0.04 + 0.64)), (
        "a calm country counts as well as one that was struck"
    )
    assert np.isnan(both.value[1])
    assert tuple(brier_skill.sums(calm)) == (*brier_skill.names, "small_count")


@pytest.mark.parametrize(("events", "few"), [(0, 0), (1, 1), (4, 1), (5, 0), (15, 0), (16, 1), (19, 1), (20, 0)])
def test_a_skill_of_few_events_or_few_calm_months_says_so_and_has_no_terms(events: int, few: int) -> None:
    """Of a forecast that is known, as a constant one is, the Brier score counts the events."""
    struck = np.zeros((20, 2))
    struck[:events, 0], struck[:10, 1] = 1.0, 1.0
    some = evaluated(np.full((20, 2, 1), 0.1), np.full((20, 2, 1), 0.2), struck)
    assert brier_skill.sums(some)["small_count"].tolist() == [few, 0, few]
    assert brier_skill.terms is not None
    above, _ = brier_skill.terms(some)
    assert np.isnan(above[:, 0]).all() == bool(few or not events)
    assert np.isfinite(above[:, 1]).all()


@pytest.mark.parametrize("which", ["forecast", "reference"])
def test_events_are_few_where_few_of_them_were_forecast(which: str) -> None:
    """Seven happened; one of the two forecasts is there for one of them alone, and its sum would count that one."""
    struck, known = np.zeros((40, 1)), np.full((40, 1, 1), 0.1)
    struck[:7] = 1.0
    gone = known.copy()
    gone[1:7] = NAN
    some = evaluated(*((gone, known) if which == "forecast" else (known, gone)), struck)
    assert brier_skill.sums(some)["small_count"].tolist() == [1, 1]
    assert brier_skill.terms is not None
    assert np.isnan(brier_skill.terms(some)[0]).all()


def test_the_logistic_regression_finds_what_made_the_data() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([-1.0, 0.6, -1.2])
    table = np.concatenate([np.ones((200_000, 1)), rng.standard_normal((200_000, 2))], axis=1)
    event = np.where(rng.random(200_000) < expit(table @ truth), 1.0, 0.0)
    event[:5], table[5:9, 1] = NAN, NAN
    np.testing.assert_allclose(logistic(table, event), truth, atol=0.03)


@pytest.mark.parametrize("happened", [0.0, 1.0, NAN])
def test_the_logistic_regression_survives_a_country_where_nothing_varies(happened: float) -> None:
    usual = np.full(50, logit(0.1))
    table = np.stack([np.ones(50), usual, np.zeros(50)], axis=-1)
    coefficients = logistic(table, np.full(50, happened))
    assert np.isfinite(coefficients).all()
    if np.isnan(happened):
        np.testing.assert_array_equal(coefficients, [0, 1, 0])
    else:
        assert (expit(table[0] @ coefficients) > 0.1) == (happened == 1)


def test_the_reference_of_the_task_is_its_cells_own_past() -> None:
    assert next(iter(TASK.scores)) == "brier_skill"
    assert TASK.reference == "cell_climatology"
    assert TASK.levels == ()
