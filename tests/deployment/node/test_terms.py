"""A country's terms and its switch: what its vault replies, and follows when it is edited."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from federation.deployment.coordinator import terms
from federation.deployment.node import pause
from federation.deployment.node.flower_link import StandingInterceptor
from federation.deployment.node.vault_process import RequestHandler
from federation.errors import ConfigError, DeploymentError, WireError
from federation.policy.keys import Policy, values_of
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.vault.records import open_records
from federation.wire.frame import Frame, decode, encode
from tests.deployment.node.country import ASK, HEALTH


def _reason(reply: bytes) -> str:
    frame = decode(reply)
    assert frame.kind == "refused"
    return str(frame.header["reason"])


def test_terms_are_what_the_policy_says_and_follow_it_when_it_is_edited(
    handler: RequestHandler, tmp_path: Path
) -> None:
    assert decode(handler.respond(ASK)).header["policy"]["maximum_rounds"] == 7
    (tmp_path / "policy.toml").write_text('tasks = ["disaster"]\nmaximum_rounds = 30\n')
    header = decode(handler.respond(ASK)).header["policy"]
    assert (header["tasks"], header["maximum_rounds"]) == (["disaster"], 30)
    (tmp_path / "policy.toml").write_text("tasks = 3\n")
    assert "refuses all requests until it is fixed" in _reason(handler.respond(ASK))


def test_a_policy_that_is_gone_is_no_consent_and_one_that_comes_back_is_read(
    handler: RequestHandler, tmp_path: Path
) -> None:
    policy = (tmp_path / "policy.toml").read_text()
    (tmp_path / "policy.toml").unlink()
    for _ in range(2):
        assert "is not there" in _reason(handler.respond(ASK))
    (tmp_path / "policy.toml").write_text(policy)
    assert decode(handler.respond(ASK)).header["policy"]["maximum_rounds"] == 7


def test_nothing_that_a_stranger_writes_makes_a_line_of_the_log(
    handler: RequestHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "vault")
    handler.respond(encode(Frame(kind="train\nforged", header={"run": "r", "round": "1\nforged"})))
    assert caplog.messages
    assert not any("\n" in message for message in caplog.messages)


def test_a_country_that_paused_serves_nothing_until_it_resumes_and_a_withdrawal_is_for_good(
    handler: RequestHandler, tmp_path: Path
) -> None:
    pause.pause(tmp_path)
    assert "has paused" in _reason(handler.respond(ASK))
    pause.resume(tmp_path)
    assert decode(handler.respond(ASK)).kind == "terms"
    assert not pause.withdraw(tmp_path)  # a courier with a folder of its own has the key
    (tmp_path / "courier").mkdir()
    (tmp_path / "courier" / "node.key").write_bytes(b"k")
    assert pause.withdraw(tmp_path)
    assert pause.withdraw(tmp_path)
    assert "has withdrawn" in _reason(handler.respond(ASK))
    assert not (tmp_path / "courier" / "node.key").exists()
    with pytest.raises(DeploymentError, match="not by resume"):
        pause.resume(tmp_path)


def test_a_countrys_word_lies_next_to_its_socket_and_goes_with_every_call(tmp_path: Path) -> None:
    """A pause takes its effect on the coordinator's screen without a request, where the line is elsewhere too."""
    vault, line = tmp_path / "vault", tmp_path / "run"
    vault.mkdir()
    line.mkdir()
    pause.pause(tmp_path)
    assert list(line.iterdir()) == []  # nobody knows yet where the socket lies
    pause.publish(vault, line)
    said = []

    def call(context: SimpleNamespace) -> httpx.Response:
        said.append(context.request.headers["gotong-standing"])
        return httpx.Response(200)

    def calls() -> str:
        context = SimpleNamespace(request=httpx.Request("POST", "https://127.0.0.1/v1/fleet/pull-messages"))
        StandingInterceptor(line).intercept(context, call)  # type: ignore[arg-type]
        return str(said[-1])

    assert calls() == "paused"
    pause.resume(tmp_path)
    assert calls() == "serving"
    pause.pause(tmp_path)
    assert calls() == "paused"
    pause.withdraw(tmp_path)
    assert calls() == "withdrawn"
    (line / "standing").write_bytes(b"\xff" * 9)
    assert calls() == "serving"


def _plan(rounds: int) -> Plan:
    from federation.strategies import STRATEGIES

    return Plan(task=HEALTH.settings(), strategy=STRATEGIES["fedavg"].settings(name="fedavg"), rounds=rounds)


def test_terms_say_to_a_plan_what_would_be_accepted_and_what_replies_will_claim(
    handler: RequestHandler, tmp_path: Path
) -> None:
    def said(plan: Plan) -> terms.Terms:
        ask = encode(Frame(kind="terms", header={"run": "r", "plan": plain(plan)}))
        return terms.read("VNM", decode(handler.respond(ask)).header)

    assert said(_plan(7)).objections == ("its records cannot be used; see the log of its node",)  # there are none
    HEALTH.synthesize(tmp_path, "VNM", 5, HEALTH.settings())
    agreed, longer = said(_plan(7)), said(_plan(8))
    assert agreed.objections == ()
    assert longer.objections == ("refuses 8 rounds: its policy allows 7; rounds=7 would be accepted",)
    assert longer.claim is None
    assert agreed.claim is not None
    records = open_records(HEALTH, HEALTH.settings(), tmp_path, "VNM", bytes(32))
    assert agreed.claim.examples == 2 ** int(np.ceil(np.log2(records.cohort())))  # no more than the order of magnitude
    with pytest.raises(ConfigError, match=r"VNM refuses 8 rounds: .*; rounds=7 would be accepted"):
        terms.check(terms.RegionTerms(terms={"VNM": longer}, absent=()))
    one_step = replace(_plan(7), training=TrainingSettings(epochs=1, batch_size=100_000))
    assert said(one_step).objections[0].startswith("refuses updates of 1 optimiser steps: its policy wants 2 or more")


BAD_TERMS: dict[str, dict[str, Any]] = {
    "another version": {"accepted": [99]},
    "no policy": {"policy": None},
    "half a policy": {"policy": {"tasks": ["health"]}},
    "a word for a number": {"policy": values_of(Policy(country="VNM", path=Path(), tasks=())) | {"minimum_batch": "x"}},
    "no objections": {"objections": None},
    "a claim that is none": {"claim": {"examples": "many"}},
    "a claim below none": {"claim": {"examples": -5, "scored": 1}},
    "a true claim": {"claim": {"examples": True, "scored": 1}},
}


@pytest.mark.parametrize("wrong", BAD_TERMS.values(), ids=BAD_TERMS)
def test_terms_that_are_none_are_refused_with_what_to_install(handler: RequestHandler, wrong: dict[str, Any]) -> None:
    header = dict(decode(handler.respond(ASK)).header)
    assert terms.read("VNM", header).policy.maximum_rounds == 7
    with pytest.raises(WireError, match="install the same version of Gotong on both sides"):
        terms.read("VNM", header | wrong)
