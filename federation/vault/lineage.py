"""Where a run's models come from, as a vault sees it: first weights that it knows, then steps of bounded length.

A coordinator that may send any model can send one that is made to read records. Under a policy with `start = "seeded"`
the first weights are those that the plan's seed gives here, that the operator accepted, or with which a sealed run
ended that this vault took part in. With `largest_step`, no weight of a later model may lie further than that from where
it was in the model before, and `largest_distance` bounds the sum of these steps: weights that single records out are
tens to thousands, those of an honest run change by a few hundredths a round. The tested model is the mean of models
that came in rounds.

A vault that missed rounds measures from the last model it received, or from the first weights: who was absent for long
cannot tell a model that moved from one that was swapped.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch

from federation.errors import PolicyRefusal
from federation.policy.file import accepted_models
from federation.policy.keys import Policy
from federation.training.jobs import Tensors, rounding_seed
from federation.vault.requests import Request, numpy_of
from federation.wire.compression import arrived
from federation.wire.model import model_digest

LAST, WALKED = "lineage/last/", "lineage/walked"
ROUNDING = 1e-6  # share by which a bound may be passed: differences of float32 are off in their last place


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """last: 'model/NAME' and 'shared/NAME' as they came last, empty before the first. walked: sum of steps so far."""

    last: Tensors = field(default_factory=dict)
    walked: float = 0.0


def bounded(policy: Policy) -> bool:
    """Whether a policy asks where models come from."""
    return policy.start == "seeded" or bool(policy.largest_step or policy.largest_distance)


def admit(
    request: Request,
    memory: Tensors,
    policy: Policy,
    seen: Mapping[int, str],
    *,
    made: Collection[str] = (),
    tested: Collection[str] = (),
) -> Lineage | None:
    """The lineage once this request's model came; None where the policy bounds nothing, or nothing comes after it.

    seen: round -> digest of the model that came with it. made: digests of models that this vault worked out itself.
    tested: of those that runs ended with; they may be champions, and no run may begin with them: a coordinator could
    walk from run to run as far as it likes.
    Raises PolicyRefusal for a model that the policy forbids.
    """
    if not bounded(policy):
        return None
    before = from_memory(memory)
    if policy.start == "seeded" and request.champion:
        check_champion(request, policy, accepted_models(policy) | {*made, *tested})
    if request.candidates:
        _check_candidates(request, before, seen, policy)
        return None
    came = arrived_arrays(request)
    last = before.last or known_start(request, policy, accepted_models(policy) | {*made})
    step = length(last, came)
    _check_step(request, policy, step, before.walked + step)
    return Lineage(last=came, walked=before.walked + step)


def from_memory(memory: Tensors) -> Lineage:
    """As `to_memory` kept it."""
    last = {name.removeprefix(LAST): value for name, value in memory.items() if name.startswith(LAST)}
    return Lineage(last=last, walked=float(memory.get(WALKED, torch.zeros(()))))


def to_memory(lineage: Lineage | None) -> dict[str, torch.Tensor]:
    """What a vault keeps of it with a round."""
    if lineage is None:
        return {}
    kept = {f"{LAST}{name}": value for name, value in lineage.last.items()}
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
        first |= {name: value for name, value in came.items() if name.startswith("model/")}
    elif request.plan.initial_digest in accepted:  # of a country that missed the first round
        first |= {f"model/{name}": value for name, value in request.initial.items()}
    if request.round == 1 and length(first, came):
        raise PolicyRefusal(
            f"{policy.country} refuses the first weights of run {request.run}: they are neither those of seed "
            f"{request.plan.seed}, nor accepted there, nor of a sealed run that it took part in. Its operator may "
            f"accept a model (`gotong node accept`), or edit `start` in {policy.path} on that country's node"
        )
    return first


def length(before: Tensors, after: Tensors) -> float:
    """How far the weight lies that moved furthest."""
    assert before.keys() == after.keys(), "a run keeps its plan, and a plan its model"
    return max(float((after[name].double() - before[name].double()).abs().max()) for name in after)


def check_champion(request: Request, policy: Policy, known: Collection[str]) -> None:
    """Raise PolicyRefusal for a champion that this country neither tested, nor made, nor accepted."""
    if request.champion and model_digest(numpy_of(request.champion)) not in known:
        raise PolicyRefusal(
            f"{policy.country} refuses the champion of run {request.run}: it is no model that was tested here in a "
            f"run, nor one that was accepted (`gotong node accept`). To score any, edit `start` in {policy.path} on "
            f"that country's node"
        )


def _check_step(request: Request, policy: Policy, step: float, walked: float) -> None:
    for key, value, what in (
        ("largest_step", step, "a weight of it lies further from the last model that came than"),
        ("largest_distance", walked, "the steps up to it add up to more than"),
    ):
        bound = getattr(policy, key)
        if bound and value > bound * (1 + ROUNDING):
            raise PolicyRefusal(
                f"{policy.country} refuses the model of round {request.round} of run {request.run}: {what} {bound:g}. "
                f"A vault that missed rounds may have to sit out the run; to allow more, edit `{key}` in "
                f"{policy.path} on that country's node"
            )


def _check_candidates(request: Request, lineage: Lineage, seen: Mapping[int, str], policy: Policy) -> None:
    """Raise PolicyRefusal unless every model of the tested mean came in its round, or lies near the last that came."""
    for round_, weights in request.candidates.items():
        if seen.get(round_) == model_digest(numpy_of(weights)):
            continue
        named = {f"model/{name}": value for name, value in weights.items()}
        last = {name: value for name, value in lineage.last.items() if name in named}
        far = bool(policy.largest_step) and bool(last) and length(last, named) > policy.largest_step
        if round_ in seen or not last or far:
            raise PolicyRefusal(
                f"{policy.country} refuses the test of run {request.run}: the model of round {round_} in its mean is "
                f"none that it received"
            )
