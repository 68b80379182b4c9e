"""Layers without a batching rule are named; those of the tasks' own models have one."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.models.batching import unbatched


class Model(nn.Module):
    """One layer on (N, 3, 4), and a sum."""

    def __init__(self, layer: nn.Module, call: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | None) -> Any:  # noqa: ARG002
        """(N, 3, 4) -> whatever the layer gives."""
        return self.call(self.layer, inputs["x"])


def fused(_: nn.Module, x: Tensor) -> Tensor:
    return nn.functional.scaled_dot_product_attention(x, x, x)


def plainly(layer: nn.Module, x: Tensor) -> Any:
    return layer(x)


NAMED = {
    "gru": (nn.GRU(4, 2, batch_first=True), plainly, "layer (nn.GRU): use a cell written with matrix products"),
    "lstm": (nn.LSTM(4, 2, batch_first=True), plainly, "layer (nn.LSTM): use a cell written with matrix products"),
    "batch norm": (nn.BatchNorm1d(3), plainly, "layer (nn.BatchNorm1d): use nn.LayerNorm"),
    "attention": (
        nn.MultiheadAttention(4, 2, batch_first=True),
        lambda layer, x: layer(x, x, x),
        "layer (nn.MultiheadAttention): use matrix products and softmax",
    ),
    "fused": (nn.Identity(), fused, "scaled_dot_product_attention: use matrix products and softmax"),
    "dropout": (nn.Dropout(0.2), plainly, "layer (nn.Dropout): use tasks.models.dropout"),
}


@pytest.mark.parametrize("case", NAMED)
def test_a_layer_without_a_rule_is_named_with_what_to_use(case: str) -> None:
    layer, call, said = NAMED[case]
    (line,) = unbatched(Model(layer, call), {"x": torch.zeros(2, 3, 4)})
    assert line.startswith(said)


@pytest.mark.parametrize("layer", [nn.LayerNorm(4), nn.Linear(4, 2), nn.BatchNorm1d(3, track_running_stats=False)])
def test_others_are_not(layer: nn.Module) -> None:
    assert unbatched(Model(layer, plainly), {"x": torch.zeros(2, 3, 4)}) == []
