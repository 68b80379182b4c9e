"""A vault replies with what its contract names, once, and refuses the rest."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from federation.policy.file import FILE
from federation.settings.plan import ADAPTED, ARMS, ISSUED
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.vault import doors, ledger
from federation.vault.gate import HEADER
from federation.vault.terms import terms
from federation.wire.frame import digest
from tasks.data import Array, Panel, Windows
from tasks.errors import DataError
from tasks.evaluation.paired_difference import NAMES
from tests.federation.toy import TOY, ToySettings, places_of, short
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
SCORES = {(score, name) for score in ("mse", "relative_mse") for name in TOY.scores[score].names}
FEW = 'template = "open"\ntasks = ["toy"]\nminimum_cohort = 1000000'


def score_paths(*parts_and_arms: str) -> set[str]:
    return {f"score/{each}/{score}/{name}" for each in parts_and_arms for score, name in SCORES}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_trained_round_holds_what_the_contract_names_and_no_more(tmp_path: Path, strategy: str) -> None:
    plan = plan_of(strategy)
    reply = reply_frame(vault_in(tmp_path), request_bytes("train", 1, plan))
    assert reply.kind == "update"
    weighed = STRATEGIES[strategy].client(plan.strategy).start_loss
    assert set(reply.header) == set(HEADER) - (set() if weighed else {"start_loss"})
    update = {f"update/{name}" for name in model_of(plan)}
    shared = {f"shared/{name}" for name in STRATEGIES[strategy].shared(model_of(plan))}
    assert set(reply.arrays) == update | shared | score_paths("validation/federated", "validation/local")
    assert all(value.shape == (3,) for name, value in reply.arrays.items() if name.startswith("score/"))
    origins = 69  # February 1999, after one lag, to October 2004, two months before the cut
    assert reply.header["examples"] == places_of("VNM") * origins  # both horizons look at the same ones
    assert any(np.any(value) for name, value in reply.arrays.items() if name.startswith("update/"))


def test_a_validation_holds_no_update_and_no_test(tmp_path: Path) -> None:
    reply = reply_frame(vault_in(tmp_path), request_bytes("validate", 4, plan_of()))
    assert set(reply.arrays) == score_paths("validation/federated", "validation/local")


def test_a_test_holds_scores_alone(tmp_path: Path) -> None:
    reply = reply_frame(vault_in(tmp_path), request_bytes("test", 5, plan_of(arms=list(ARMS))))
    models, known = [arm for arm in ARMS if arm not in (*ADAPTED, ISSUED)], ["zero", "oracle"]
    validation = [f"validation/{arm}" for arm in (*models, *known)]
    scores = score_paths(*validation, *(f"test/{arm}" for arm in (*ARMS, *known)))
    pairs = {name for name in reply.arrays if name.startswith("score/paired/")}
    assert set(reply.arrays) - pairs == scores
    # Three learnt arms against three local ones and the baseline, and what is issued against what is adapted.
    assert len(pairs) == (3 * 4 + 1) * len(NAMES)
    assert reply.kind == "scores"


def test_every_reply_is_on_the_ledger_before_it_is_had(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    requests = [
        request_bytes("train", 1, plan_of()),
        request_bytes("validate", 4, plan_of()),
        request_bytes("test", 5, plan_of()),
    ]
    replies = [reply_bytes(vault, each) for each in requests]
    assert [each.digest for each in ledger.entries(vault.database)] == [digest(each) for each in replies]
    assert ledger.verify(vault.database) == 3


def test_the_same_records_and_request_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (vault_in(tmp_path / name) for name in "ab")
    assert reply_bytes(first, request_bytes("train", 1, plan_of())) == reply_bytes(
        second, request_bytes("train", 1, plan_of())
    )


def test_a_repeated_request_gets_the_stored_reply(tmp_path: Path) -> None:
    vault, request = vault_in(tmp_path), request_bytes("train", 1, plan_of())
    reply = reply_bytes(vault, request)
    admission = doors.admit(vault, request)
    assert (admission.jobs, admission.reply) == ((), reply)
    assert reply_bytes(vault, request) == reply
    assert ledger.verify(vault.database) == 1


def test_a_restarted_vault_still_has_its_replies(tmp_path: Path) -> None:
    request = request_bytes("test", 5, plan_of())
    reply = reply_bytes(vault_in(tmp_path), request)
    assert reply_bytes(vault_in(tmp_path), request) == reply
    assert "replied to another request" in refusal(vault_in(tmp_path), request_bytes("test", 5, plan_of(), add=0.1))


def test_a_run_is_tested_once_however_long_it_claims_to_be(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    reply_frame(vault, request_bytes("test", 3, plan_of(rounds=1)))
    for request in (
        request_bytes("test", 3, plan_of(rounds=1), add=0.1),
        request_bytes("test", 5, plan_of(rounds=3), add=0.1),
        request_bytes("train", 4, plan_of(rounds=9)),
        request_bytes("train", 1, plan_of(rounds=9)),
    ):
        refusal(vault, request)


def test_a_local_model_goes_on_from_its_own_last_round(tmp_path: Path) -> None:
    vault, plan = vault_in(tmp_path), plan_of()
    reply_frame(vault, request_bytes("train", 1, plan))
    alone = doors.admit(vault, request_bytes("train", 1, plan, run="another")).jobs[1]  # as the first round was
    learnt = sequential.run([alone])[0].params
    federated, local = doors.admit(vault, request_bytes("train", 2, plan, add=0.5)).jobs
    assert learnt is not None
    assert all(local.start[name].equal(learnt[name]) for name in learnt)
    assert not any(local.start[name].equal(alone.start[name]) for name in learnt)
    arrived = model_of(plan, add=0.5)
    assert all(np.array_equal(federated.start[name], arrived[name]) for name in arrived)


def test_a_country_below_its_cohort_receives_and_sends_nothing(tmp_path: Path) -> None:
    vault_in(tmp_path)
    (tmp_path / "VNM" / FILE).write_text(FEW)
    vault = vault_in(tmp_path)
    reply = reply_frame(vault, request_bytes("train", 1, plan_of("scaffold")))
    assert (reply.kind, reply.header["examples"], reply.header["steps"], reply.header["loss"]) == ("update", 0, 0, 0.0)
    assert all(name.startswith("score/") and not value.any() for name, value in reply.arrays.items())
    assert len(reply.header["suppressed"]) == 2 * 3  # scores, rows; of one arm, for it trains no model of its own
    jobs = doors.admit(vault, request_bytes("train", 2, plan_of("scaffold"), add=0.5, last_aggregated=1)).jobs
    assert all(job.train is None and job.score is not None for job in jobs)


def test_records_are_read_once_for_a_task_and_again_for_another_calendar(
    tmp_path: Path,
) -> None:
    vault, plan = vault_in(tmp_path), plan_of()
    first = vault.records(plan)
    (tmp_path / "VNM" / TOY.file).unlink()
    assert vault.records(plan) is first
    TOY.synthesize(tmp_path / "VNM", "VNM", 1, ToySettings())
    fewer = vault.records(plan_of(task=short(ToySettings(), "2000-12")))
    assert fewer.cohort() < first.cohort()


def test_baselines_are_forecast_once_a_run_is_admitted_to_and_for_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int]] = []

    def counted(name: str) -> None:
        def baseline(panel: Panel, windows: Windows, settings: ToySettings) -> Array:
            made.append((name, len(windows)))
            return zero(panel, windows, settings)

        monkeypatch.setitem(cast(dict[str, Any], TOY.baselines), name, baseline)

    zero = TOY.baselines["zero"]
    counted("zero")
    counted("another")
    vault, plan = vault_in(tmp_path), plan_of()
    assert terms(vault, plain(plan))["claim"]
    foreign = {**model_of(plan), "more": np.zeros(1, np.float32)}
    spoilt = {f"model/{name}": value for name, value in foreign.items()}
    assert "one side only" in refusal(vault, request_bytes("train", 1, plan, arrays=spoilt))
    assert made == []
    sizes = {part: len(windows) for part, windows in vault.records(plan).windows.items()}
    doors.admit(vault, request_bytes("train", 1, plan))  # before its release, while nobody waits for the vault's file
    once = sorted((name, sizes[part]) for part in ("validation", "test") for name in ("zero", "another"))
    assert sorted(made) == once
    for round_, kind in enumerate(("train", "train", "train", "validate"), start=1):
        reply_frame(vault, request_bytes(kind, round_, plan, last_aggregated=round_ - 1))
    reply = reply_frame(vault, request_bytes("test", 5, plan, last_aggregated=3))
    assert {f"score/{part}/another/mse/sum" for part in ("validation", "test")} <= set(reply.arrays)
    assert sorted(made) == once
    (tmp_path / "VNM" / TOY.file).unlink()
    assert "one side only" in refusal(vault_in(tmp_path), request_bytes("train", 1, plan, run="next", arrays=spoilt))


def test_a_run_begins_with_the_files_as_they_are_and_goes_on_with_what_it_began_with(tmp_path: Path) -> None:
    vault, plan = vault_in(tmp_path), plan_of()
    first = reply_frame(vault, request_bytes("train", 1, plan)).header["fingerprint"]
    TOY.synthesize(tmp_path / "VNM", "VNM", 2, ToySettings())
    assert reply_frame(vault, request_bytes("train", 2, plan, last_aggregated=1)).header["fingerprint"] == first
    corrected = reply_frame(vault, request_bytes("train", 1, plan, run="next")).header["fingerprint"]
    assert corrected != first
    assert vault_in(tmp_path).records(plan).fingerprint == corrected
    (tmp_path / "VNM" / TOY.file).unlink()
    assert "VNM" in refusal(vault, request_bytes("train", 1, plan, run="after that"))


def test_a_run_of_another_task_that_cannot_be_read_leaves_no_old_records_behind(tmp_path: Path) -> None:
    vault, plan = vault_in(tmp_path), plan_of()
    first = reply_frame(vault, request_bytes("train", 1, plan)).header["fingerprint"]
    TOY.synthesize(tmp_path / "VNM", "VNM", 2, ToySettings())
    good = (tmp_path / "VNM" / TOY.file).read_text()
    (tmp_path / "VNM" / TOY.file).write_text(good + "p0,2009-01,0.5,many\n")
    with pytest.raises(DataError):
        vault.records(plan_of(task=short(ToySettings(), "2000-12")))  # as a run that goes on would have them read
    assert "VNM" in refusal(vault, request_bytes("train", 1, plan, run="next"))  # and not a reply from the old records
    (tmp_path / "VNM" / TOY.file).write_text(good)
    assert reply_frame(vault, request_bytes("train", 1, plan, run="next")).header["fingerprint"] != first


def test_a_vault_that_keeps_its_rounds_to_itself_reports_the_test_alone(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    vault.policy = replace(vault.policy, round_scores=False)
    for kind, round_ in (("train", 1), ("validate", 4)):
        reply = reply_frame(vault, request_bytes(kind, round_, plan_of()))
        assert "loss" not in reply.header
        assert not any(value.any() for name, value in reply.arrays.items() if name.startswith("score/"))
    arrays = reply_frame(vault, request_bytes("test", 5, plan_of())).arrays
    assert arrays["score/test/federated/mse/count"].all()
    assert arrays["score/validation/federated/mse/count"].all()


def test_the_fingerprint_is_of_records_and_key(tmp_path: Path) -> None:
    def print_of(seed: int, key: bytes) -> str:
        vault = vault_in(tmp_path, key=key)
        TOY.synthesize(tmp_path / "VNM", "VNM", seed, ToySettings())
        return vault.records(plan_of()).fingerprint

    same, again = print_of(1, b"k"), print_of(1, b"k")
    assert same == again
    assert len({same, print_of(2, b"k"), print_of(1, b"another key")}) == 3
