"""One aggregation: Flower's strategy on copies, fed with the weights that the checked updates amount to."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy as FlowerStrategy
from numpy.typing import NDArray

from federation.coordinator.checks import Update
from federation.coordinator.state import Arrays, Progress
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.strategy import Part, Strategy

LISTED = "@"  # marks a place in a list; FedAvgM keeps its momentum without names


def separate(updates: Iterable[Update], settings: StrategySettings) -> list[Part]:
    """One part a client that learnt, in alphabetical order, so that arrival does not matter."""
    ordered = sorted((update for update in updates if update.examples), key=lambda update: update.country)
    weights = bounded([weight(update, settings.weights) for update in ordered], settings.largest_share)
    return [
        Part(
            weight=one,
            change=update.change,
            shared=update.shared,
            examples=update.examples,
            steps=update.steps,
            loss=update.loss,
            start_loss=update.start_loss,
        )
        for update, one in zip(ordered, weights, strict=True)
    ]


def bounded(weights: Sequence[float], largest_share: float | None) -> list[float]:
    """None larger than that many times their median: how many examples a country has is its own claim."""
    if largest_share is None or not weights:
        return list(weights)
    most = largest_share * float(np.median(weights))
    return [min(one, most) for one in weights]


def combined(parts: Sequence[Part]) -> Part:
    """Many parts as one, which for a linear strategy are the same as the many. Summed in double precision."""
    total = sum(part.weight for part in parts)
    return Part(
        weight=total,
        change={name: _sum([(part.weight / total, part.change[name]) for part in parts]) for name in parts[0].change},
        shared={name: _sum([(1.0, part.shared[name]) for part in parts]) for name in parts[0].shared},
        examples=sum(part.examples for part in parts),
        steps=sum(part.steps for part in parts),
    )


def _sum(terms: Sequence[tuple[float, NDArray[Any]]]) -> NDArray[Any]:
    first = terms[0][1]
    total = np.zeros(first.shape)
    for factor, value in terms:
        total += factor * value
    return total.astype(first.dtype)


class SampledNodes:
    """The part of a Flower Grid that a strategy uses: the nodes of one round, and no others."""

    def __init__(self, nodes: Sequence[int]) -> None:
        self._nodes = list(nodes)

    def get_node_ids(self) -> Iterable[int]:
        """The sampled nodes."""
        return list(self._nodes)


def configured(server: FlowerStrategy, round_: int, progress: Progress, nodes: Sequence[int]) -> dict[int, Arrays]:
    """node -> weights to train from, as Flower's strategy wants them for this round."""
    if not nodes:
        return {}  # Flower would wait for one without end
    if hasattr(server, "current_arrays"):
        server.current_arrays = None  # FedAvgM would go on from its own last aggregate, not from the model we hold
    messages = server.configure_train(round_, _record(progress.model), ConfigRecord(), cast(Grid, SampledNodes(nodes)))
    seen: dict[int, Arrays] = {}  # Flower sends everybody the same record; thousands of copies would fill the memory
    weights: dict[int, Arrays] = {}
    for message in messages:
        record = message.content.array_records["arrays"]
        if id(record) not in seen:
            seen[id(record)] = {name: array.numpy() for name, array in record.items()}
        weights[message.metadata.dst_node_id] = seen[id(record)]
    return weights


def aggregated(
    server: FlowerStrategy,
    strategy: Strategy,
    plan: Plan,
    progress: Progress,
    parts: Sequence[Part],
    examples: Mapping[str, int],
    countries: int,
) -> Progress:
    """Progress after one more round.

    examples: client -> those its reply rests on, of all whose reply counts. countries: clients of the region, present
    or not.
    """
    round_ = progress.round + 1
    adjusted = strategy.adjust(parts, plan, round_)
    arrays, _ = server.aggregate_train(round_, [_reply(part, progress.model) for part in adjusted])
    assert arrays is not None, "a quorum of updates was there"
    model = {
        name: (old + plan.strategy.server_step * (arrays[name].numpy() - old)).astype(old.dtype)
        for name, old in progress.model.items()
    }
    shared = progress.shared
    if strategy.merge is not None:
        shared = strategy.merge(progress.shared, [part.shared for part in parts], countries)
    last_aggregated = {**progress.last_aggregated, **{client: round_ for client, many in examples.items() if many}}
    return replace(
        progress,
        round=round_,
        model=model,
        shared=shared,
        server=memory_of(server),
        examples={**progress.examples, **examples},
        last_aggregated=last_aggregated,
    )


def memory_of(server: FlowerStrategy) -> dict[str, NDArray[Any]]:
    """What a Flower strategy keeps between rounds (moments, momentum), as named arrays."""
    kept: dict[str, NDArray[Any]] = {}
    for key, value in vars(server).items():
        if isinstance(value, dict) and key != "current_arrays":
            kept |= {f"{key}/{name}": np.asarray(array) for name, array in value.items()}
        elif isinstance(value, list):
            kept |= {f"{key}/{LISTED}{place:06}": np.asarray(array) for place, array in enumerate(value)}
    return kept


def give_memory(server: FlowerStrategy, memory: Arrays) -> None:
    """Put back what `memory_of` took out."""
    kept: dict[str, dict[str, NDArray[Any]]] = {}
    for path, value in memory.items():
        key, name = path.split("/", 1)
        kept.setdefault(key, {})[name] = value.copy()
    for key, values in kept.items():
        listed = all(name.startswith(LISTED) for name in values)
        setattr(server, key, [values[name] for name in sorted(values)] if listed else values)


def weight(update: Update, rule: str) -> float:
    """How much a country counts: its examples, their square root, or one."""
    return {"examples": float(update.examples), "sqrt": math.sqrt(update.examples), "equal": 1.0}[rule]


def _reply(part: Part, model: Arrays) -> Message:
    """A Flower reply that carries the weights a country arrived at; the request it replies to is only a shell."""
    weights = {name: model[name] + change for name, change in part.change.items()}
    content = RecordDict(
        {
            "arrays": _record(weights),
            "metrics": MetricRecord({"weight": part.weight}),
        }
    )
    return Message(content, dst_node_id=1, message_type="train")


def _record(arrays: Arrays) -> ArrayRecord:
    """In alphabetical order always: FedAvgM pairs the arrays of model and replies by place, not by name."""
    return ArrayRecord({name: Array(arrays[name]) for name in sorted(arrays)})
