"""SCAFFOLD: control variates correct the drift of countries that differ. Source: https://arxiv.org/abs/1910.06378

Option II of the paper: after K steps of size lr from x to y, c_i' = c_i - c + (x - y) / (K lr); the country releases
c_i' - c_i with its update, and the server adds their sum over all countries N: c' = c + (1 / N) sum (c_i' - c_i).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from federation.errors import ConfigError
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import server
from federation.strategies.strategy import Arrays, Strategy
from federation.training.jobs import ClientHalf, Finished, Tensors


@dataclass  # not frozen: Hydra merges it
class ScaffoldSettings(StrategySettings):
    """Nothing beyond what every strategy has; the paper weighs countries equally."""

    name: str = "scaffold"
    weights: str = "equal"


def correction(shared: Tensors, memory: Tensors) -> Tensors:
    """c - c_i, added to every gradient."""
    return {name: value - memory[name] for name, value in shared.items()}


def finish(start: Tensors, end: Tensors, travelled: float, shared: Tensors, memory: Tensors) -> Finished:
    """New c_i to keep and its change to release. `travelled` is the sum of the learning rates of all steps."""
    new = {name: memory[name] - shared[name] + (start[name] - end[name]) / travelled for name in shared}
    return Finished(released={name: new[name] - memory[name] for name in new}, memory=new)


def client(settings: ScaffoldSettings) -> ClientHalf:  # noqa: ARG001
    """Corrected steps and a new control variate."""
    return ClientHalf(correction=correction, finish=finish)


def zeros(params: Arrays) -> dict[str, NDArray[Any]]:
    """The server's control variate before the first round."""
    return {name: np.zeros_like(value) for name, value in params.items()}


def merge(shared: Arrays, released: Sequence[Arrays], countries: int) -> dict[str, NDArray[Any]]:
    """c + (1 / N) sum of the released changes; N counts all countries of the region, present or not."""
    return {
        name: value + np.sum([one[name] for one in released], axis=0, dtype=value.dtype) / value.dtype.type(countries)
        for name, value in shared.items()
    }


def fits(plan: Plan) -> None:
    """Control variates are mean gradients only if every step is lr times a gradient."""
    training = plan.training
    if training.optimizer != "sgd" or training.momentum or training.clip_gradient is not None:
        raise ConfigError(
            "strategy=scaffold needs plain gradient steps: set training=sgd, "
            "or training.optimizer=sgd training.momentum=0 training.clip_gradient=null"
        )


SCAFFOLD = Strategy(
    name="scaffold",
    settings=ScaffoldSettings,
    client=client,
    server=server,
    shared=zeros,
    merge=merge,
    memory=lambda params: {name: torch.zeros_like(value) for name, value in params.items()},
    fits=fits,
    linear=True,
)
