"""Tokens that hold every feature once, attention as torch's own computes it, and nothing that is slow under vmap."""

from dataclasses import replace
from statistics import NormalDist
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import rms_norm, scaled_dot_product_attention

from tasks.agriculture.settings import AgricultureSettings
from tasks.agriculture.windowing import tokens as agriculture_tokens
from tasks.disaster.features import tokens as disaster_tokens
from tasks.disaster.settings import DisasterSettings
from tasks.errors import SettingError
from tasks.evaluation.levels import LEVELS
from tasks.health.features import tokens as health_tokens
from tasks.health.settings import HealthSettings
from tasks.models.attention import Attention, AttentionSettings, _Block, _normed
from tasks.models.choice import build, with_model
from tasks.models.losses import pinball
from tasks.models.model import Shape
from tasks.registry import TASKS

TOKENS = ((0, 3), (1,), (2, 4, 5))
FEATURES, HORIZONS = 6, 3


def attention(levels: tuple[float, ...] = LEVELS) -> Attention:
    return Attention(tokens=TOKENS, horizons=HORIZONS, levels=levels, width=8, heads=2, blocks=2, dropout=0.3, seed=1)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights away from the start, where the last ones are zero; without the linear part."""
    weights = {name: weight.detach() + drawn(*weight.shape, seed=seed) for name, weight in model.named_parameters()}
    return {name: torch.zeros_like(value) if "skip" in name else value for name, value in weights.items()}


def test_before_training_the_forecast_is_a_standard_normal_around_the_offset() -> None:
    inputs = {"features": drawn(4, FEATURES), "offset": drawn(4, HORIZONS)}
    normal = torch.tensor([NormalDist().inv_cdf(level) for level in LEVELS])
    torch.testing.assert_close(attention()(inputs), inputs["offset"][..., None] + normal, atol=1e-5, rtol=0)
    torch.testing.assert_close(attention(levels=())(inputs), inputs["offset"][..., None])


@pytest.mark.parametrize("column", range(FEATURES))
def test_every_feature_reaches_every_horizon_through_its_token(column: int) -> None:
    model = attention()
    weights, before = shaken(model, 1), drawn(5, FEATURES)
    after = before.clone()
    after[:, column] += 1
    moved = functional_call(model, weights, ({"features": after},)) - functional_call(
        model, weights, ({"features": before},)
    )
    assert (moved.abs().amax(dim=-1) > 1e-6).all()


def test_what_fills_up_a_short_token_counts_for_nothing() -> None:
    model, inputs = attention(), {"features": drawn(5, FEATURES)}
    weights = shaken(model, 1)
    other = weights["embed"].clone()
    other[1, 1:] += 1  # the second token has one feature
    assert torch.equal(
        functional_call(model, weights, (inputs,)), functional_call(model, weights | {"embed": other}, (inputs,))
    )


def test_attention_and_norm_are_those_of_torch() -> None:
    block, hidden = _Block(8, 2, torch.Generator().manual_seed(1)), drawn(5, 4, 8)
    query, key, value = block.look(hidden).reshape(5, 4, 3, 2, 4).permute(2, 0, 3, 1, 4)
    theirs = scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(5, 4, 8)
    torch.testing.assert_close(block._attended(hidden), theirs)
    torch.testing.assert_close(_normed(hidden), rms_norm(hidden, (8,), eps=1e-6))


def test_no_operation_falls_back_to_a_loop_under_vmap() -> None:
    model, clients = attention(), 3
    weights = [shaken(model, client) for client in range(clients)]
    stacked = {name: torch.stack([each[name] for each in weights]) for name in weights[0]}

    def loss(params: dict[str, Tensor], x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
        return pinball(functional_call(model, params, ({"features": x}, seed)), y, LEVELS)

    loops: Any = torch._C._functorch  # torch has no public way to forbid them
    loops._set_vmap_fallback_enabled(False)
    try:
        gradients = vmap(grad(loss))(stacked, drawn(clients, 9, FEATURES), drawn(clients, 9, HORIZONS), torch.arange(3))
    finally:
        loops._set_vmap_fallback_enabled(True)
    assert all(torch.isfinite(each).all() for each in gradients.values())


@pytest.mark.parametrize(
    ("tokens", "settings"),
    [
        (health_tokens, HealthSettings()),
        (health_tokens, HealthSettings(weather=False, lags=2, horizons=1)),
        (disaster_tokens, DisasterSettings(horizons=6)),
        (agriculture_tokens, AgricultureSettings()),
        (agriculture_tokens, AgricultureSettings(weather=[])),
    ],
)
def test_tokens_hold_every_feature_once(tokens: Any, settings: Any) -> None:
    columns = [column for token in tokens(settings) for column in token]
    assert sorted(columns) == list(range(len(columns)))
    assert all(tokens(settings))


def test_a_month_is_one_token_of_all_that_is_known_of_it() -> None:
    """By hand: 12 lags, 6 anomalies, 3 changes, 4 long means, 4 of the country, 4 waves, 3 levels, 3 x 4 of weather."""
    groups = health_tokens(HealthSettings())
    assert groups[0] == (0, 12, 25, 36, 40, 44)
    assert groups[5] == (5, 17)
    assert groups[11] == (11,)
    assert groups[12:] == ((18, 19, 20, 29, 30, 31, 32), (21, 22, 23, 24, 33, 34, 35), (48, 49, 50, 51))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"model": "oracle"}, "mlp or attention"),
        ({"attention": AttentionSettings(width=10, heads=4)}, "task.attention.heads=4"),
        ({"attention": AttentionSettings(blocks=0)}, "task.attention.blocks is 0"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(task: str, chosen: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        replace(TASKS[task].settings(), **chosen).check()


def test_the_name_chooses_the_model_and_its_settings_its_size() -> None:
    shape = Shape(tokens=TOKENS, horizons=HORIZONS, levels=())
    settings = with_model(HealthSettings(), "attention", width=12, heads=3, blocks=4)
    model = build(settings, shape, 1)
    assert isinstance(model, Attention)
    assert len(model.blocks) == 4
    assert model.place.shape == (len(TOKENS) + HORIZONS, 12)
