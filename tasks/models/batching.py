"""Layers that cannot be trained for many clients in one step, and what to use instead.

Training many clients at once runs a model under `torch.func.vmap`. A layer without a batching rule makes it fail, so
that clients train one after another, or makes torch loop over the clients inside of the layer.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

INSTEAD: Mapping[type[nn.Module], str] = {
    nn.RNNBase: "a cell written with matrix products, stepped over the sequence by hand",
    nn.modules.batchnorm._BatchNorm: "nn.LayerNorm, or a norm without running statistics",
    nn.MultiheadAttention: "matrix products and softmax, as tasks/models/attention.py does",
    nn.modules.dropout._DropoutNd: "tasks.models.dropout, whose masks are a function of the job's seed",
}
FUSED_ATTENTION = "scaled_dot_product_attention"


def unbatched(model: nn.Module, inputs: Mapping[str, Tensor] | None = None) -> list[str]:
    """A line for each layer that has no batching rule: its name, its type, and what to use instead.

    inputs: name -> (N, ...), to see what a forward pass calls; without them modules alone are looked at.
    """
    lines = [
        f"{name or 'the model'} (nn.{type(module).__name__}): use {instead}"
        for name, module in model.named_modules()
        for kind, instead in INSTEAD.items()
        if isinstance(module, kind) and getattr(module, "track_running_stats", True)
    ]
    if not lines and inputs is not None and FUSED_ATTENTION in _called(model, inputs):
        lines.append(f"{FUSED_ATTENTION}: use {INSTEAD[nn.MultiheadAttention]}")
    return lines


@torch.no_grad()
def _called(model: nn.Module, inputs: Mapping[str, Tensor]) -> set[str]:
    listening = _Listening()
    with listening:
        model(inputs, None)
    return listening.names


class _Listening(TorchFunctionMode):
    """Names of the functions of torch that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Note the name, call the function."""
        self.names.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))
