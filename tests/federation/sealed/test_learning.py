"""Sealed runs of whole federations: what they learn, who may drop out, and kills."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.errors import QuorumError
from federation.runs import simulation
from federation.strategies import STRATEGIES
from federation.vault.sealed import rounds as sealed_rounds
from tests.federation.federations import run
from tests.federation.sealed.federation import (
    EXCHANGES,
    FIVE,
    TWELVE,
    Line,
    StoppedLineError,
    asked,
    dropping,
    headline,
    prepared,
    ran,
    replied,
    same,
    some,
    without,
)

pytestmark = pytest.mark.usefixtures("toy")

SEALABLE = [name for name, strategy in STRATEGIES.items() if strategy.step is not None]


@pytest.mark.parametrize("strategy", some(SEALABLE, "fedavg", "fedadam", "fedper"))
def test_a_sealed_run_learns_what_a_plain_one_does(tmp_path: Path, strategy: str) -> None:
    chosen: dict[str, Any] = {"weights": "equal"}
    policies = dict.fromkeys(FIVE, "minimum_cohort = 1\n")
    outcomes = {}
    for protection in ("none", "sealed"):
        ready = prepared(
            tmp_path / protection, policies=policies, strategy=strategy, chosen=chosen, rounds=3, protection=protection
        )
        outcomes[protection] = run(ready).outcome
    plain, sealed = outcomes["none"], outcomes["sealed"]
    assert max(float(np.abs(plain.model[name] - sealed.model[name]).max()) for name in plain.model) < 1e-5
    assert headline(sealed) == pytest.approx(headline(plain), abs=1e-4)
    assert {row.country for row in sealed.rows} == {"ASEAN"}
    assert len(plain.rows) > len(sealed.rows)


def test_a_group_with_one_that_is_silent_stays_out_and_may_return(tmp_path: Path) -> None:
    line = Line(request=dropping("sealed_reveal", (1, "LAO")), reply=dropping("sealed_round", (2, "THA")))
    ready = prepared(tmp_path, TWELVE, rounds=2)
    ran(ready, line)
    first, second, *_ = [set(asked(line, "sealed_reveal", number, "VNM").group("frame")) for number in range(1, 5)]
    assert first == set(TWELVE)
    assert "THA" not in second
    assert len(first - second) == 3


def test_a_model_that_stands_still_tells_of_no_single_country(tmp_path: Path) -> None:
    """All sums of all lists that vaults sign, added and subtracted: none is of fewer than three countries.

    With the same model every round, all updates are the same every round, and lists that change by pairs drawn anew
    have as many independent sums as there are countries.
    """
    ready = prepared(tmp_path, TWELVE, rounds=1)
    line = Line(stop=3 * len(TWELVE) + 1)
    with pytest.raises(StoppedLineError):
        ran(ready, line)
    whole = asked(line, "sealed_reveal", 1, line.requests[-1][0])
    for country in TWELVE:
        less = without(whole, country, groups=("frame",))
        reply = replied(ready, next(other for other in TWELVE if other != country), less)
        assert f"the list lacks {country}" in reply.header["reason"]


@pytest.mark.parametrize(
    "policies", [dict.fromkeys(FIVE[:3], "train = false\n"), dict.fromkeys(FIVE[1:], "minimum_cohort = 100000\n")]
)
def test_updates_of_one_or_two_countries_are_no_sum(tmp_path: Path, policies: dict[str, str]) -> None:
    """Countries that train nothing add nothing to the mean: with one that trains, the mean is its update."""
    line = Line()
    learning = len(FIVE) - len(policies)
    with pytest.raises(
        QuorumError, match=f"{learning} countries of run run train a model, and a sum of updates holds 3"
    ):
        ran(prepared(tmp_path, policies=policies), line)
    assert {frame.kind for _, frame in line.requests} == {"sealed_keys", "sealed_deal"}


@pytest.mark.parametrize(
    ("finds_it_worse", "ends"),
    [({"KHM": {2, 3, 4, 5}, "LAO": {2, 3, 4, 5}}, None), ({"IDN": {2, 4}, "KHM": {2, 4}, "LAO": {2, 3, 4}}, 5)],
    ids=["two of five", "three of five, twice"],
)
def test_a_run_that_half_of_the_countries_find_worse_again_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finds_it_worse: dict[str, set[int]], ends: int | None
) -> None:
    def votes(vault: Any, at: Any, *_: Any) -> Any:
        return np.array([float(at.kind != "test"), float(at.place.round in finds_it_worse.get(vault.country, set()))])

    monkeypatch.setattr(sealed_rounds, "_votes", votes)
    ready = prepared(tmp_path, policies=dict.fromkeys(FIVE, "worse_rounds = 2\n"), rounds=6)
    if ends is None:
        ran(ready)
        return
    with pytest.raises(QuorumError, match=f"round {ends}: 0 countries sent a frame.*after 2 rounds half of the"):
        ran(ready)
    resumed = simulation.resume(str(tmp_path / "runs"), ready.run.folder)
    with pytest.raises(QuorumError, match=f"round {ends}: 0 countries sent a frame"):
        ran(resumed)


def test_with_fewer_than_the_threshold_the_run_ends_and_can_go_on(tmp_path: Path) -> None:
    undisturbed = ran(prepared(tmp_path / "whole"))
    ready = prepared(tmp_path / "cut")
    line = Line(request=dropping("sealed_round", (2, "THA"), (2, "VNM")))
    with pytest.raises(QuorumError, match=r"round 2: 3 countries sent a frame.*4 are needed"):
        ran(ready, line)
    resumed = simulation.resume(str(tmp_path / "cut" / "runs"), ready.run.folder)
    assert same(ran(resumed), undisturbed)


@pytest.mark.parametrize("exchange", some(range(EXCHANGES), 1, 4, 7))
def test_a_coordinator_killed_at_any_message_goes_on_to_the_same_bits(tmp_path: Path, exchange: int) -> None:
    undisturbed = ran(prepared(tmp_path / "whole"))
    ready = prepared(tmp_path / "killed")
    with pytest.raises(StoppedLineError):
        ran(ready, Line(stop=exchange * len(FIVE) + 2))
    for vault in ready.vaults.values():
        vault.database.close()
        break
    resumed = simulation.resume(str(tmp_path / "killed" / "runs"), ready.run.folder)
    ended = ran(resumed)
    assert same(ended, undisturbed)
    assert headline(ended) == headline(undisturbed)
