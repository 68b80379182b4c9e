"""The model that a sealed run begins with: by the plan's seed, or one that this country knows.

The coordinator may send weights with its request for keys. They are taken if the operator accepted them by their digest
(`gotong node accept`), or if a sealed run ended with them that this vault worked out itself; a coordinator can thus not
choose them. All members compare digests of their first models before shares are dealt.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from federation.errors import PolicyRefusal
from federation.policy.file import accepted_models
from federation.seals.masks import digest
from federation.seals.model import SharedModel
from federation.settings.plan import Plan
from federation.strategies.strategy import public
from federation.vault.requests import fresh, numpy_of
from federation.vault.sealed.store import MEMBERS, SealStore, models_made
from federation.vault.vault import Vault
from federation.wire.frame import Frame
from federation.wire.model import model_digest
from tasks.registry import TASKS

Weights = Mapping[str, NDArray[Any]]


def first_weights(vault: Vault, plan: Plan, frame: Frame) -> Weights:
    """All weights that a run begins with, also of those that countries keep at home. Raises PolicyRefusal."""
    drawn = numpy_of(fresh(TASKS[plan.task.name], plan).weights)
    came = {name: value.copy() for name, value in frame.group("model").items()}
    if not came:
        return drawn
    if model_digest(came) not in accepted_models(vault.policy) | models_made(vault.database, vault.country):
        raise PolicyRefusal(
            f"{vault.country} refuses the first weights of run {frame.header.get('run')}: they are neither accepted "
            f"there, nor of a sealed run that it took part in. Its operator may accept a model (`gotong node accept`)"
        )
    travelling = public(drawn, plan.strategy.private)
    forms = ({name: (value.shape, value.dtype) for name, value in each.items()} for each in (came, travelling))
    if next(forms) != next(forms):
        raise PolicyRefusal(
            f"{vault.country} refuses the first weights of run {frame.header.get('run')}: they are of another model "
            f"than the plan's; use the settings of the run that made them"
        )
    return {**drawn, **came}


def first_model(plan: Plan, weights: Weights) -> SharedModel:
    """The model that every country begins with."""
    return SharedModel(round=0, weights=public(dict(weights), plan.strategy.private))


def start_of(weights: Weights, plan: Plan) -> bytes:
    """Two digests by which runs with one beginning are known: of all weights, and of those that travel.

    Those that stay at home are drawn by a seed, and another seed makes no other run of weights that were sent.
    """
    return b"".join(
        digest("start", model_digest(each)) for each in (weights, public(dict(weights), plan.strategy.private))
    )


def check_members(vault: Vault, store: SealStore, task: str, members: Iterable[str]) -> None:
    """Raise PolicyRefusal for members of whom one or two are not in a run before, or the other way round.

    Sums of what is the same in both runs, such as a baseline's scores, differ by those countries' own. Two runs of
    which so few countries are in one alone are served where the policy says so.
    """
    for run, (of_task, before) in store.members_before().items():
        changed = before ^ set(members)
        if of_task == task and 0 < len(changed) < vault.policy.minimum_members and not vault.policy.members_change:
            raise PolicyRefusal(
                f"{vault.country} refuses members that differ from those of run {run} by {', '.join(sorted(changed))} "
                f"alone: the difference of the two runs would tell their scores. Ask them, then edit "
                f"`members_change` in {vault.policy.path} on that country's node, or change "
                f"{vault.policy.minimum_members} members or more"
            )


def keep_members(store: SealStore, task: str, members: Iterable[str]) -> None:
    """Once a run's first frame is sent."""
    store.put(0, MEMBERS, " ".join((task, *sorted(members))).encode())


def check_start(vault: Vault, store: SealStore, start: bytes) -> None:
    """Raise PolicyRefusal for a model with which another run began here, unless the policy allows a second one."""
    if (other := store.began_with(start)) and not vault.policy.repeat_start:
        raise PolicyRefusal(
            f"{vault.country} refuses a second run from the first model of run {other}: the difference of two such "
            f"runs could tell of one country. Choose another seed, or edit `repeat_start` in {vault.policy.path} on "
            f"that country's node"
        )
