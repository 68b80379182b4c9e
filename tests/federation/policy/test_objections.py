"""What a policy says to a plan: every bound holds up to its last value, and names key and remedy beyond it."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from federation.policy.keys import KEYS, Policy
from federation.policy.objections import objections, of_size, of_steps, of_training
from federation.policy.templates import TEMPLATES, policy
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from tasks.health.settings import HealthSettings
from tests.federation.federations import GRADIENT
from tests.federation.toy import ToySettings
from tests.federation.vault.requesting import plan_of

STRICT = replace(
    policy("open", "VNM", Path("policy.toml")),
    tasks=("health", "toy"),
    models=("mlp",),
    optimizers=("adamw",),
    maximum_learning_rate=0.01,
    minimum_batch=16,
    minimum_clip=0.001,
    maximum_rounds=10,
    maximum_epochs=4,
    maximum_steps=30,
)
FITS = TrainingSettings(lr=0.01, batch_size=16, epochs=4)
# key -> the least change of a plan that fits which the key refuses
BEYOND: dict[str, dict[str, Any]] = {
    "models": {"task": HealthSettings(model="attention")},
    "optimizers": {"training": replace(FITS, optimizer="sgd")},
    "maximum_learning_rate": {"training": replace(FITS, lr=0.010001)},
    "minimum_batch": {"training": replace(FITS, batch_size=15)},
    "minimum_clip": {"training": replace(FITS, clip_gradient=0.0009)},
    "maximum_rounds": {"rounds": 11},
    "maximum_epochs": {"training": replace(FITS, epochs=5)},
    "maximum_steps": {"training": replace(FITS, epochs=None, steps=31)},
}


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {"task": HealthSettings(), "training": FITS, "rounds": 10} | changes
    return plan_of(**values)


def test_a_plan_within_every_bound_is_served() -> None:
    assert objections(STRICT, plan()) == []
    assert objections(STRICT, plan(training=replace(FITS, epochs=None, steps=30))) == []
    assert objections(STRICT, plan(task=ToySettings())) == []  # a task that has one model names none


@pytest.mark.parametrize("key", BEYOND)
def test_a_plan_beyond_one_bound_is_refused_for_it_alone(key: str) -> None:
    [reason] = objections(STRICT, plan(**BEYOND[key]))
    assert reason.key == key
    assert f"edit `{key}` in policy.toml" in str(reason.refusal(STRICT))
    assert objections(replace(STRICT, **{key: getattr(policy("open", "VNM", Path()), key)}), plan(**BEYOND[key])) == []


def test_another_task_and_protection_that_no_run_offers_are_refused() -> None:
    [reason] = objections(replace(STRICT, tasks=("toy",)), plan())
    assert reason.reason == "refuses task 'health': its policy allows toy"
    [reason] = objections(replace(STRICT, required_protection=("sealed",)), plan())
    assert reason.key == "required_protection"


def test_who_accepts_no_model_that_merely_comes_cannot_be_held_out() -> None:
    """It would be tested on a model of whose rounds it received none."""
    guarded = replace(STRICT, start="seeded")
    assert objections(guarded, plan(hold_out=["THA"])) == []
    [reason] = objections(guarded, plan(hold_out=["VNM"]))
    assert reason.key == "start"
    assert objections(STRICT, plan(hold_out=["VNM"])) == []


def test_size_and_steps() -> None:
    bounds = replace(STRICT, maximum_parameters=50, minimum_steps=2)
    assert of_size(bounds, 50) == of_steps(bounds, 2) == of_steps(bounds, 0) == []
    assert [each.key for each in (*of_size(bounds, 51), *of_steps(bounds, 1))] == [
        "maximum_parameters",
        "minimum_steps",
    ]


def test_tuning_counts_as_epochs() -> None:
    requested = plan(training=GRADIENT)
    requested.tuning.epochs = 5
    assert of_training(STRICT, requested) == []  # not requested
    requested.arms.append("personalised")
    assert [each.key for each in of_training(STRICT, requested)] == ["maximum_epochs"]


def test_the_templates_get_stricter_in_every_key() -> None:
    for first, second in pairwise(policy(name, "VNM", Path()) for name in TEMPLATES):
        for name, key in KEYS.items():
            assert key.metadata["stricter"](getattr(first, name), getattr(second, name)) == getattr(second, name), name


def test_keys_that_a_policy_leaves_out_are_guarded() -> None:
    assert replace(policy("guarded", "VNM", Path()), tasks=()) == Policy(country="VNM", path=Path(), tasks=())


def test_a_personalised_model_is_tuned_no_faster_than_it_is_trained() -> None:
    requested = plan(arms=["federated", "personalised"])
    requested.tuning.lr = 0.02
    [reason] = objections(STRICT, requested)
    assert (reason.key, reason.remedy) == ("maximum_learning_rate", "tuning.lr=0.01")
