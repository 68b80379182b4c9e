"""A champion in a test: the same records score both models, and only one that this country knows."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.coordinator import checkpoint
from federation.errors import QuorumError
from federation.policy.file import accept, read_policy
from federation.reporting.rows import BETTER, WORSE
from federation.runs import simulation
from federation.settings.plan import Plan
from federation.wire.model import model_digest
from tasks.evaluation.paired_difference import paired_interval
from tests.federation.sealed.federation import FIVE, Line, prepared, ran
from tests.federation.vault.requesting import model_of, plan_of, refusal, reply_frame, request_bytes, vault_in

pytestmark = pytest.mark.usefixtures("toy")


PLAN = plan_of(rounds=1)


def compared_with(champion: dict[str, Any], part: str = "test") -> Plan:
    return replace(PLAN, champion_part=part, champion_digest=model_digest(champion))


def scored_with(champion: dict[str, Any], plan: Plan | None = None, **more: Any) -> bytes:
    arrays = {f"model/{name}": value for name, value in model_of(PLAN).items()}
    arrays |= {f"champion/{name}": value for name, value in champion.items()}
    return request_bytes("test", 3, plan or compared_with(champion), arrays=arrays, **more)


def moved(by: float) -> dict[str, Any]:
    return {name: value + np.float32(by) for name, value in model_of(PLAN).items()}


@pytest.mark.parametrize("part", ["test", "validation"])
def test_it_is_scored_and_compared_on_the_same_records(tmp_path: Path, part: str) -> None:
    vault = vault_in(tmp_path)
    reply = reply_frame(vault, scored_with(moved(0.5), compared_with(moved(0.5), part)))
    sums = {name.removeprefix("score/"): value for name, value in reply.arrays.items()}
    own, other = (sums[f"{part}/{arm}/mse/sum"][-1] for arm in ("federated", "champion"))
    assert other != pytest.approx(own, rel=1e-3)
    assert sums[f"{part}/champion/mse/count"][-1] == sums[f"{part}/federated/mse/count"][-1]
    difference = (own - other) / sums[f"{part}/federated/mse/count"][-1]
    assert sums["paired/federated-champion/mse/value"][-1] == pytest.approx(difference, rel=1e-6)
    assert sums["paired/federated-champion/mse/low"][-1] < difference < sums["paired/federated-champion/mse/high"][-1]


def test_the_model_itself_as_champion_makes_no_difference(tmp_path: Path) -> None:
    reply = reply_frame(vault_in(tmp_path), scored_with(moved(0.0)))
    assert reply.arrays["score/paired/federated-champion/mse/value"][-1] == 0


def test_a_plan_without_one_is_scored_as_before(tmp_path: Path) -> None:
    with_, without = (scored_with(champion, PLAN) for champion in (moved(0.5), {}))
    one = reply_frame(vault_in(tmp_path / "one"), with_)
    assert not any("champion" in name for name in one.arrays)
    other = reply_frame(vault_in(tmp_path / "other"), without)
    assert one.arrays.keys() == other.arrays.keys()


def test_another_structure_is_refused(tmp_path: Path) -> None:
    wrong = {name: np.zeros((3, 3), np.float32) for name in model_of(PLAN)}
    assert "champion/" in refusal(vault_in(tmp_path), scored_with(wrong))


def test_another_champion_than_the_plan_names_is_refused(tmp_path: Path) -> None:
    request = scored_with(moved(0.5), compared_with(moved(0.25)))
    assert "sends another champion than its plan names" in refusal(vault_in(tmp_path), request)


def test_a_guarded_country_scores_a_champion_that_it_tested_and_no_other(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    vault.policy = replace(vault.policy, start="seeded", repeat_start=True)
    assert "refuses the champion of run b" in refusal(vault, scored_with(moved(0.5), run="b"))
    one = plan_of(rounds=1)
    first = model_of(one)
    assert reply_frame(vault, request_bytes("train", 1, one, run="a")).kind == "update"
    arrays = {f"model/{name}": value for name, value in first.items()}
    assert reply_frame(vault, request_bytes("test", 3, one, run="a", arrays=arrays)).kind == "scores"
    assert reply_frame(vault, scored_with(first, run="c")).kind == "scores"
    rows = vault.database.execute("SELECT country, digest, run FROM tested").fetchall()
    assert {(country, digest) for country, digest, _ in rows} == {("VNM", model_digest(first))}


def test_countries_of_a_sealed_run_compare_a_champion_that_each_of_them_knows(tmp_path: Path) -> None:
    first = prepared(tmp_path / "first")
    champion = ran(first).model
    checkpoint.save_model(first.run.folder, "run", champion, [])
    records = tmp_path / "records"
    shutil.copytree(first.run.folder / "data", records)
    shutil.copytree(first.run.folder, tmp_path / "runs" / "may")
    (tmp_path / "runs" / "may" / "lock").touch()
    chosen: dict[str, Any] = {"champion": "may", "seed": 2, "data": str(records)}
    line = Line()
    ready = prepared(tmp_path, **chosen)
    with pytest.raises(QuorumError, match="refuses the champion of run run"):
        ran(ready, line)
    for country in FIVE:
        accept(read_policy(records / country, country), model_digest(champion), "may")
    resumed = simulation.resume(str(tmp_path / "runs"), ready.run.folder)
    outcome = ran(resumed, line)
    rows = {(row.arm, row.score): row.value for row in (*outcome.rows, *outcome.paired) if row.horizon == "all"}
    own, other = rows["federated", "mse"], rows["champion", "mse"]
    assert own != other
    assert rows["federated-champion", "mse"] == own - other
    plan = resumed.run.federation.plan
    known = [vault.blocks("run", plan)["federated-champion"] for vault in resumed.vaults.values()]
    intervals = [{end: float(value[-1]) for end, value in paired_interval(each).items()} for each in known]
    assert rows["federated-champion", BETTER] == sum(each["high"] < 0 for each in intervals)
    assert rows["federated-champion", WORSE] == sum(each["low"] > 0 for each in intervals)
    assert rows["federated-champion", BETTER] + rows["federated-champion", WORSE] > 0


def test_a_model_that_was_tested_begins_no_run(tmp_path: Path) -> None:
    """Else each run could begin where the one before ended, and no bound of a run would bound anything."""
    vault = vault_in(tmp_path)
    vault.policy = replace(vault.policy, start="seeded", largest_step=0.5, largest_distance=0.5)
    one, away = plan_of(rounds=1), {f"model/{name}": value for name, value in moved(0.4).items()}
    assert reply_frame(vault, request_bytes("train", 1, one, run="a")).kind == "update"
    assert reply_frame(vault, request_bytes("test", 3, one, run="a", arrays=away)).kind == "scores"
    assert "refuses the first weights" in refusal(vault, request_bytes("train", 1, one, run="b", arrays=away))
