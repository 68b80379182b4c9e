"""What a policy says to a plan, read from the plan's values alone: nothing is built, no record is read."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from federation.errors import PolicyRefusal
from federation.packages.used import used
from federation.policy.file import accepted_models
from federation.policy.keys import Policy
from federation.settings.plan import PROTECTION, Plan


@dataclass(frozen=True, kw_only=True)
class Objection:
    """Why a country does not serve a plan. key: of its policy. remedy: a change of the plan that it would accept."""

    key: str
    reason: str
    remedy: str = ""

    def refusal(self, policy: Policy) -> PolicyRefusal:
        """As the country's vault says it."""
        return PolicyRefusal(
            f"{policy.country} {self.reason}. To allow it, edit `{self.key}` in {policy.path} on that country's node."
        )


def objections(policy: Policy, plan: Plan) -> list[Objection]:
    """All of them, but those that need the model's size (`of_size`) or the country's records (`of_steps`)."""
    found = [*_of_packages(policy, plan), *_of_participation(policy, plan), *of_training(policy, plan)]
    if plan.initial_digest and policy.start == "seeded" and plan.initial_digest not in accepted_models(policy):
        reason = f"has not accepted first weights {plan.initial_digest} (`gotong node accept`)"
        found.append(Objection(key="start", reason=reason, remedy="initial_weights=null"))
    if plan.rounds > policy.maximum_rounds:
        found.append(_larger("maximum_rounds", plan.rounds, policy.maximum_rounds, f"rounds={policy.maximum_rounds}"))
    training = plan.training
    rates = {"training": training.lr} | ({"tuning": plan.tuning.lr} if "personalised" in plan.arms else {})
    allowed = policy.maximum_learning_rate
    found += [
        _larger("maximum_learning_rate", rate, allowed, f"{key}.lr={allowed:g}")
        for key, rate in rates.items()
        if rate > allowed
    ]
    clips = {"clip_gradient": training.clip_gradient, "clip_example": training.clip_example}
    found += [
        Objection(
            key="minimum_clip",
            reason=f"refuses gradients cut to {clip:g}: its policy wants {policy.minimum_clip:g} or more",
            remedy=f"training.{key}={policy.minimum_clip:g}",
        )
        for key, clip in clips.items()
        if clip is not None and clip < policy.minimum_clip
    ]
    if training.batch_size < policy.minimum_batch:
        found.append(
            Objection(
                key="minimum_batch",
                reason=f"refuses batches of {training.batch_size}: its policy wants {policy.minimum_batch} or more",
                remedy=f"training.batch_size={policy.minimum_batch}",
            )
        )
    return found


def of_training(policy: Policy, plan: Plan) -> list[Objection]:
    """To how long a plan trains; of a country's own model too, which costs its machine as much."""
    tuning = plan.tuning.epochs if "personalised" in plan.arms else 0
    lengths = (("epochs", max(plan.training.epochs or 0, tuning)), ("steps", plan.training.steps or 0))
    return [
        _larger(f"maximum_{word}", wanted, allowed, f"training.{word}={allowed}")
        for word, wanted in lengths
        if wanted > (allowed := getattr(policy, f"maximum_{word}"))
    ]


def of_size(policy: Policy, parameters: int) -> list[Objection]:
    """To a model of so many parameters."""
    allowed = policy.maximum_parameters
    return [_larger("maximum_parameters", parameters, allowed, "a smaller model")] if parameters > allowed else []


def of_steps(policy: Policy, steps: int) -> list[Objection]:
    """To so few optimiser steps on the country's records; an update of one step is a gradient."""
    if not 0 < steps < policy.minimum_steps:
        return []
    reason = f"refuses updates of {steps} optimiser steps: its policy wants {policy.minimum_steps} or more"
    return [Objection(key="minimum_steps", reason=reason, remedy="more training.epochs, or a smaller batch")]


def _of_packages(policy: Policy, plan: Plan) -> Iterator[Objection]:
    """To parts of other people's packages: they must be named, and be the very files that the coordinator has."""
    own = used(plan)
    for name in own:
        if name not in policy.packages:
            yield _not_among("packages", f"package {name!r}", policy.packages)
    for name in sorted(own.keys() | plan.packages.keys()):
        here, there = own.get(name, "no part of it"), plan.packages.get(name, "no part of it")
        if here != there:
            reason = f"has {_short(here)} of package {name[:60]!r}, the run is of {_short(there)}"
            yield Objection(key="packages", reason=reason, remedy="the same wheel on both sides")


def _short(stamp: str) -> str:
    """A version and the beginning of a digest."""
    return " ".join(part[:12] for part in stamp.split()[:2]) if " " in stamp and len(stamp) > 40 else stamp[:40]


def _of_participation(policy: Policy, plan: Plan) -> Iterator[Objection]:
    if plan.task.name not in policy.tasks:
        yield _not_among("tasks", f"task {plan.task.name!r}", policy.tasks)
    model = getattr(plan.task, "model", None)  # a task with one model of its own has no such key
    if model is not None and model not in policy.models:
        yield _not_among("models", f"model {model!r}", policy.models)
    if plan.training.optimizer not in policy.optimizers:
        yield _not_among("optimizers", f"optimizer {plan.training.optimizer!r}", policy.optimizers)
    offered = PROTECTION[plan.protection]
    if missing := [each for each in policy.required_protection if each not in offered]:
        yield Objection(
            key="required_protection",
            reason=f"asks for {' and '.join(missing)}, which a run with protection={plan.protection} does not offer",
            remedy=_protection({*missing, *offered}),
        )
    if policy.start == "seeded" and policy.country in plan.hold_out:
        reason = "refuses to be held out: it tests models whose rounds it received, or that it trained"
        yield Objection(key="start", reason=reason, remedy="hold_out without it")


def _protection(wanted: Set[str]) -> str:
    """The value of the plan's `protection` that offers all of these; empty if there is none."""
    return next((f"protection={name}" for name, offered in PROTECTION.items() if set(offered) == wanted), "")


def _not_among(key: str, wanted: str, allowed: tuple[str, ...]) -> Objection:
    return Objection(key=key, reason=f"refuses {wanted}: its policy allows {', '.join(allowed) or 'none'}")


def _larger(key: str, wanted: float, allowed: float, remedy: str) -> Objection:
    word = key.removeprefix("maximum_").replace("_", " ")
    return Objection(key=key, reason=f"refuses {wanted:g} {word}: its policy allows {allowed:g}", remedy=remedy)
