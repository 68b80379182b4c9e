"""Which models a guarded vault knows: seeded or accepted first weights, steps of bounded length, means of those."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.policy.file import ACCEPTED
from federation.settings.plan import Plan
from federation.vault.vault import Vault
from federation.wire.frame import Frame, decode, encode
from federation.wire.model import model_digest
from tests.federation.federations import GRADIENT
from tests.federation.sealed.federation import prepared, ran
from tests.federation.vault.requesting import model_of, plan_of, refusal, reply_frame, request_bytes, vault_in

pytestmark = pytest.mark.usefixtures("toy")
PLAN = plan_of(training=replace(GRADIENT, lr=0.1, epochs=2), rounds=4)
MEAN = replace(PLAN, keep_best=3)


def guarded(folder: Path, **keys: Any) -> Vault:
    vault = vault_in(folder)
    bounds: dict[str, Any] = {"start": "seeded", "largest_step": 0.5, "largest_distance": 100.0} | keys
    vault.policy = replace(vault.policy, **bounds)
    return vault


def sent(kind: str, round_: int, model: dict[str, Any], plan: Plan = PLAN, **more: Any) -> bytes:
    arrays = {f"model/{name}": value for name, value in model.items()}
    return request_bytes(kind, round_, plan, arrays=arrays, **more)


def moved(model: dict[str, Any], by: float) -> dict[str, Any]:
    """The model with one weight moved."""
    name = next(iter(model))
    other = model[name].copy()
    other.flat[0] += by
    return model | {name: other}


def update_of(vault: Vault, request: bytes) -> dict[str, Any]:
    reply = reply_frame(vault, request)
    assert reply.kind == "update", reply.header
    return reply.group("update")


def test_a_run_begins_with_the_weights_of_its_seed(tmp_path: Path) -> None:
    vault, first = guarded(tmp_path), model_of(PLAN)
    assert "neither those of seed 1, nor accepted" in refusal(vault, sent("train", 1, moved(first, 1e-6)))
    update_of(vault, sent("train", 1, first))


def test_or_with_weights_that_the_operator_accepted(tmp_path: Path) -> None:
    vault, champion = guarded(tmp_path), moved(model_of(PLAN), 5.0)
    request = sent("train", 1, champion)
    assert "nor accepted there" in refusal(vault, request)
    (vault.policy.path.parent / ACCEPTED).write_text(f"{model_digest(champion)}  champion of May\n")
    update_of(vault, request)


def test_or_with_those_of_a_sealed_run_that_this_vault_took_part_in(tmp_path: Path) -> None:
    simulation = prepared(tmp_path, protection="sealed")
    ended = ran(simulation).model
    vault = next(vault for vault in simulation.vaults.values() if vault.country == "KHM")
    vault.policy = replace(vault.policy, start="seeded")
    plan = replace(simulation.run.federation.plan, protection="none")
    assert "nor of a sealed run" in refusal(vault, sent("train", 1, moved(dict(ended), 1e-6), plan))
    update_of(vault, sent("train", 1, dict(ended), plan))
    vault.database.execute("DELETE FROM seals WHERE name = 'made' AND country = 'KHM'")  # what others made says nothing
    assert "nor of a sealed run" in refusal(vault, sent("train", 1, dict(ended), plan, run="s"))


def test_no_weight_moves_further_than_a_step(tmp_path: Path) -> None:
    vault, first = guarded(tmp_path), model_of(PLAN)
    update_of(vault, sent("train", 1, first))
    assert "further from the last model that came than 0.5" in refusal(vault, sent("train", 2, moved(first, 0.51)))
    second = moved(first, 0.5)
    update_of(vault, sent("train", 2, second))
    assert "further from" in refusal(vault, sent("train", 3, moved(second, -0.51)))  # of the second, not the first
    update_of(vault, sent("train", 3, first))


def test_all_steps_together_are_bounded(tmp_path: Path) -> None:
    vault, first = guarded(tmp_path, largest_distance=0.75), model_of(PLAN)
    update_of(vault, sent("train", 1, first))
    update_of(vault, sent("train", 2, moved(first, 0.4)))
    assert "add up to more than 0.75" in refusal(vault, sent("train", 3, first))
    update_of(vault, sent("train", 3, moved(first, 0.06)))


def test_skipped_rounds_earn_no_larger_step(tmp_path: Path) -> None:
    """Who missed the first rounds measures from the first weights."""
    late, first = guarded(tmp_path), model_of(PLAN)
    assert "further from" in refusal(late, sent("train", 3, moved(first, 0.51)))
    update_of(late, sent("train", 3, moved(first, 0.49)))


def test_a_country_that_does_not_train_is_as_careful(tmp_path: Path) -> None:
    vault, first = guarded(tmp_path, train=False), model_of(PLAN)
    reply = reply_frame(vault, sent("train", 1, first))
    assert (reply.kind, reply.header["examples"], reply.group("update")) == ("update", 0, {})
    assert "further from" in refusal(vault, sent("train", 2, moved(first, 1.0)))


def test_arrays_of_strategies_begin_at_zero_and_move_as_little(tmp_path: Path) -> None:
    plan = plan_of("scaffold", training=replace(GRADIENT, lr=0.1, epochs=2))
    vault, model = guarded(tmp_path), model_of(plan)
    zeros = {f"shared/{name}": np.zeros_like(value) for name, value in model.items()}
    named = {f"model/{name}": value for name, value in model.items()}
    crafted = {name: value + np.float32(0.1) for name, value in zeros.items()}
    assert "first weights" in refusal(vault, request_bytes("train", 1, plan, arrays=named | crafted))
    assert reply_frame(vault, request_bytes("train", 1, plan, arrays=named | zeros)).kind == "update"
    huge = {name: value + np.float32(0.51) for name, value in zeros.items()}
    assert "further from" in refusal(vault, request_bytes("train", 2, plan, arrays=named | huge))


def test_a_tested_mean_is_of_models_that_came(tmp_path: Path) -> None:
    vault, first = guarded(tmp_path), model_of(MEAN)
    update = update_of(vault, sent("train", 1, first, MEAN))
    models = [first, *({name: first[name] + share * update[name] for name in first} for share in (1, 2, 3))]
    for round_ in (2, 3, 4):
        update_of(vault, sent("train", round_, models[round_ - 1], MEAN))

    def tested(candidates: dict[int, dict[str, Any]]) -> bytes:
        arrays = {
            f"candidate/{round_}/model/{name}": value
            for round_, model in candidates.items()
            for name, value in model.items()
        }
        return request_bytes("test", 6, MEAN, arrays=arrays)

    swapped = tested({2: models[1], 4: moved(models[3], 1e-3)})
    assert "the model of round 4 in its mean is none that it received" in refusal(vault, swapped)
    assert "cannot make" in refusal(vault, tested(dict.fromkeys((1, 2, 3, 4), models[0])))
    assert "cannot make" in refusal(vault, tested({9: models[0]}))
    reply = reply_frame(vault, tested({2: models[1], 4: models[3]}))
    assert reply.kind == "scores"
    # the same scores as of the mean, from a vault that takes any model
    mean = {key: ((models[1][key].astype(float) + models[3][key]) / 2).astype(np.float32) for key in first}
    plain = reply_frame(vault_in(tmp_path / "open"), sent("test", 6, mean, MEAN))
    scores = [reply.group("score"), plain.group("score")]
    assert scores[0].keys() == scores[1].keys()
    assert all(np.array_equal(scores[0][key], scores[1][key]) for key in scores[0] if "/federated/" in key)


def test_a_request_is_no_larger_than_its_policy_before_its_model_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal for a value of the plan must not cost what the plan asks for."""
    vault = guarded(tmp_path, maximum_rounds=3)

    def build(*_: object) -> Any:
        raise AssertionError("a model was built for a plan that the policy refuses")

    monkeypatch.setattr("federation.vault.requests.built", build)
    monkeypatch.setattr("federation.composition.restore.built", build)
    request = decode(sent("train", 1, model_of(PLAN), replace(PLAN, local={"THA": {"training": {"epochs": 2}}})))
    request.header["plan"]["strategy"]["private"] = ["*.bias"]
    assert "refuses 4 rounds" in refusal(
        vault, encode(Frame(kind="train", header=request.header, arrays=request.arrays))
    )
