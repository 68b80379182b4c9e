"""The mix that a country issues: shares of least loss in the validation years, shrunk to equal ones by their number."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from federation.settings.parts import AdaptationSettings
from federation.vault.own_models import choices, mixing
from federation.vault.own_models.adaptation import Past, mixed
from federation.vault.own_models.choices import Choices
from federation.vault.records import open_records
from tasks.data import Array
from tasks.models.losses import pinball
from tasks.registry import TASKS
from tasks.task import Task
from tests.federation.toy import TOY
from tests.federation.vault.requesting import plan_of

LEVELS = (0.1, 0.5, 0.9)
LEVELLED = replace(TOY, levels=LEVELS, loss=lambda output, target: pinball(output, target, LEVELS))


def years(many: int, rows: int = 240) -> Array:
    months = np.datetime64("2001-01", "M") + np.arange(rows) % (12 * many)
    return np.repeat(months[:, None], 2, axis=1)


def past(many: int) -> tuple[Past, dict[str, Array]]:
    """What happened is between two members; the third knows nothing."""
    rng = np.random.default_rng(many)
    target = rng.normal(size=(240, 2))
    spread = np.array([-1.0, 0.0, 1.0])
    then = {
        "low": target[..., None] - 1 + 0.5 * spread,
        "high": target[..., None] + 2 + 0.5 * spread,
        "noise": rng.normal(0, 3, (240, 2))[..., None] + spread,
    }
    return Past(target=target.astype(np.float32), due=years(many)), then


@pytest.mark.parametrize("many", [1, 2, 8])
def test_shares_are_the_best_of_a_grid_shrunk_by_the_years(many: int) -> None:
    seen, then = past(many)
    settings = AdaptationSettings(years=2.0)
    found = mixing.shares(then, seen, LEVELLED, settings)
    outputs, target = np.stack(list(then.values())), torch.from_numpy(seen.target.astype(np.float64))

    def loss(share: Array) -> float:
        return float(pinball(torch.from_numpy(np.tensordot(share, outputs, 1)), target, LEVELS))

    grid = [np.array([a, b, 20 - a - b]) / 20 for a, b in product(range(21), repeat=2) if a + b <= 20]
    trust = many / (many + 2)
    best = (np.array(list(found.values())) - (1 - trust) / 3) / trust
    assert sum(found.values()) == pytest.approx(1)
    assert loss(best) <= min(map(loss, grid)) + 1e-6
    assert best == pytest.approx(min(grid, key=loss), abs=0.06)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_loss_is_one_of_any_horizons(task: Task) -> None:
    """Shares of each horizon are those of least loss of it alone."""
    width = len(task.levels) or 1
    output, target = torch.randn(6, 2, width), torch.zeros(6, 2)
    whole, (first, second) = task.loss(output, target), (task.loss(output[:, [h]], target[:, [h]]) for h in (0, 1))
    assert whole.item() == pytest.approx((first + second).item() / 2, rel=1e-5)


def test_shares_of_each_horizon_are_its_own_best_drawn_to_those_of_all() -> None:
    """Of the second horizon the other member is right, and the mix of each is nearer to what happened."""
    seen, then = past(2)
    then["high"][:, 1] -= 2  # now right itself
    one, each = (mixing.shares(then, seen, LEVELLED, AdaptationSettings(by_horizon=by)) for by in (False, True))
    alone = [
        mixing.shares(
            {name: output[:, [h]] for name, output in then.items()},
            Past(target=seen.target[:, [h]], due=seen.due[:, [h]]),
            LEVELLED,
            AdaptationSettings(years=0),
        )
        for h in (0, 1)
    ]
    for name in then:
        wanted = np.array([np.squeeze(own[name]) for own in alone]) / 2 + one[name] / 2
        np.testing.assert_allclose(each[name], wanted, atol=2e-3)
    mixes = [mixed(then, shares) for shares in (one, each)]
    losses = [
        float(LEVELLED.loss(torch.from_numpy(mix), torch.from_numpy(seen.target))) for mix in mixes if mix is not None
    ]
    assert losses[1] < 0.95 * losses[0]
    kept = choices.from_memory(choices.to_memory(Choices(shares=each), plan_of())).shares
    assert all(np.array_equal(kept[name], each[name]) for name in then)


def test_without_a_known_month_and_of_one_member_shares_are_equal() -> None:
    seen, then = past(2)
    unknown = Past(target=np.full_like(seen.target, np.nan), due=seen.due)
    assert set(mixing.shares(then, unknown, LEVELLED, AdaptationSettings()).values()) == {1 / 3}
    assert mixing.shares({"low": then["low"]}, seen, LEVELLED, AdaptationSettings()) == {"low": 1}
    assert mixing.shares({}, seen, LEVELLED, AdaptationSettings()) == {}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_baseline_comes_back_from_model_units_and_the_strongest_is_of_the_validation(
    task: Task, tmp_path: Path
) -> None:
    settings = task.settings()
    task.synthesize(tmp_path, "LAO", 1, settings)
    records = open_records(task, settings, tmp_path, "LAO", b"key")
    windows = {part: records.windows[part] for part in records.known}
    nearest = 0.5 if task.name == "health_weekly" else 1e-5  # whose quantiles are whole cases
    assert task.output is not None
    for part in records.known:
        for forecast in records.known[part].values():
            there = task.output(forecast, records.windows[part])
            assert np.isfinite(there).all()
            np.testing.assert_allclose(
                task.forecast(there, records.windows[part]), forecast, atol=nearest + 1e-5, rtol=1e-6
            )
    ((strongest, forecast),) = mixing.strongest_baseline(records).items()
    assert forecast is records.known["validation"][strongest]
    shifted = {part: task.output(records.known[part][strongest], cut) + 9 for part, cut in windows.items()}
    worse = {
        part: {**each, strongest: task.forecast(shifted[part], windows[part])} for part, each in records.known.items()
    }
    assert strongest not in mixing.strongest_baseline(replace(records, known={**records.known, **worse}))
    assert strongest in mixing.strongest_baseline(replace(records, known={**records.known, "test": worse["test"]}))
