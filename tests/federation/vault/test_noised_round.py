"""What leaves a vault under differential privacy, and what it costs: noise once a round, charged before it leaves."""

import shutil
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.settings.parts import PrivacySettings
from federation.settings.plan import Plan
from federation.vault import ledger, own_results
from federation.vault.noised import budget
from federation.vault.vault import Vault
from federation.wire.frame import decode
from tests.federation.federations import FederationOf, write_policy
from tests.federation.vault.requesting import (
    plan_of,
    refusal,
    reply_bytes,
    reply_frame,
    request_bytes,
    vault_in,
)

pytestmark = pytest.mark.usefixtures("toy")
COST = PrivacySettings(epsilon=1.0, score_epsilon=0.5)


def noised(**changes: Any) -> Plan:
    chosen: dict[str, Any] = {"protection": "differential_privacy", "arms": ["federated"], "privacy": COST} | changes
    return plan_of(**chosen)


def charges(vault: Vault) -> list[tuple[str, int, str]]:
    rows = vault.database.execute("SELECT run, round, kind FROM charges ORDER BY number")
    return [tuple(row) for row in rows]


def budget_of(folder: Path, country: str = "VNM", **keys: float) -> None:
    vault_in(folder, country)  # records
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    write_policy(folder / country, lines)


def test_an_update_leaves_with_public_numbers_alone(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    reply = reply_frame(vault, request_bytes("train", 1, noised(arms=["federated", "local"])))
    assert set(reply.header) == {"country", "run", "round", "examples", "steps", "suppressed"}
    places = len(vault.records(noised()).windows["train"].places)
    assert (reply.header["examples"], reply.header["steps"], reply.header["suppressed"]) == (places, 1, [])
    assert {name.split("/")[0] for name in reply.arrays} == {"update"}


def test_a_test_leaves_one_noised_number(tmp_path: Path) -> None:
    reply = reply_frame(vault_in(tmp_path), request_bytes("test", 5, noised(arms=["federated", "local"])))
    assert set(reply.header) == {"country", "run", "round", "examples", "steps", "suppressed", "epsilon"}
    assert reply.header["suppressed"] == []
    assert set(reply.arrays) == {f"score/test/federated/mse/{name}" for name in ("sum", "count", "variance")}
    assert all(np.count_nonzero(value) <= 1 and not value[:-1].any() for value in reply.arrays.values())


def test_a_country_keeps_its_own_scores_of_it_without_noise(tmp_path: Path) -> None:
    vault, plan = vault_in(tmp_path), noised(arms=["federated", "local"])
    reply_frame(vault, request_bytes("train", 1, plan))
    reply = reply_frame(vault, request_bytes("test", 5, plan))
    (run,) = own_results.runs(vault.database)
    own = own_results.of_run(vault.database, run, vault.country)
    assert own is not None
    assert {row.arm for row in own.rows} >= {"federated", "local"}
    sent = reply.arrays["score/test/federated/mse/sum"][-1] / reply.arrays["score/test/federated/mse/count"][-1]
    assert all(row.value != pytest.approx(float(sent)) for row in own.rows)


def test_nothing_but_the_noised_numbers_depends_on_the_records(tmp_path: Path) -> None:
    """The same country with one place's records changed: the same names, shapes, header and public numbers."""
    replies = []
    for name, factor in (("one", 1.0), ("other", 1e6)):
        vault = vault_in(tmp_path / name)
        path = vault.folder / "toy.csv"
        head, *lines = path.read_text().splitlines()
        rows = [line.split(",") for line in lines]
        path.write_text("\n".join([head, *(_times(row, factor if row[0] == "p0" else 1.0) for row in rows)]) + "\n")
        replies.append([reply_frame(vault, request_bytes(k, r, noised())) for k, r in (("train", 1), ("test", 5))])
    for one, other in zip(*replies, strict=True):
        assert one.header == other.header
        assert {name: value.shape for name, value in one.arrays.items()} == {
            name: value.shape for name, value in other.arrays.items()
        }


def _times(row: list[str], factor: float) -> str:
    return ",".join([*row[:3], repr(float(row[3]) * factor)])


def test_noise_is_drawn_once_a_round_and_charged_with_it(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    first = reply_bytes(vault, request_bytes("train", 1, noised()))
    assert reply_bytes(vault, request_bytes("train", 1, noised())) == first
    assert charges(vault) == [("r", 1, "gaussian")]
    [entry] = ledger.entries(vault.database)
    assert entry.contents["charges"] == [budget.last_seal(vault.database, "VNM")]


def test_two_runs_two_rounds_and_two_countries_never_share_noise(tmp_path: Path) -> None:
    updates = []
    for country, run, round_ in (("VNM", "a", 1), ("VNM", "b", 1), ("VNM", "b", 2), ("THA", "a", 1)):
        vault = vault_in(tmp_path, country)
        quiet = noised(privacy=replace(COST, clip=1e-6))  # a gradient that is next to nothing beside the noise
        reply = reply_frame(vault, request_bytes("train", round_, quiet, run=run))
        updates.append(np.concatenate([value.ravel() for value in reply.arrays.values()]))
    assert len({each.tobytes() for each in updates}) == len(updates)
    for one in range(len(updates)):
        for other in range(one):
            same = np.isclose(updates[one], updates[other], rtol=1e-3)  # one in a thousand is, by chance
            assert same.sum() < len(same) / 2


def test_a_restored_copy_repeats_its_release_and_hides_another_request_behind_other_noise(tmp_path: Path) -> None:
    plan = noised(privacy=replace(COST, clip=1e-6))  # next to nothing beside the noise
    vault = vault_in(tmp_path / "whole")
    reply_bytes(vault, request_bytes("train", 1, plan))
    vault.database.close()
    for name in ("copy", "asked", "changed"):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
    again = request_bytes("train", 2, plan)
    first = reply_bytes(vault_in(tmp_path / "whole"), again)
    assert reply_bytes(vault_in(tmp_path / "copy"), again) == first
    moved = {name: value + 1 for name, value in decode(again).arrays.items()}
    other = reply_frame(vault_in(tmp_path / "asked"), request_bytes("train", 2, plan, arrays=moved))
    path = tmp_path / "changed" / "VNM" / "toy.csv"
    head, row, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, _times(row.split(","), 1.5), *rows]) + "\n")
    changed = reply_frame(vault_in(tmp_path / "changed"), again)
    values = [np.concatenate([v.ravel() for v in each.arrays.values()]) for each in (decode(first), other, changed)]
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert np.isclose(values[one], values[two], rtol=1e-3).mean() < 0.5  # one in a thousand is, by chance


def test_the_secret_of_a_runs_noise_is_erased_with_its_end(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)

    def kept() -> list[tuple[str, int]]:
        return vault.database.execute(
            "SELECT run, length(value) FROM seals WHERE name = 'noise' ORDER BY run"
        ).fetchall()

    reply_bytes(vault, request_bytes("train", 1, noised(), run="a"))
    reply_bytes(vault, request_bytes("train", 1, noised(), run="b"))
    assert kept() == [("a", 32), ("b", 32)]
    reply_bytes(vault, request_bytes("test", 5, noised(), run="a"))
    assert kept() == [("b", 32)]


def test_a_country_that_does_not_train_sends_no_update_and_pays_for_its_score_alone(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    plan = noised(hold_out=["VNM"])
    assert reply_frame(vault, request_bytes("train", 1, plan)).header["examples"] == 0
    reply_bytes(vault, request_bytes("test", 5, plan))
    assert charges(vault) == [("r", 5, "laplace")]


def test_a_run_that_costs_more_than_is_left_is_refused_before_it_trains(tmp_path: Path) -> None:
    budget_of(tmp_path, epsilon=1.0)
    said = refusal(vault_in(tmp_path), request_bytes("train", 1, noised()))
    assert "has no privacy budget for epsilon 1." in said
    assert "0.00 of 1 is spent, 0.99 is left" in said or "0.00 of 1 is spent, 1.00 is left" in said
    assert "edit `epsilon`" in said


def test_the_budget_is_of_the_country_whatever_the_run_and_the_file(tmp_path: Path) -> None:
    budget_of(tmp_path, epsilon=1.5)
    vault = vault_in(tmp_path)
    for kind, round_ in (("train", 1), ("train", 2), ("train", 3), ("test", 5)):
        assert reply_frame(vault, request_bytes(kind, round_, noised(), run="a")).kind != "refused"
    head, *lines = (vault.folder / "toy.csv").read_text().splitlines()
    (vault.folder / "toy.csv").write_text("\n".join([head, *lines[::-1]]) + "\n")
    other = noised(seed=7)
    assert "has no privacy budget" in refusal(vault_in(tmp_path), request_bytes("train", 1, other, run="b"))


def test_a_run_that_others_left_nothing_for_stops_and_nothing_leaves(tmp_path: Path) -> None:
    budget_of(tmp_path, epsilon=2.0)
    vault = vault_in(tmp_path)
    twice = [reply_frame(vault, request_bytes("train", 1, noised(), run=run)).kind for run in ("a", "b")]
    assert twice == ["update", "update"]  # each of them could still be paid
    rounds = [*(("train", each) for each in (2, 3)), ("test", 5)]
    for kind, round_ in rounds:
        assert reply_frame(vault, request_bytes(kind, round_, noised(), run="a")).kind != "refused"
    spent = charges(vault)
    assert "has no privacy budget" in refusal(vault, request_bytes("train", 2, noised(), run="b"))
    assert charges(vault) == spent


def test_a_validation_is_refused(tmp_path: Path) -> None:
    assert "asks for validation scores" in refusal(vault_in(tmp_path), request_bytes("validate", 4, noised()))


def test_policies_that_ask_for_it_serve_it_and_nothing_else(tmp_path: Path) -> None:
    vault_in(tmp_path)
    write_policy(tmp_path / "VNM", 'required_protection = ["differential_privacy"]\n')
    vault = vault_in(tmp_path)
    assert "asks for differential_privacy" in refusal(vault, request_bytes("train", 1, plan_of()))
    assert reply_frame(vault, request_bytes("train", 1, noised())).kind == "update"


def test_one_step_alone_is_served_for_it_is_noised(tmp_path: Path) -> None:
    vault_in(tmp_path)
    write_policy(tmp_path / "VNM", "minimum_steps = 2\nminimum_cohort = 100000\n")
    reply = reply_frame(vault_in(tmp_path), request_bytes("train", 1, noised()))
    assert reply.kind == "update"
    assert reply.header["examples"] > 0  # and that there are few records decides nothing


def test_a_whole_federation_ends_with_a_model_a_region_row_and_its_cost(federation_of: FederationOf) -> None:
    ran = federation_of(
        ["KHM", "THA", "VNM"], protection="differential_privacy", arms=["federated"], privacy=COST, rounds=3
    )
    assert [report.summaries[0].loss for report in ran.reports] == [None] * 3
    rows = [row for row in ran.outcome.rows if row.horizon == "all" and row.country == "ASEAN"]
    assert [(row.arm, row.score) for row in rows] == [("federated", "mse")]
    assert rows[0].low < rows[0].value < rows[0].high < inf
    assert ran.outcome.validation == []
    cost = {summary.country: summary.epsilon for summary in ran.outcome.summaries}
    assert set(cost) == {"KHM", "THA", "VNM"}
    assert all(1.0 < value < 1.5 for value in cost.values() if value is not None)
    for vault in ran.ready.vaults.values():
        known = budget.spendings(vault.database, vault.country)
        assert budget.spent(known, 1e-5) == pytest.approx(cost[vault.country])
    assert budget.verify(vault.database) == 3 * 4
