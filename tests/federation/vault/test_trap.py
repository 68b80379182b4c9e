"""A request that is made to read records: under `open` it does, so that the test sees a leak; under `guarded` never."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.policy import templates
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.strategies.testing import vault_of
from federation.vault.requests import fresh
from federation.vault.vault import Vault
from federation.wire.compression import packed
from tasks.health.settings import HealthSettings
from tasks.models.choice import with_model
from tasks.registry import TASKS
from tests.federation.vault.requesting import refusal, request_bytes
from tests.federation.vault.trap import GRADIENT, Model, Trap, ask, read_records, recovered, training_records, trap_plan

HEALTH = TASKS["health"]
ADAM = replace(GRADIENT, optimizer="adamw", lr=0.1, epochs=2, weight_decay=0.0)
SGD = replace(GRADIENT, lr=0.1, epochs=2)
BOTH = ("adamw", "sgd")


@pytest.fixture
def vault_under(tmp_path: Path) -> Callable[..., Vault]:
    """A vault with synthetic records under a template, some keys changed."""

    def make(template: str, plan: Plan, **keys: Any) -> Vault:
        vault = vault_of(HEALTH, plan.task, tmp_path, "KHM")
        vault.policy = replace(templates.policy(template, "KHM", tmp_path / "policy.toml"), **keys)
        return vault

    return make


def first_of(plan: Plan) -> Model:
    return {name: value.numpy() for name, value in fresh(HEALTH, plan).weights.items()}


def named(model: Model) -> dict[str, Any]:
    return {f"model/{name}": value for name, value in model.items()}


def test_under_open_one_round_reads_records_out(vault_under: Callable[..., Vault]) -> None:
    plan = trap_plan()
    vault = vault_under("open", plan)
    vectors = read_records(ask(vault, plan, Trap().model(first_of(plan))))
    assert recovered(vectors, training_records(vault, plan)) > 100  # of 651


def test_an_honest_round_of_the_same_plan_reads_nothing_out(vault_under: Callable[..., Vault]) -> None:
    plan = trap_plan(training=SGD)
    vault = vault_under("guarded", plan, optimizers=BOTH)
    update = ask(vault, plan, first_of(plan))
    assert update
    assert recovered(read_records(update), training_records(vault, plan)) == 0


@pytest.mark.parametrize("training", [ADAM, SGD], ids=["adamw", "sgd allowed"])
@pytest.mark.parametrize("round_", [1, 5])
def test_guarded_takes_no_trap_as_the_first_model(
    vault_under: Callable[..., Vault], training: Any, round_: int
) -> None:
    plan = trap_plan(training=training)
    vault = vault_under("guarded", plan, optimizers=BOTH)
    refused = refusal(vault, request_bytes("train", round_, plan, arrays=named(Trap().model(first_of(plan)))))
    assert ("first weights" if round_ == 1 else "lies further") in refused


def test_nor_after_honest_rounds_nor_in_what_is_validated_or_tested(vault_under: Callable[..., Vault]) -> None:
    plan = trap_plan(training=ADAM, rounds=2, keep_best=1, arms=["federated", "local", "adapted"])
    vault, trap = vault_under("guarded", plan), Trap().model(first_of(plan))
    assert ask(vault, plan, first_of(plan))
    for kind, round_ in (("train", 2), ("validate", 3), ("test", 4)):
        assert "lies further" in refusal(vault, request_bytes(kind, round_, plan, arrays=named(trap)))
    mean = {f"candidate/1/model/{name}": value for name, value in trap.items()}
    assert "none that it received" in refusal(vault, request_bytes("test", 4, plan, arrays=mean))


def test_nor_in_another_model_or_transport(vault_under: Callable[..., Vault]) -> None:
    attention = trap_plan(training=ADAM, task=with_model(HealthSettings(), "attention"))
    crafted = {name: value * np.float32(1000) for name, value in first_of(attention).items()}
    vault = vault_under("guarded", attention)
    assert "first weights" in refusal(vault, request_bytes("train", 1, attention, arrays=named(crafted)))
    plan = trap_plan(training=ADAM, transport="int8")
    small = packed(named(Trap().model(first_of(plan))), "int8", 1)
    assert "first weights" in refusal(vault, request_bytes("train", 1, plan, arrays=small))


def test_nor_in_the_arrays_of_a_strategy(vault_under: Callable[..., Vault]) -> None:
    """SCAFFOLD adds what is shared to every gradient: a chosen array moves the weights where one wants them."""
    plan = replace(trap_plan(training=SGD), strategy=STRATEGIES["scaffold"].settings())
    vault, first = vault_under("guarded", plan, optimizers=BOTH), first_of(plan)
    shared = {f"shared/{name}": (value - Trap().model(first)[name]) for name, value in first.items()}
    assert "first weights" in refusal(vault, request_bytes("train", 1, plan, arrays=named(first) | shared))
