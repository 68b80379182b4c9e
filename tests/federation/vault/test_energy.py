"""The energy of a run: counted by the vault, kept with the run, and the end of its training at the policy's bound."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from federation.deployment.node import vault_process
from federation.deployment.node.vault_process import RequestHandler
from federation.policy import templates
from federation.policy.keys import KEYS
from federation.training import device, sequential
from federation.training.jobs import Job, Result
from federation.vault import energy
from federation.wire.frame import Frame, decode
from tests.federation.sealed.federation import Line, prepared, ran
from tests.federation.vault.requesting import plan_of, request_bytes, vault_in

pytestmark = pytest.mark.usefixtures("toy")
TWELVE = ("BGD", "BRN", "IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "SGP", "THA", "TLS", "VNM")


class Meter:
    """2 Wh a request."""

    def __init__(self, _: torch.device) -> None:
        pass

    def read(self) -> dict[str, float]:
        return {"wh": 2.0}


def handler_in(folder: Path, **keys: Any) -> RequestHandler:
    """Of a vault whose process begins now."""
    vault = vault_in(folder)
    vault.policy = replace(vault.policy, **keys)
    return RequestHandler(vault, folder, torch.device("cpu"))


def reply(handler: RequestHandler, kind: str, round_: int, run: str = "r", **rest: Any) -> Frame:
    return decode(handler.respond(request_bytes(kind, round_, plan_of(), run=run, **rest)))


def test_a_run_at_its_bound_is_trained_no_more_and_neither_restart_nor_resume_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vault_process, "Meter", Meter)
    first = handler_in(tmp_path, maximum_energy=3.0)
    for _ in range(2):  # a repeated request gets its reply again, and costs nothing
        assert reply(first, "train", 1).kind == "update"
    second = handler_in(tmp_path, maximum_energy=3.0)
    assert reply(second, "train", 2).kind == "update"  # begun below the bound, ended above it
    for handler in (second, handler_in(tmp_path, maximum_energy=3.0)):
        refused = reply(handler, "train", 3)
        assert refused.kind == "refused"
        said = refused.header["reason"]
        assert said.startswith("VNM: VNM trains no more in run r: the energy that its policy allows a run is used")
        assert "edit `maximum_energy` in policy.toml on that country's node" in said
        assert not set("0123456789") & set(said)
        assert "run 'r' took 4 Wh here, and `maximum_energy` is 3" in caplog.text
    assert reply(second, "train", 1, run="other").kind == "update"
    assert reply(handler_in(tmp_path, maximum_energy=5.0), "train", 3).kind == "update"
    assert reply(second, "test", 5).kind == "scores"  # which trains nothing
    assert reply(handler_in(tmp_path), "train", 1, run="any").kind == "update"
    assert energy.used(second._vault.database, "VNM", "any") == 0.0  # nobody asked for a count


def test_work_that_fails_is_counted_and_a_request_that_was_refused_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_process, "Meter", Meter)
    handler = handler_in(tmp_path, maximum_energy=3.0)
    monkeypatch.setattr(RequestHandler, "_train", lambda *_: 1 / 0)
    for wh in (2.0, 4.0):
        assert "its training failed" in reply(handler, "train", 1).header["reason"]
        assert energy.used(handler._vault.database, "VNM", "r") == wh
    assert "trains no more" in reply(handler, "train", 1).header["reason"]
    assert reply(handler, "train", 9, run="x").kind == "refused"
    assert energy.used(handler._vault.database, "VNM", "x") == 0.0


def test_training_in_a_test_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_process, "Meter", Meter)
    handler = handler_in(tmp_path, maximum_energy=1.0)
    plan = plan_of(arms=["federated", "local", "personalised"])
    assert decode(handler.respond(request_bytes("train", 1, plan))).kind == "update"
    refused = decode(handler.respond(request_bytes("test", 5, plan)))
    assert "trains no more" in refused.header["reason"]


def test_training_in_which_the_vault_dies_counts_a_tenth_of_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(jobs: Sequence[Job], *_: Any) -> list[Result]:
        if jobs:
            raise SystemExit
        return []

    monkeypatch.setattr(sequential, "run", dies)
    monkeypatch.setattr(RequestHandler, "_count_energy", lambda *_: None)  # nobody is left to count
    for _ in range(10):
        with pytest.raises(SystemExit):
            reply(handler_in(tmp_path, maximum_energy=10.0), "train", 1)
    last = handler_in(tmp_path, maximum_energy=10.0)
    assert "trains no more" in reply(last, "train", 1).header["reason"]
    assert energy.used(last._vault.database, "VNM", "r") == pytest.approx(10.0)


@pytest.mark.parametrize("protection", ["none", pytest.param("sealed", marks=pytest.mark.long)])
def test_the_other_countries_go_on(tmp_path: Path, protection: str) -> None:
    """Of a sealed run, those of the other groups: members stay out in groups of three."""
    policies = {"VNM": "maximum_energy = 1\n"}
    simulation = prepared(tmp_path, TWELVE, policies=policies, protection=protection)
    vault = next(each for each in simulation.vaults.values() if each.country == "VNM")
    trained: dict[int, set[str]] = {1: set(), 2: set()}

    def spent(country: str, frame: Frame) -> Frame:
        if frame.kind in ("update", "sealed_round") and frame.header["round"] in trained:
            trained[frame.header["round"]].add(country)
            if country == "VNM":
                energy.count(vault.database, vault.policy, simulation.run.federation.run, 1.0)
        return frame

    line = Line(reply=spent)
    outcome = ran(simulation, line)
    assert trained == {1: set(TWELVE), 2: set(TWELVE) - {"VNM"}}
    assert outcome.rows
    if protection == "sealed":
        summed = [set(frame.group("frame")) for _, frame in line.requests if frame.kind == "sealed_reveal"]
        assert [len(each) for each in summed[:: len(TWELVE)]][:2] == [12, 9]
        assert all("VNM" not in each for each in summed[len(TWELVE) :])


def test_a_meter_counts_nominal_power(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 46.0])
    monkeypatch.setattr(device, "cpu_seconds", lambda: next(times))
    assert device.Meter(torch.device("cpu")).read()["wh"] == pytest.approx(36 * device.CORE_WATTS / 3600)


def test_a_bound_is_the_smaller_of_two_and_off_in_every_template() -> None:
    stricter = KEYS["maximum_energy"].metadata["stricter"]
    assert (stricter(0.0, 5.0), stricter(7.0, 5.0), stricter(0.0, 0.0)) == (5.0, 5.0, 0.0)
    assert {templates.values(name)["maximum_energy"] for name in templates.TEMPLATES} == {0.0}
