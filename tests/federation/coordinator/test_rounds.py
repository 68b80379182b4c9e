"""One country's fault is that country's: it is named, it does not count, and the others go on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.coordinator import checkpoint
from federation.errors import QuorumError
from federation.vault import ledger
from federation.wire.frame import Frame, encode
from tests.federation.coordinator.tampering import (
    Tamper,
    only,
    run_tampered,
    scaled,
    with_array,
    with_header,
)
from tests.federation.federations import FOUR, FederationOf, Ran, Watching, ready, run, settings_of

pytestmark = pytest.mark.usefixtures("toy")
VICTIM = "VNM"
REFUSES = "maximum_rounds = 0"
WEIGHT = "update/slope.weight"


def same(one: Ran, other: Ran) -> bool:
    return all(one.weights[name].tobytes() == other.weights[name].tobytes() for name in one.weights)


def refused(ran: Ran, round_: int) -> dict[str, str]:
    return {each.country: each.refused for each in ran.reports[round_ - 1].summaries if each.refused}


FAULTS: dict[str, Any] = {
    "refuses": lambda _: [Frame(kind="refused", header={"reason": "VNM: not today"})],
    "noise": lambda _: [b"\0" * 100],
    "nothing": lambda _: [b""],
    "NaN": lambda frame: [scaled(frame, float("nan"))],
    "another shape": lambda frame: [with_array(frame, WEIGHT, lambda value: value[:1])],
    "another dtype": lambda frame: [with_array(frame, WEIGHT, lambda value: value.astype(np.float64))],
    "an array more": lambda frame: [with_array(frame, "update/extra", lambda _: np.zeros(3, np.float32))],
    "a stale round": lambda frame: [with_header(frame, round=frame.header["round"] - 1)],
    "another run": lambda frame: [with_header(frame, run="other")],
    "in another's name": lambda frame: [with_header(frame, country="THA")],
    "a hundred times too large": lambda frame: [scaled(frame, 100)],
    "silence": lambda _: [],
    "from a node nobody enrolled": lambda _: [None],
    "a score of a strange shape": lambda frame: [
        with_array(frame, "score/validation/federated/mse/count", lambda _: np.array(5.0))
    ],
    "a loss in words": lambda frame: [with_header(frame, loss="low")],
}


@pytest.fixture
def without_victim(federation_of: FederationOf) -> Ran:
    return federation_of([name for name in FOUR if name != VICTIM], rounds=2)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_faulty_country_is_named_and_changes_nothing(tmp_path: Path, without_victim: Ran, fault: Any) -> None:
    ran = run_tampered(ready(settings_of(tmp_path, rounds=2, retries=0)), only(VICTIM, fault))
    for round_ in (1, 2):
        ((country, why),) = refused(ran, round_).items()
        assert country == VICTIM
        assert VICTIM in why
        assert [each.country for each in ran.reports[round_ - 1].summaries] == sorted(FOUR)
    assert same(ran, without_victim)


def test_a_second_reply_of_the_same_country_is_ignored(tmp_path: Path, federation_of: FederationOf) -> None:
    doubled = run_tampered(ready(settings_of(tmp_path)), only(VICTIM, lambda frame: [frame, scaled(frame, -3.0)]))
    assert same(doubled, federation_of())
    assert refused(doubled, 1) == {}


def test_the_silent_get_the_request_again_as_often_as_the_settings_say(
    tmp_path: Path, federation_of: FederationOf
) -> None:
    silent = {"left": 2}

    def once_more(country: str, frame: Frame) -> list[Frame]:
        if country == VICTIM and silent["left"]:
            silent["left"] -= 1
            return []
        return [frame]

    prepared = ready(settings_of(tmp_path, retries=2))
    requested: list[tuple[str, int]] = []
    ran = run_tampered(prepared, once_more, requested=requested)
    assert [country for country, round_ in requested if round_ == 1] == [*sorted(FOUR), VICTIM, VICTIM]
    assert same(ran, federation_of(retries=2))
    counts = [each.country for each in ledger.entries(prepared.vaults[2].database) if each.round == 1]
    assert sorted(counts) == sorted(FOUR)  # three requests, one release


@pytest.mark.parametrize("refusing", [0, 1, 2])
def test_a_quorum_is_enough(tmp_path: Path, refusing: int) -> None:
    policies = dict.fromkeys(FOUR[:refusing], REFUSES)
    ran = run(ready(settings_of(tmp_path, quorum=4 - refusing, rounds=1), policies))
    assert len(refused(ran, 1)) == refusing


def test_one_less_than_a_quorum_stops_and_the_checkpoint_stands(tmp_path: Path) -> None:
    prepared = ready(settings_of(tmp_path, quorum=4))
    fault: Tamper = only(VICTIM, lambda frame: [] if frame.header["round"] == 2 else [frame])
    watch = Watching()
    with pytest.raises(QuorumError) as caught:
        run_tampered(prepared, fault, watch)
    text = str(caught.value)
    assert "round 2: 3 countries sent an update and quorum=4" in text
    assert "VNM did not reply in time" in text
    assert "resume=run" in text
    assert checkpoint.load(prepared.run.federation.checkpoint)[0].round == 1
    assert [report.round for report in watch.reports] == [1]


def test_updates_must_stand_on_enough_examples(tmp_path: Path) -> None:
    prepared = ready(settings_of(tmp_path, quorum_share=0.9))
    fault = only("KHM", lambda frame: [] if frame.header["round"] == 2 else [frame])  # the largest of the four
    with pytest.raises(QuorumError, match="of the known examples and quorum_share=90%"):
        run_tampered(prepared, fault)
    assert checkpoint.load(prepared.run.federation.checkpoint)[0].round == 1


def test_a_run_in_which_nobody_is_there_ends_in_words(tmp_path: Path) -> None:
    with pytest.raises(QuorumError, match="0 countries sent an update") as stopped:
        run(ready(settings_of(tmp_path, availability=1e-9)))
    assert "availability=1e-09 leaves 0 in this round, and would again if the run were resumed" in str(stopped.value)
    assert "resume=" not in str(stopped.value)


def test_only_a_share_of_the_region_is_sampled(tmp_path: Path) -> None:
    prepared = ready(settings_of(tmp_path, participation=0.5, rounds=4))
    requested: list[tuple[str, int]] = []
    run_tampered(prepared, only("nobody", lambda frame: [frame]), requested=requested)
    trained = [(country, round_) for country, round_ in requested if round_ <= 4]
    assert [round_ for _, round_ in trained] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert len({country for country, _ in trained}) > 2
    assert sorted(country for country, round_ in requested if round_ == 6) == sorted(FOUR)  # all are tested


@pytest.mark.parametrize("keep", [0, 2])
def test_the_test_is_requested_once_at_the_end_and_has_its_own_rows(tmp_path: Path, keep: int) -> None:
    ran = run(ready(settings_of(tmp_path, keep_best=keep)))
    kinds = [(each.round, each.kind) for each in ledger.entries(ran.ready.vaults[2].database, "run")]
    last = [(4, "scores")] * 4 if keep else []
    assert kinds == [(round_, "update") for round_ in (1, 2, 3) for _ in FOUR] + last + [(5, "scores")] * 4
    assert [report.round for report in ran.reports] == [1, 2, 3]
    assert {row.arm for report in ran.reports for row in report.rows} == {"federated", "local"}
    assert {row.arm for row in ran.outcome.rows} == {"federated", "local", "zero", "oracle"}


def test_a_reason_that_a_country_gives_is_reported_and_cut(tmp_path: Path) -> None:
    long = only(VICTIM, lambda _: [encode(Frame(kind="refused", header={"reason": "no " * 10_000}))])
    ran = run_tampered(ready(settings_of(tmp_path, rounds=1)), long)
    assert refused(ran, 1)[VICTIM].startswith("no no")
    assert len(refused(ran, 1)[VICTIM]) <= 500


def test_a_reason_cannot_write_on_the_screen(tmp_path: Path) -> None:
    rude = only(VICTIM, lambda _: [Frame(kind="refused", header={"reason": "VNM: no\x1b[2J\nTHA: all\r is well"})])
    ran = run_tampered(ready(settings_of(tmp_path, rounds=1)), rude)
    assert refused(ran, 1) == {VICTIM: "VNM: no[2J THA: all is well"}


def test_a_test_that_a_country_refuses_leaves_it_out_of_the_table(tmp_path: Path) -> None:
    def no_test(country: str, frame: Frame) -> list[Frame]:
        if country == VICTIM and frame.kind == "scores":
            return [Frame(kind="refused", header={"reason": "VNM: no test"})]
        return [frame]

    ran = run_tampered(ready(settings_of(tmp_path, rounds=1)), no_test)
    assert {row.country for row in ran.outcome.rows} == {*FOUR, "ASEAN"} - {VICTIM}
    assert [each.country for each in ran.outcome.summaries if each.refused] == [VICTIM]
