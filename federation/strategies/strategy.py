"""What a strategy is: settings, a client half that runs in the vault, a server half that runs in the coordinator.

A whole strategy, which trusts a country less the fewer steps it took:

>>> from dataclasses import dataclass, replace
>>> from federation.settings.parts import StrategySettings
>>> from federation.strategies.fedavg import client, server
>>> from federation.strategies.strategy import Strategy
>>> from federation.strategies.testing import check_strategy
>>>
>>> @dataclass
... class CautiousSettings(StrategySettings):
...     name: str = "cautious"
...     patience: float = 5.0  # steps after which half of a change is believed
>>>
>>> def adjust(parts, plan, round_):
...     shares = [part.steps / (part.steps + plan.strategy.patience) for part in parts]
...     return [
...         replace(part, change={name: value * value.dtype.type(share) for name, value in part.change.items()})
...         for part, share in zip(parts, shares)
...     ]
>>>
>>> CAUTIOUS = Strategy(name="cautious", settings=CautiousSettings, client=client, server=server, adjust=adjust)
>>> check_strategy(CAUTIOUS)

In a file of this folder and with a line in `__init__.py`, it is `gotong simulate strategy=cautious`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from federation.errors import ConfigError
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.training.jobs import ClientHalf, Tensors

if TYPE_CHECKING:  # a vault needs the client half alone, where Flower is not installed
    from flwr.serverapp.strategy import Strategy as FlowerStrategy

Arrays = Mapping[str, NDArray[Any]]
Vector = NDArray[np.float64]
T = TypeVar("T")

# Who takes part and how much each counts is decided by our rounds, so Flower's own sampling is open to all.
ROUNDS_DECIDE: dict[str, Any] = {
    "min_train_nodes": 1,
    "min_evaluate_nodes": 1,
    "min_available_nodes": 1,
    "weighted_by_key": "weight",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a strategy aggregates: the update of one client or, of a linear strategy, the weighted mean of many.

    weight: how much the client counts; of many, their sum. change: of the weights that travel, name -> array.
    shared: what the client half released with it; of many, the sum.
    examples, steps: training examples and optimiser steps of the client; of many, the sums.
    loss: mean training loss over the last pass of the records, in whose course the weights move; None where the
    country's policy keeps it, and of many.
    start_loss: the loss of the model that arrived over all training records; where the client half needs it, a
    number of every client, for an update without it does not count.
    """

    weight: float
    change: Arrays
    shared: Arrays = field(default_factory=dict)
    examples: int
    steps: int
    loss: float | None = None
    start_loss: float | None = None


def public(arrays: Mapping[str, T], private: Sequence[str]) -> dict[str, T]:
    """The weights that travel: all but those whose name matches a private pattern.

    Raises ConfigError for a pattern that matches nothing, and if nothing would travel.
    """
    for pattern in private:
        if not any(fnmatchcase(name, pattern) for name in arrays):
            raise ConfigError(f"strategy.private: {pattern!r} matches none of {', '.join(arrays)}")
    kept = {name: value for name, value in arrays.items() if not any(fnmatchcase(name, p) for p in private)}
    if not kept:
        raise ConfigError(
            f"strategy.private={list(private)} keeps every weight at home; nothing is left to learn together"
        )
    return kept


def nothing_shared(params: Arrays) -> dict[str, NDArray[Any]]:  # noqa: ARG001
    """No arrays travel with the model."""
    return {}


def no_memory(params: Tensors) -> Tensors:  # noqa: ARG001
    """A country remembers nothing between rounds."""
    return {}


def unadjusted(parts: Sequence[Part], plan: Plan, round_: int) -> Sequence[Part]:  # noqa: ARG001
    """Nothing is done to updates before they are averaged."""
    return parts


def no_remarks(parts: Sequence[Part], plan: Plan) -> Sequence[str]:  # noqa: ARG001
    """Nothing is done to any single update."""
    return [""] * len(parts)


def accept_any_plan(plan: Plan) -> None:
    """Goes with every training."""


def check_private_weights(plan: Plan) -> None:
    """Raise ConfigError for a plan that keeps nothing at home, which is plain averaging under another name."""
    if not plan.strategy.private:
        raise ConfigError(
            f"strategy={plan.strategy.name} with strategy.private=[] keeps nothing at home; set strategy=fedavg"
        )


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A federated algorithm as data.

    client: settings -> the half that trains. server: settings -> Flower's strategy, which aggregates the weights.
    shared: weights -> the arrays that travel with the model, at the start (SCAFFOLD's control variate).
    merge: (shared, what each country released with its update, countries in the region) -> new shared arrays.
    memory: weights -> what a country keeps for itself between rounds, at the start.
    adjust: (a part for each client, plan, round from 1) -> parts, whose weighted mean the server half takes.
    remarks: (a part for each client, plan) -> what `adjust` does to the update of each, in words for its country's row;
    empty where it counts as it came.
    fits: raises ConfigError for a plan that the algorithm cannot follow.
    step: the server half of a sealed run, which every country works out itself: (settings, round from 1, the mean
    change as one vector, what it kept) -> (how the model moves, what it keeps). Of + - * / and sqrt in double precision
    alone, so that all machines get the same bits; None where the algorithm needs more than the mean.
    reads_claims: `adjust` looks at steps, examples or losses of a part, of which a country may tell nothing.
    linear: the server half uses nothing of the updates but their weighted mean, so that thousands may be summed as they
    come. An algorithm that looks at each of them (a median, a trimmed mean) is not.
    """

    name: str
    settings: type[StrategySettings]
    client: Callable[[Any], ClientHalf]
    server: Callable[[Any], "FlowerStrategy"]
    shared: Callable[[Arrays], dict[str, NDArray[Any]]] = nothing_shared
    merge: Callable[[Arrays, Sequence[Arrays], int], dict[str, NDArray[Any]]] | None = None
    memory: Callable[[Tensors], Tensors] = no_memory
    adjust: Callable[[Sequence[Part], Plan, int], Sequence[Part]] = unadjusted
    remarks: Callable[[Sequence[Part], Plan], Sequence[str]] = no_remarks
    fits: Callable[[Plan], None] = accept_any_plan
    step: Callable[[Any, int, Vector, Mapping[str, Vector]], tuple[Vector, dict[str, Vector]]] | None = None
    reads_claims: bool = False
    linear: bool = False
