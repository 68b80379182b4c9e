"""What shows the worth of a federation: records laid together, a country held out, a record cut short."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.composition.restore import check
from federation.errors import ConfigError
from federation.reporting.rows import ALL
from federation.runs import flower_app, pooled_arm
from federation.settings.plan import POOLED
from federation.settings.schema import Settings
from federation.training.jobs import Tensors
from federation.vault import ledger
from federation.verbs.node_train import OwnSettings
from federation.verbs.submit import SubmitSettings, submit
from tasks.gathered_windows import joined
from tests.federation.federations import FOUR, GRADIENT, FederationOf, Ran, ready, records_in, settings_of
from tests.federation.toy import TOY, ToySettings, optimum, training_windows
from tests.federation.vault.requesting import plan_of, vault_in

pytestmark = pytest.mark.usefixtures("toy")


def pooled_weights(ran: Ran) -> Tensors:
    """What the pooled arm ends with."""
    plan = ran.ready.run.federation.plan
    learning = [vault.records(plan) for vault in ran.ready.vaults.values() if vault.learns(plan)]
    return pooled_arm._train_pooled(learning, plan)


# Pooled


def test_the_pooled_model_is_that_of_all_records_together(tmp_path: Path, federation_of: FederationOf) -> None:
    task = ToySettings(heterogeneity=0.5)
    data = records_in(tmp_path / "data", FOUR, task)
    ran = federation_of(data=str(data), task=task, rounds=1)
    many = replace(ran.ready.run.federation.plan, rounds=150, training=GRADIENT, keep_best=0)
    learning = [vault.records(many) for vault in ran.ready.vaults.values()]
    expected = optimum([training_windows(data / country, country, task) for country in FOUR])
    for name, value in pooled_arm._train_pooled(learning, many).items():
        assert value.numpy() == pytest.approx(expected[name], abs=2e-3)


def test_rows_of_the_pooled_arm_are_scores_of_its_weights(federation_of: FederationOf) -> None:
    ran = federation_of(rounds=2)
    plan, vaults = ran.ready.run.federation.plan, list(ran.ready.vaults.values())
    rows = {
        row.country: row for row in pooled_arm.rows(vaults, plan, "ASEAN") if (row.score, row.horizon) == ("mse", ALL)
    }
    assert set(rows) == {*FOUR, "ASEAN"}
    weights = {name: value.double().numpy() for name, value in pooled_weights(ran).items()}
    errors = []
    for vault in vaults:
        test = vault.records(plan).windows["test"]
        forecast = test.inputs["recent"] @ weights["slope.weight"].T + weights["head.bias"]
        errors.append(np.square(forecast - test.observed).ravel())
        assert rows[vault.country].value == pytest.approx(errors[-1].mean(), rel=1e-4)
    assert rows["ASEAN"].value == pytest.approx(np.concatenate(errors).mean(), rel=1e-4)
    assert {row.arm for row in pooled_arm.rows(vaults, plan, "ASEAN")} == {POOLED}


def test_the_pooled_arm_learns_from_whom_the_federation_learns(federation_of: FederationOf) -> None:
    def scored(ran: Ran) -> set[tuple[str, str, float]]:
        rows = pooled_arm.rows(list(ran.ready.vaults.values()), ran.ready.run.federation.plan, "ASEAN")
        return {(row.score, row.horizon, row.value) for row in rows if row.country == "KHM"}

    without = scored(federation_of(("KHM", "THA", "VNM")))
    assert without == scored(federation_of(hold_out=["LAO"]))
    assert without == scored(federation_of(policies={"LAO": "minimum_cohort = 100000"}))
    assert without != scored(federation_of())


def test_no_pooled_score_shows_what_a_vault_withholds(federation_of: FederationOf) -> None:
    ran = federation_of(policies={"LAO": "minimum_cohort = 100000"})
    rows = pooled_arm.rows(list(ran.ready.vaults.values()), ran.ready.run.federation.plan, "ASEAN")
    assert {row.country for row in rows} == {"KHM", "THA", "VNM", "ASEAN"}


def test_a_plan_knows_of_no_pooled_arm_and_a_deployment_refuses_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, arms=["federated", "local", POOLED])
    check(settings)
    assert settings.plan().arms == ["federated", "local"]
    own = {name: getattr(settings, name) for name in ("task", "strategy", "training", "region", "tracking", "arms")}
    with pytest.raises(ConfigError, match="pooled needs all countries' records"):
        submit(SubmitSettings(**own, runs=str(tmp_path / "runs")))
    with pytest.raises(ConfigError, match="pooled needs all countries' records"):
        OwnSettings(**own, country="VNM", data=str(tmp_path)).run()


def test_windows_laid_together_are_all_of_them(federation_of: FederationOf) -> None:
    vaults = list(federation_of(rounds=1).ready.vaults.values())
    parts = [vault.records(plan_of()).windows["train"] for vault in vaults[:2]]
    assert len(joined(parts)) == sum(map(len, parts))


# Held out


def test_a_country_held_out_changes_no_weight_and_is_scored(federation_of: FederationOf) -> None:
    held, without = federation_of(hold_out=["LAO"], keep_best=2), federation_of(("KHM", "THA", "VNM"), keep_best=2)
    assert all(held.weights[name].tobytes() == without.weights[name].tobytes() for name in without.weights)
    for name, value in held.outcome.model.items():
        assert value.tobytes() == without.outcome.model[name].tobytes()  # nor which rounds are the best
    arms = {row.arm for row in held.outcome.rows if row.country == "LAO"}
    assert arms == {"federated", "zero", "oracle"}  # no model of its own: it never trained


def test_a_country_held_out_gets_one_request(federation_of: FederationOf) -> None:
    ran = federation_of(hold_out=["LAO"], rounds=2, keep_best=1)
    database = next(iter(ran.ready.vaults.values())).database
    kinds = {country: [each.kind for each in ledger.entries(database) if each.country == country] for country in FOUR}
    assert kinds["LAO"] == ["scores"]
    assert kinds["THA"] == ["update", "update", "scores", "scores"]


def test_a_vault_trains_nothing_of_its_own_when_it_is_held_out(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    assert vault.learns(plan_of())
    assert not vault.learns(plan_of(hold_out=["VNM"]))
    assert vault.learns(plan_of(hold_out=["LAO"]))


# Short records


@pytest.mark.parametrize("years", [1, 3])
def test_a_short_record_begins_so_many_years_before_the_cut(tmp_path: Path, years: int) -> None:
    vault = vault_in(tmp_path)
    full, short = vault.records(plan_of()), vault.records(plan_of(record_years=years))
    first = ToySettings().calendar.cuts()[0] - 12 * years + 1
    assert short.windows["train"].origin.min() >= first
    assert short.windows["train"].due.max() == full.windows["train"].due.max()
    assert len(np.unique(short.windows["train"].origin)) == 12 * years - 3  # one lag, two horizons
    for part in ("validation", "test"):
        assert np.array_equal(short.windows[part].observed, full.windows[part].observed)


def test_the_records_of_others_stay_as_they_are(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    assert vault.records(plan_of(record_years=2, record_of=["LAO"])).cohort() == vault.records(plan_of()).cohort()
    assert vault.records(plan_of(record_years=2, record_of=["VNM"])).cohort() < vault.records(plan_of()).cohort()


# What cannot be


@pytest.mark.parametrize(
    ("key", "named"), [("hold_out", ["LOA"]), ("record_of", ["LOA"])], ids=["hold_out", "record_of"]
)
def test_a_country_that_takes_no_part_is_named_with_the_nearest(tmp_path: Path, key: str, named: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"{key}=LOA does not take part; did you mean LAO"):
        check(replace(settings_of(tmp_path), **{key: named}))  # type: ignore[arg-type]


WRONG = {
    "adapted needs the country's own model; add local": {"arms": ["federated", "adapted"]},
    "local_pair needs the country's own model; add local": {"arms": ["federated", "local_pair"]},
    "record_years=0 must be at least 1": {"record_years": 0},
}


@pytest.mark.parametrize(("words", "wrong"), WRONG.items(), ids=WRONG)
def test_settings_that_make_no_sense_are_one_line(tmp_path: Path, words: str, wrong: dict[str, object]) -> None:
    settings: Settings = replace(settings_of(tmp_path), **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=words):
        check(settings)


def test_an_adapted_arm_on_a_model_that_is_not_trained_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, arms=["federated", "local", "adapted"])
    settings.adaptation.base = "personalised"
    with pytest.raises(ConfigError, match=r"adapted needs adaptation\.base; add personalised"):
        check(settings)
    settings.arms.append("personalised")
    check(settings)


def test_the_run_that_was_prepared_knows_who_learns(tmp_path: Path) -> None:
    prepared = ready(settings_of(tmp_path, hold_out=["LAO"]))
    assert list(prepared.run.federation.nodes) == list(FOUR)
    assert list(prepared.run.federation.learning) == ["KHM", "THA", "VNM"]
    assert TOY.name == prepared.run.federation.plan.task.name


@pytest.mark.parametrize("given", [{"device": "cuda"}, {"precision": "bf16"}])
def test_between_countries_every_node_says_where_it_trains(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="every node sets device= and precision= for itself"):
        submit(SubmitSettings(**{**vars(settings_of(tmp_path)), "deadline": 600.0, **given}))
    words = " ".join(f"{key}={value}" for key, value in given.items())
    with pytest.raises(ConfigError, match=r"flwr run trains on CPUs in float32"):
        flower_app._settings({"gotong": f"task=health tracking=none {words}"})
