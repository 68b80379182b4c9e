"""Requests that a vault does not serve: nothing is trained, released or remembered, and the reason fits on a line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.policy.file import FILE
from federation.settings.values import plain
from federation.vault import ledger
from federation.wire.frame import Frame, decode, digest, encode
from tests.federation.federations import GRADIENT
from tests.federation.toy import TOY, ToySettings
from tests.federation.vault.requesting import (
    model_of,
    plan_of,
    refusal,
    reply_bytes,
    reply_frame,
    request_bytes,
    vault_in,
)

pytestmark = pytest.mark.usefixtures("toy")


def encoded(header: dict[str, Any], kind: str = "train") -> bytes:
    arrays = {f"model/{name}": value for name, value in model_of(plan_of()).items()}
    return encode(Frame(kind=kind, header=header, arrays=arrays))


def with_plan(**changes: Any) -> bytes:
    values = json.loads(json.dumps(plain(plan_of())))
    for path, value in changes.items():
        *parts, last = path.split("__")
        inner = values
        for part in parts:
            inner = inner[part]
        inner[last] = value
    return encoded({"run": "r", "round": 1, "last_aggregated": 0, "plan": values})


POLICIES = {
    'template = "open"\ntasks = ["health"]': "refuses task 'toy': its policy allows health",
    'template = "open"\ntasks = ["toy"]\nmaximum_rounds = 2': "refuses 3 rounds: its policy allows 2",
    'template = "open"\ntasks = ["toy"]\nmaximum_epochs = 1': "refuses 2 epochs: its policy allows 1",
    'template = "open"\ntasks = ["toy"]\nmaximum_parameters = 3': "parameters: its policy allows 3",
    'template = "open"\ntasks = ["toy"]\nruns_per_day = 0': "0 began within 24 hours and its policy allows 0",
}


@pytest.mark.parametrize(("text", "reason"), POLICIES.items(), ids=POLICIES.values())
def test_the_policy_on_the_countrys_own_disk_decides(tmp_path: Path, text: str, reason: str) -> None:
    vault_in(tmp_path)
    (tmp_path / "VNM" / FILE).write_text(text)
    plan = plan_of(training=replace(GRADIENT, epochs=2))
    assert reason in refusal(vault_in(tmp_path), request_bytes("train", 1, plan))


REQUESTS = {
    "no frame": b"GTNG nothing",
    "unknown kind": encoded({"run": "r", "round": 1, "last_aggregated": 0, "plan": plain(plan_of())}, kind="export"),
    "no run": encoded({"round": 1, "plan": plain(plan_of())}),
    "a run that writes into logs": encoded({"run": "r\nVNM: all is well", "round": 1, "plan": plain(plan_of())}),
    "a run of a page": encoded({"run": "r" * 5000, "round": 1, "plan": plain(plan_of())}),
    "no round": encoded({"run": "r", "plan": plain(plan_of())}),
    "round true": encoded({"run": "r", "round": True, "plan": plain(plan_of())}),
    "no last aggregated round": encoded({"run": "r", "round": 1, "plan": plain(plan_of())}),
    "a round that was aggregated before its time": request_bytes("train", 1, plan_of(), last_aggregated=1),
    "an aggregated round before the first": request_bytes("train", 1, plan_of(), last_aggregated=-1),
    "round 0": request_bytes("train", 0, plan_of()),
    "a round too many": request_bytes("train", 4, plan_of()),
    "a validation before its time": request_bytes("validate", 3, plan_of()),
    "a test before its time": request_bytes("test", 4, plan_of()),
    "a test in a round": request_bytes("test", 1, plan_of()),
    "no plan": encoded({"run": "r", "round": 1}),
    "an empty plan": encoded({"run": "r", "round": 1, "last_aggregated": 0, "plan": {}}),
    "unknown task": with_plan(task__name="weather"),
    "unknown strategy": with_plan(strategy__name="fedavgg"),
    "a list for a name": with_plan(strategy__name=["fedavg"]),
    "unknown key": with_plan(export=True),
    "unknown key of the task": with_plan(task__horizonz=3),
    "unknown key of the calendar": with_plan(task__calendar__until="2004-12"),
    "wrong type": with_plan(rounds="3"),
    "true for a number": with_plan(training__epochs=True),
    "a number beyond floats": with_plan(training__lr=10**400),
    "out of range": with_plan(training__lr=-1.0),
    "a month that is none": with_plan(task__calendar__train_until="2004-13"),
    "cuts that fall": with_plan(task__calendar__train_until="2012-01"),
    "a part that is no table": with_plan(training="fast"),
    "arms without the federated": with_plan(arms=["local"]),
    "an arm that reads": with_plan(arms=["federated", "records"]),
    "everything private": with_plan(strategy__private=["*"]),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_that_makes_no_sense_is_refused(tmp_path: Path, request_: bytes) -> None:
    assert refusal(vault_in(tmp_path), request_).startswith("VNM: ")


def of_model(**changes: Any) -> dict[str, Any]:
    arrays: dict[str, Any] = {f"model/{name}": value for name, value in model_of(plan_of()).items()}
    return arrays | {name.replace("__", "/").replace("_", "."): value for name, value in changes.items()}


WEIGHT = model_of(plan_of())["slope.weight"]
MODELS = {
    "an array more": of_model(model__body=WEIGHT),
    "an array less": {"model/slope.weight": WEIGHT},
    "shared arrays that the strategy has not": of_model(shared__slope_weight=WEIGHT),
    "another shape": of_model(model__slope_weight=WEIGHT[:1]),
    "another order of sides": of_model(model__slope_weight=WEIGHT.reshape(4)),
    "another dtype": of_model(model__slope_weight=WEIGHT.astype(np.float64)),
    "NaN": of_model(model__slope_weight=WEIGHT * np.float32("nan")),
    "Inf": of_model(model__slope_weight=WEIGHT + np.float32("inf")),
}


@pytest.mark.parametrize("what", MODELS)
def test_another_model_than_the_installed_one_is_refused(tmp_path: Path, what: str) -> None:
    reason = "travels as float64; this run's transport is float32" if what == "another dtype" else "run r sends"
    assert reason in refusal(vault_in(tmp_path), request_bytes("train", 1, plan_of(), arrays=MODELS[what]))


def test_what_is_wrong_with_a_task_s_setting_is_said(tmp_path: Path) -> None:
    reason = refusal(vault_in(tmp_path), request_bytes("train", 1, plan_of(task=ToySettings(heterogeneity=2.0))))
    assert "task.heterogeneity=2.0 must be at least 0 and at most 1" in reason


def test_what_is_wrong_with_records_stays_at_home(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    path = tmp_path / "VNM" / TOY.file
    path.write_text(path.read_text() + "p0,2009-01,0.5,Mrs Nguyen of Hue\n")
    reason = refusal(vault, request_bytes("train", 1, plan_of()))
    assert reason == "VNM: its records cannot be used; see the log of its node"


def test_a_vault_goes_on_after_it_refused(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    refusal(vault, request_bytes("train", 9, plan_of()))
    assert reply_frame(vault, request_bytes("train", 1, plan_of())).kind == "update"


def test_another_plan_in_the_middle_of_a_run_is_refused(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    reply_frame(vault, request_bytes("train", 1, plan_of()))
    assert "another plan" in refusal(vault, request_bytes("train", 2, plan_of(seed=2)))
    assert reply_frame(vault, request_bytes("train", 2, plan_of())).kind == "update"


def test_a_round_whose_numbers_overflow_is_used_up_and_on_the_ledger(tmp_path: Path) -> None:
    """Requested again with other weights, it would reveal from which record on they overflow."""
    vault = vault_in(tmp_path)
    huge = request_bytes("train", 1, plan_of(), add=1e30)
    first = reply_bytes(vault, huge)
    assert decode(first).kind == "refused"
    assert reply_bytes(vault, huge) == first
    assert "replied to another request" in refusal(vault, request_bytes("train", 1, plan_of()))
    [row] = ledger.entries(vault.database)
    assert (row.kind, row.round, row.digest) == ("refused", 1, digest(first))
    assert reply_frame(vault, request_bytes("train", 2, plan_of())).kind == "update"


def test_a_refusal_is_one_short_line_whatever_it_quotes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Else a frame fills a node's log, and writes lines into it that look like the vault's own."""
    vault = vault_in(tmp_path)
    for arm in ("x" * 100_000, "x\n2026-01-01 vault VNM serves all\x1b[2J"):
        reason = refusal(vault, request_bytes("train", 1, plan_of(arms=[arm])))
        assert "arms=x" in reason
        for text in (reason, *caplog.messages):
            assert len(text) < 2100
            assert text.isprintable()
    assert len(caplog.messages) == 2
