"""The model of a sealed run: every country works it out itself from the sums, and gets the same bits.

It never travels to a country. Server steps are of + - * / and sqrt in double precision, in a fixed order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import SealError
from federation.seals.fixed_point import Floats
from federation.seals.layout import ScoreName
from federation.seals.masks import digest
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.wire.frame import Frame, decode, encode
from federation.wire.model import model_digest, model_mean
from tasks.evaluation.score import Sums
from tasks.registry import TASKS

Arrays = Mapping[str, NDArray[Any]]
DIGITS = 9  # of a score by which rounds are ranked, so that its last places decide nothing


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model that was scored. value: the region's validation loss, smaller is better."""

    round: int
    value: float
    weights: Arrays


@dataclass(frozen=True, kw_only=True)
class SharedModel:
    """After so many rounds. weights: float32, those that travel. memory: of the server step, a vector each.

    best: candidates for the final model, the best first.
    """

    round: int
    weights: Arrays
    memory: Arrays = field(default_factory=dict)
    best: tuple[Candidate, ...] = ()

    @property
    def digest(self) -> bytes:
        """32 bytes, of all that later models follow from."""
        parts: list[object] = ["model", self.round, model_digest(self.weights), model_digest(self.memory)]
        for candidate in self.best:
            parts += [candidate.round, repr(candidate.value), model_digest(candidate.weights)]
        return digest(*parts)

    def scored(self, validation: Mapping[ScoreName, Sums], plan: Plan) -> "SharedModel":
        """With these weights among the candidates, if the region's sums place them there."""
        value = loss(validation, plan) if plan.keep_best else None
        if value is None:
            return self
        ranked = sorted(
            (*self.best, Candidate(round=self.round, value=value, weights=self.weights)),
            key=lambda candidate: (candidate.value, candidate.round),
        )
        return replace(self, best=tuple(ranked[: plan.keep_best]))

    def stepped(self, change: Floats, plan: Plan) -> "SharedModel":
        """After one more round. change: (values,) the weighted mean of the countries' updates.

        Raises SealError where weights stop being finite.
        """
        strategy = STRATEGIES[plan.strategy.name]
        assert strategy.step is not None, "a plan of a sealed run is checked"
        step, memory = strategy.step(plan.strategy, self.round + 1, change, self.memory)
        moved = vector(self.weights) + plan.strategy.server_step * step
        if not np.isfinite(moved).all():
            raise SealError(f"the model of round {self.round + 1} holds weights that are not finite")
        return replace(self, round=self.round + 1, weights=named(moved, self.weights), memory=memory)

    def final(self) -> Arrays:
        """The mean of the candidates, or the last weights where none are kept."""
        ordered = sorted(self.best, key=lambda candidate: candidate.round)
        return model_mean([candidate.weights for candidate in ordered]) if ordered else self.weights


def loss(validation: Mapping[ScoreName, Sums], plan: Plan) -> float | None:
    """The region's headline of the federated model over all horizons, smaller is better; None where nothing counts."""
    headline, score = next(iter(TASKS[plan.task.name].scores.items()))
    value = float(score.estimate(validation["validation", "federated", headline]).value[-1])
    if not np.isfinite(value):
        return None
    return round(-value if score.better == "larger" else value, DIGITS)


def vector(arrays: Arrays) -> Floats:
    """All of them as one, in alphabetical order of names."""
    return np.concatenate([np.asarray(arrays[name], np.float64).reshape(-1) for name in sorted(arrays)])


def named(values: Floats, like: Arrays) -> dict[str, NDArray[Any]]:
    """A vector as arrays of these names, shapes and dtypes."""
    arrays, at = {}, 0
    for name in sorted(like):
        size = like[name].size
        arrays[name] = values[at : at + size].reshape(like[name].shape).astype(like[name].dtype)
        at += size
    return arrays


def to_bytes(model: SharedModel) -> bytes:
    """As it is kept."""
    arrays = {f"weights/{name}": value for name, value in model.weights.items()}
    arrays |= {f"memory/{name}": value for name, value in model.memory.items()}
    for candidate in model.best:
        arrays |= {f"best.{candidate.round}/{name}": value for name, value in candidate.weights.items()}
    header = {"round": model.round, "best": [[candidate.round, candidate.value] for candidate in model.best]}
    return encode(Frame(kind="sealed model", header=header, arrays=arrays))


def from_bytes(data: bytes) -> SharedModel:
    """As `to_bytes` made it."""
    frame = decode(data)
    best = tuple(
        Candidate(round=round_, value=value, weights=_copied(frame.group(f"best.{round_}")))
        for round_, value in frame.header["best"]
    )
    weights, memory = _copied(frame.group("weights")), _copied(frame.group("memory"))
    return SharedModel(round=frame.header["round"], weights=weights, memory=memory, best=best)


def _copied(arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {name: value.copy() for name, value in arrays.items()}
