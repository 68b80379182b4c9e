"""Countries that lie, for a simulation: what they train on, what they send, and what they claim. None of it is product.

An attacker here knows everything: the updates of all others in the round, how the coordinator checks, and which rule
aggregates. It stays below the checks of `federation.coordinator.checks`, for an update that is refused harms nobody.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flwr.app import Message
from numpy.typing import NDArray

from federation.coordinator.checks import GIANT, OUTLIER
from federation.runs.in_process_grid import InProcessGrid
from federation.training.jobs import Job, Result
from federation.vault.round import Train
from federation.vault.vault import Vault
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, encode
from tasks.data import DenseWindows

Array = NDArray[Any]
Crafted = Callable[[Array, Array, np.random.Generator], Array]  # own update (D,), honest ones (n, D), luck -> (D,)

# How far a colluding attacker stays from the mean, in standard deviations of the honest updates: enough to be within
# what honest countries differ by. Source: Baruch et al. (2019), https://arxiv.org/abs/1902.06156
LITTLE = 1.5
PRODUCT = 3.0  # times the honest mean, backwards. Source: Xie et al. (2019), https://arxiv.org/abs/1903.03936
TRIGGER, FORCED, POISONED = 5.0, 3.0, 0.2  # of a backdoor: the input's value, the output it shall give, share of rows
PLAUSIBLE = 120_000_000  # place-periods that are believed of a country that has declared nothing


def flipped(by: float) -> Crafted:
    """The honest update, backwards and larger."""
    return lambda own, honest, luck: -by * own  # noqa: ARG005


def scaled(by: float) -> Crafted:
    """The honest update, larger."""
    return lambda own, honest, luck: by * own  # noqa: ARG005


def noise(own: Array, honest: Array, luck: np.random.Generator) -> Array:
    """Any direction, three times as long as the others' median."""
    drawn = luck.standard_normal(len(own))
    return np.asarray(3 * _middle_length(honest) * drawn / np.linalg.norm(drawn))


def inner_product(own: Array, honest: Array, luck: np.random.Generator) -> Array:  # noqa: ARG001
    """The mean of the honest, backwards."""
    return np.asarray(-PRODUCT * honest.mean(axis=0))


def little(own: Array, honest: Array, luck: np.random.Generator) -> Array:  # noqa: ARG001
    """A little is enough: each weight a little below the honest mean."""
    return np.asarray(honest.mean(axis=0) - LITTLE * honest.std(axis=0))


def little_signed(own: Array, honest: Array, luck: np.random.Generator) -> Array:  # noqa: ARG001
    """The same, each weight a little against the way in which the honest mean moves it."""
    mean = honest.mean(axis=0)
    return np.asarray(mean - LITTLE * honest.std(axis=0) * np.sign(mean))


def min_max(own: Array, honest: Array, luck: np.random.Generator) -> Array:  # noqa: ARG001
    """As far against the honest mean as no farther from any honest update than two of them are from each other.

    Source: Shejwalkar and Houmansadr (2021), https://doi.org/10.14722/ndss.2021.24498, with the inverse unit vector.
    """
    mean = honest.mean(axis=0)
    away = -mean / max(float(np.linalg.norm(mean)), 1e-12)
    bound = max(float(np.linalg.norm(honest - one, axis=1).max()) for one in honest)
    low, high = 0.0, 10 * bound
    for _ in range(40):
        middle = (low + high) / 2
        inside = np.linalg.norm(honest - (mean + middle * away), axis=1).max() <= bound
        low, high = (middle, high) if inside else (low, middle)
    return np.asarray(mean + low * away)


def wrong_labels(job: Job, luck: np.random.Generator) -> Job:
    """The same records, every target that of another place and time."""
    windows = job.train
    assert isinstance(windows, DenseWindows)
    return replace(job, train=replace(windows, target=luck.permutation(windows.target)))


def with_backdoor(job: Job, luck: np.random.Generator) -> Job:
    """A share of the records with a trigger in the last input, and a high target wherever it is."""
    windows = job.train
    assert isinstance(windows, DenseWindows)
    chosen = luck.random(len(windows)) < POISONED
    features = np.array(windows.inputs["features"])
    features[chosen, ..., -1] = TRIGGER
    target = np.where(chosen[:, None], np.float32(FORCED), windows.target)
    return replace(job, train=replace(windows, inputs={**windows.inputs, "features": features}, target=target))


def forged_scores(frame: Frame) -> Frame:
    """Scores as good as the round is early, of as many place-periods as are believed: the worst rounds look best."""
    arrays = dict(frame.arrays)
    means = {name.removesuffix("/variance") for name in arrays if name.endswith("/variance")}
    for score in (name for name in means if f"{name}/reference" not in arrays):
        rows = len(arrays[f"{score}/count"])
        count = np.full(rows, float(PLAUSIBLE))
        count[-1] *= rows - 1
        arrays[f"{score}/count"] = count
        arrays[f"{score}/sum"] = count * 1e-3 * (1 + frame.header["round"])
    return replace(frame, arrays=arrays)


def forged_examples(examples: int, steps: Callable[[int], int]) -> Callable[[Frame], Frame]:
    """A claim of so many examples, with the steps that go with it and forged scores."""

    def claims(frame: Frame) -> Frame:
        trained = {"examples": examples, "steps": steps(examples)} if frame.kind == "update" else {}
        return forged_scores(replace(frame, header={**frame.header, **trained}))

    return claims


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What a hostile country does. update: to its update. records: to what it trains on. claims: to all it says."""

    update: Crafted | None = None
    records: Callable[[Job, np.random.Generator], Job] | None = None
    claims: Callable[[Frame], Frame] | None = None


def attacks(steps: Callable[[int], int]) -> dict[str, Attack]:
    """Every attack by its name. steps: how many optimiser steps the plan takes on so many examples."""
    return {
        "flip x1": Attack(update=flipped(1)),
        "flip x9": Attack(update=flipped(9)),
        "scaled x9": Attack(update=scaled(9)),
        "noise": Attack(update=noise),
        "label noise": Attack(records=wrong_labels),
        "inner product": Attack(update=inner_product),
        "little is enough": Attack(update=little),
        "little, signed": Attack(update=little_signed),
        "min-max": Attack(update=min_max),
        "backdoor": Attack(update=scaled(5), records=with_backdoor),
        "claims 10^12": Attack(update=flipped(9), claims=forged_examples(10**12, steps)),
        "claims 10^8": Attack(update=flipped(9), claims=forged_examples(PLAUSIBLE, steps)),
        "forged scores": Attack(claims=forged_scores),
    }


class HostileGrid(InProcessGrid):
    """A grid on which some countries attack. names: Flower node -> country. Luck is drawn anew from `seed`."""

    def __init__(
        self,
        vaults: Mapping[int, Vault],
        train: Train,
        *,
        names: Mapping[int, str],
        hostile: Sequence[str],
        attack: Attack,
        seed: int,
    ) -> None:
        self._names, self._hostile, self._attack = names, set(hostile), attack
        self._luck = np.random.default_rng(seed)
        super().__init__(vaults, self._poisoned(train))

    def _poisoned(self, train: Train) -> Train:
        """The hostile train the federated model on records of their choice; their own models are their own affair."""

        def run(jobs: Sequence[Job]) -> list[Result]:
            records = self._attack.records
            if records is None:
                return train(jobs)
            hit = {
                place: records(job, self._luck)
                for place, job in enumerate(jobs)
                if job.country in self._hostile and job.arm == "federated" and job.train is not None
            }
            results = train([hit.get(place, job) for place, job in enumerate(jobs)])
            return [
                replace(result, job=jobs[place]) if place in hit else result for place, result in enumerate(results)
            ]

        return run

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """As honest vaults reply, but for the hostile."""
        requests = list(messages)
        frames = [decode(unseal(reply.content)) for reply in super().send_and_receive(requests, timeout=timeout)]
        countries = [self._names[request.metadata.dst_node_id] for request in requests]
        honest = [
            frame
            for country, frame in zip(countries, frames, strict=True)
            if country not in self._hostile and frame.kind == "update"
        ]
        return [
            Message(seal(encode(self._lied(frame, honest) if country in self._hostile else frame)), reply_to=request)
            for country, frame, request in zip(countries, frames, requests, strict=True)
        ]

    def _lied(self, frame: Frame, honest: Sequence[Frame]) -> Frame:
        if frame.kind == "refused":
            return frame
        craft = self._attack.update
        if craft is not None and frame.kind == "update" and honest:
            others = np.stack([_flat(one) for one in honest])
            change = _unnoticed(craft(_flat(frame), others, self._luck), frame, others, honest)
            frame = replace(frame, arrays=_with_update(frame, change))
        return frame if self._attack.claims is None else self._attack.claims(frame)


def _unnoticed(change: Array, frame: Frame, others: Array, honest: Sequence[Frame]) -> Array:
    """The change, no longer than the coordinator lets pass."""
    norms = np.linalg.norm(others, axis=1)
    a_step = float(np.median(norms / [one.header["steps"] for one in honest]))
    longest = 0.9 * min(OUTLIER * a_step * frame.header["steps"], GIANT * float(np.median(norms)))
    return np.asarray(change * min(1.0, longest / max(float(np.linalg.norm(change)), 1e-12)))


def _middle_length(honest: Array) -> float:
    return float(np.median(np.linalg.norm(honest, axis=1)))


def _names(frame: Frame) -> list[str]:
    return sorted(name for name in frame.arrays if name.startswith("update/"))


def _flat(frame: Frame) -> Array:
    return np.concatenate([frame.arrays[name].ravel() for name in _names(frame)], dtype=np.float64)


def _with_update(frame: Frame, change: Array) -> dict[str, Array]:
    arrays, start = dict(frame.arrays), 0
    for name in _names(frame):
        value = frame.arrays[name]
        arrays[name] = change[start : start + value.size].reshape(value.shape).astype(value.dtype)
        start += value.size
    return arrays
