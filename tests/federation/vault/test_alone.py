"""What a country's own model takes instead of the run's settings reaches that model, and no other one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.composition.compose import settings_of as composed
from federation.errors import ConfigError
from federation.reporting.rows import ALL
from federation.runs import simulation
from federation.vault import doors
from federation.vault.vault import Vault
from tests.federation.federations import GRADIENT, FederationOf, Ran, Watching
from tests.federation.vault.requesting import plan_of, request_bytes, vault_in

ARMS = ["federated", "local", "local_pair"]
PAIR = ["THA", "VNM"]


def scores(ran: Ran) -> dict[tuple[str, str], float]:
    """(country, arm) -> headline score over all horizons."""
    first = next(row.score for row in ran.outcome.rows)
    return {
        (row.country, row.arm): row.value
        for row in ran.outcome.rows
        if row.horizon == ALL and row.score == first and row.country in PAIR and row.arm in ARMS
    }


def test_it_is_scored_as_in_a_run_where_all_take_it(federation_of: FederationOf) -> None:
    slow = replace(GRADIENT, lr=0.02)
    usual, changed = scores(federation_of(PAIR, arms=ARMS)), scores(federation_of(PAIR, arms=ARMS, training=slow))
    mixed = scores(federation_of(PAIR, arms=ARMS, local={"THA": {"training": {"lr": 0.02}}}))
    own = {("THA", "local"), ("THA", "local_pair")}
    assert mixed == {key: changed[key] if key in own else value for key, value in usual.items()}
    assert all(usual[key] != changed[key] for key in usual)


@pytest.mark.usefixtures("toy")
def test_only_its_own_jobs_are_changed(tmp_path: Path) -> None:
    plan = plan_of(arms=ARMS, local={"VNM": {"training": {"lr": 0.5, "epochs": 4}}, "THA": {"training": {"lr": 9.0}}})
    jobs = {job.arm: job for job in doors.admit(vault_in(tmp_path), request_bytes("train", 1, plan)).jobs}
    assert {arm: (job.lr, job.settings.epochs) for arm, job in jobs.items()} == {
        "federated": (0.2, 1),
        "local": (0.5, 4),
        "twin": (0.5, 4),
    }


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    "chosen", [{"training": {"x": {}}}, {"x": {}}, {"training": {"lr": {}}}, {"task": {"x": {"y": {}}}}]
)
def test_tables_that_no_settings_have_are_refused(tmp_path: Path, chosen: Any) -> None:
    with pytest.raises(ConfigError, match=r"local\.VNM"):
        doors.admit(vault_in(tmp_path), request_bytes("train", 1, plan_of(arms=ARMS, local={"VNM": chosen})))


def run(folder: Path, *words: str) -> dict[tuple[str, str], float]:
    """A round over two synthetic countries' dengue."""
    common = ["region.countries=[THA,VNM]", "rounds=1", "training.epochs=1", f"runs={folder}", "tracking=none"]
    settings = composed([*common, "arms=[federated,local,local_pair]", "engine=cohort", *words])
    ready = simulation.prepare(settings, folder)
    watching = Watching()
    return scores(Ran(ready=ready, outcome=ready.rounds(watching), reports=watching.reports))


def test_another_model_is_trained_and_mixed_with_the_federated_one(tmp_path: Path) -> None:
    folders: list[Any] = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    mixed = run(folders[0], "task.hidden=[4]", "+local.THA.task.hidden=[]")
    linear = run(folders[1], "task.hidden=[]")
    same = {key for key, value in mixed.items() if value == pytest.approx(linear[key], rel=1e-6)}
    assert same == {("THA", "local"), ("THA", "local_pair")}
    assert len(mixed) == 6


def test_a_country_without_a_choice_shares_one_model(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    """A thousand clinics would otherwise build each model twice a round."""
    vault: Vault = vault_in(tmp_path)
    jobs = doors.admit(vault, request_bytes("train", 1, plan_of(arms=ARMS))).jobs
    assert len({id(job.model) for job in jobs}) == 1
