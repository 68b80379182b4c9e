"""Where a run's models come from, as a vault sees it: first weights that it knows, then steps of bounded length.

A coordinator that may send any model can send one that is made to read records. Under a policy with `start = "seeded"`
the first weights are those that the plan's seed gives here, or that the operator accepted. With `largest_step`, every
later model lies near the one that came before, and `largest_distance` bounds the whole way. Lengths are in sizes of the
country's own first update from known weights, once as L2 norm and once as largest element: the second keeps a step from
being spent on a few weights. The tested model is the mean of models that came in rounds.

A vault that missed rounds measures from the last model it received, or from the first weights: who was absent for long
cannot tell a model that moved from one that was swapped.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import torch

from federation.errors import PolicyRefusal
from federation.policy.file import accepted_models
from federation.policy.keys import Policy
from federation.training.jobs import Result, Tensors, rounding_seed
from federation.vault.requests import Request, numpy_of
from federation.wire.compression import arrived
from federation.wire.model import model_digest

REFERENCE = "reference"  # arm of the training that measures an update and is reported to nobody
LAST, UNIT, WALKED = "lineage/last/", "lineage/unit/", "lineage/walked"
ROUNDING = 1e-6  # share by which a bound may be passed: sums of float32 differ in their last place


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """last: 'model/NAME' and 'shared/NAME' as they came last, empty before the first.

    unit: 'model' and 'shared' -> (2,) L2 norm and largest element of the first update; empty until it is known.
    walked: sum of all ways so far, in L2 units.
    """

    last: Tensors = field(default_factory=dict)
    unit: Tensors = field(default_factory=dict)
    walked: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A model that came under a policy that bounds it. moved: see `way`; empty for the mean of known models."""

    before: Lineage
    moved: Tensors = field(default_factory=dict)

    def needs_reference(self, *, learns: bool) -> bool:
        """Whether the country must train from the first weights to know the size of an update, which stays at home.

        Not where it trains from these weights anyway.
        """
        first = not self.before.last and not self.before.unit
        return first and (not learns or any(bool(size.any()) for size in self.moved.values()))


def arrival(request: Request, memory: Tensors, policy: Policy, seen: Mapping[int, str]) -> Arrival | None:
    """What a request brings, as far as it can be checked before training; None under a policy that bounds nothing.

    seen: round -> digest of the model that came with it. Raises PolicyRefusal.
    """
    if not bounded(policy):
        return None
    before = from_memory(memory)
    if request.candidates:
        check_candidates(request, before, seen, policy)
        return Arrival(before=before)
    last = before.last or known_start(request, policy, accepted_models(policy))
    came = Arrival(before=before, moved=way(last, arrived_arrays(request)))
    if before.last:
        after_step(request, before, came.moved, policy)
    return came


def memory_after(
    request: Request, came: Arrival | None, results: Mapping[str, Result], policy: Policy
) -> dict[str, torch.Tensor]:
    """What to keep once a round was trained. Raises PolicyRefusal for a first model that is too far from the start."""
    if came is None or request.kind == "test":
        return {}
    trained = results.get(REFERENCE, results["federated"])
    unit = came.before.unit or ({} if trained.params is None else unit_of(trained, request))
    return to_memory(after_step(request, replace(came.before, unit=unit), came.moved, policy))


def bounded(policy: Policy) -> bool:
    """Whether a policy asks where models come from."""
    return policy.start == "seeded" or bool(policy.largest_step or policy.largest_distance)


def from_memory(memory: Tensors) -> Lineage:
    """As `to_memory` kept it."""
    return Lineage(
        last={name.removeprefix(LAST): value for name, value in memory.items() if name.startswith(LAST)},
        unit={name.removeprefix(UNIT): value for name, value in memory.items() if name.startswith(UNIT)},
        walked=float(memory.get(WALKED, torch.zeros(()))),
    )


def to_memory(lineage: Lineage) -> dict[str, torch.Tensor]:
    """What a vault keeps of it with a round."""
    kept = {f"{LAST}{name}": value for name, value in lineage.last.items()}
    kept |= {f"{UNIT}{group}": value for group, value in lineage.unit.items()}
    return kept | {WALKED: torch.tensor(lineage.walked, dtype=torch.float64)}


def arrived_arrays(request: Request) -> dict[str, torch.Tensor]:
    """What travels both ways, under the names of a frame."""
    named = {f"model/{name}": value for name, value in request.weights.items()}
    return named | {f"shared/{name}": value for name, value in request.shared.items()}


def first_arrays(request: Request) -> dict[str, torch.Tensor]:
    """What the first round of a plan brings: weights by its seed, arrays of the strategy as it begins them."""
    model = request.travelling
    named = {f"model/{name}": value for name, value in model.items()}
    named |= {f"shared/{name}": value for name, value in request.strategy.shared(model).items()}
    came = arrived(named, request.plan.transport, rounding_seed(request.plan.seed, 1))
    return {name: torch.from_numpy(value) for name, value in came.items()}


def known_start(request: Request, policy: Policy, accepted: Collection[str]) -> Tensors:
    """The arrays from which the first model that comes is measured.

    Raises PolicyRefusal for first weights that are neither seeded nor accepted.
    """
    came = arrived_arrays(request)
    if policy.start == "received":
        return came
    first = first_arrays(request)
    if model_digest(numpy_of(request.weights)) in accepted:
        came_first = {name: value for name, value in came.items() if name.startswith("model/")}
        return first | came_first  # strategies begin their arrays alike, from any weights
    if request.round == 1 and not _same(came, first):
        raise PolicyRefusal(
            f"{policy.country} refuses the first weights of run {request.run}: they are neither those of seed "
            f"{request.plan.seed} nor accepted there. Its operator may accept a model (`gotong node accept FILE`), or "
            f"edit `start` in {policy.path} on that country's node"
        )
    return first


def way(before: Tensors, after: Tensors) -> dict[str, torch.Tensor]:
    """'model', 'shared' -> (2,) float64: L2 norm and largest element of what lies between two states."""
    return {
        group: sizes([after[name].double() - before[name].double() for name in names])
        for group in ("model", "shared")
        if (names := [name for name in after if name.startswith(f"{group}/")])
    }


def unit_of(result: Result, request: Request) -> dict[str, torch.Tensor]:
    """The size of an update: that of its weights which travel, and of what the strategy releases with it."""
    assert result.params is not None
    change = [result.params[name] - result.job.start[name] for name in request.travelling]
    released = list(result.finished.released.values())
    return {"model": sizes(change)} | ({"shared": sizes(released)} if released else {})


def sizes(change: list[torch.Tensor]) -> torch.Tensor:
    """(2,) float64: L2 norm and largest element of a list of arrays."""
    flat = torch.cat([value.double().reshape(-1) for value in change])
    return torch.stack([flat.norm(), flat.abs().max()])


def after_step(request: Request, lineage: Lineage, moved: Tensors, policy: Policy) -> Lineage:
    """The lineage once this model came. Raises PolicyRefusal for a step or a whole way that is too long."""
    if policy.largest_step and not _within(moved, lineage.unit, policy.largest_step):
        raise PolicyRefusal(
            f"{policy.country} refuses the model of round {request.round} of run {request.run}: it lies further than "
            f"{policy.largest_step:g} first updates from the last one that came. A vault that missed rounds may have "
            f"to sit out the run; to allow longer steps, edit `largest_step` in {policy.path} on that country's node"
        )
    walked = lineage.walked + _length(moved, lineage.unit)
    if policy.largest_distance and walked > policy.largest_distance * (1 + ROUNDING):
        raise PolicyRefusal(
            f"{policy.country} refuses the model of round {request.round} of run {request.run}: all steps together "
            f"are longer than {policy.largest_distance:g} first updates; to allow more, edit `largest_distance` in "
            f"{policy.path} on that country's node"
        )
    return Lineage(last=arrived_arrays(request), unit=lineage.unit, walked=walked)


def check_candidates(request: Request, lineage: Lineage, seen: Mapping[int, str], policy: Policy) -> None:
    """Raise PolicyRefusal unless every model of the tested mean came in its round, or lies near the last that came.

    seen: round -> digest of the model that came with it.
    """
    for round_, weights in request.candidates.items():
        if seen.get(round_) == model_digest(numpy_of(weights)):
            continue
        named = {f"model/{name}": value for name, value in weights.items()}
        last = {name: value for name, value in lineage.last.items() if name in named}
        near = bool(last) and policy.largest_step and _within(way(last, named), lineage.unit, policy.largest_step)
        if round_ in seen or not near:
            raise PolicyRefusal(
                f"{policy.country} refuses the test of run {request.run}: the model of round {round_} in its mean is "
                f"none that it received"
            )


def _same(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def _within(moved: Tensors, unit: Tensors, bound: float) -> bool:
    still = torch.zeros(2, dtype=torch.float64)
    return all(bool((size <= bound * (1 + ROUNDING) * unit.get(group, still)).all()) for group, size in moved.items())


def _length(moved: Tensors, unit: Tensors) -> float:
    size = float(moved["model"][0])
    return size / float(unit["model"][0]) if size else 0.0
