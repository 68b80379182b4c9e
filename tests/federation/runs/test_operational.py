"""An operational run: what decides rests on forecasts of months that nothing behind them had seen, and is not decided
again by the refit."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.cli import main
from federation.errors import ConfigError, PolicyRefusal
from federation.forecasting import ForecastRequest, issue
from federation.runs import folder as run_folder
from federation.runs import simulation
from federation.runs.operational import FOLD, refit_of
from federation.runs.pair import is_pair, run_pair
from federation.runs.run import saved
from federation.settings.schema import Settings
from federation.vault import state
from federation.vault.database import open_database
from federation.vault.own_models import choices, issuing
from federation.wire.frame import decode
from tasks.registry import TASKS
from tasks.settings import Calendar
from tests.federation.federations import StoppedError, settings_of
from tests.federation.runs.fold_and_refit import ARMS, TWO, Done, both, changed, done, one, operational
from tests.federation.toy import TOY, ToySettings

pytestmark = pytest.mark.usefixtures("toy")


def own_rounds(done: Done) -> dict[str, tuple[int, ...]]:
    """Country -> the rounds whose local models it held for the final mean, after the last round of all."""
    settings = done.settings
    ledgers = open_database(Path(settings.runs) / f"june{FOLD}" / simulation.LEDGER)
    query = "SELECT country, memory FROM state WHERE run = ? AND kind = 'validate'"
    rows = ledgers.execute(query, (settings.name,)).fetchall()
    ledgers.close()
    memories = {country: decode(memory).arrays for country, memory in rows}
    return {
        country: tuple(sorted(int(value) for key, value in each.items() if key.startswith("local/round.")))
        for country, each in memories.items()
    }


def only(choice: Mapping[str, Mapping[str, bytes]], prefix: str) -> dict[tuple[str, str], bytes]:
    return {(c, key): value for c, own in choice.items() for key, value in own.items() if key.startswith(prefix)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Done]:
    with pytest.MonkeyPatch.context() as patch:  # the fixture `toy` is of one test
        patch.setitem(TASKS, "toy", TOY)
        return both(operational(tmp_path_factory.mktemp("pair")))


def test_a_refit_chooses_nothing_and_learns_all(pair: tuple[Done, Done]) -> None:
    fold, refit = pair
    assert fold.averaged == refit.averaged
    assert 0 < len(fold.averaged) <= 2
    assert fold.averaged != (3, 4), "else the last rounds alone would do as well"
    assert only(fold.chosen, "choice/") == only(refit.chosen, "choice/")
    names = {key.removeprefix("choice/") for _, key in only(fold.chosen, "choice/")}
    corrections = {f"correction/{arm}" for arm in ("adapted", "local_adapted", "issued")}
    shares = {f"share/{member}" for member in ("federated", "personalised", "local", "zero")}
    assert names == {"recipe", "rounds/local", *corrections, *shares}
    shifts = [np.frombuffer(value) for (_, key), value in only(fold.chosen, "choice/correction/").items()]
    assert all(each.any() for each in shifts)
    assert own_rounds(fold) == own_rounds(refit) != {}
    assert not set(only(fold.chosen, "final/").values()) & set(only(refit.chosen, "final/").values())
    assert fold.settings.task.calendar == Calendar(
        train_until="2004-12", validate_until="2006-12", test_until="2008-12"
    )
    assert refit.settings.task.calendar.cuts()[0] == np.datetime64("2006-12", "M")
    assert (refit.settings.until, refit.settings.fold, refit.settings.seed != 1) == ("2006-12", f"june{FOLD}", True)


def test_a_product_is_of_the_arm_that_the_results_recommend_where_the_vault_keeps_it(
    pair: tuple[Done, Done], tmp_path: Path
) -> None:
    settings = pair[1].settings
    request = ForecastRequest(
        data=Path(str(settings.data)),
        country="VNM",
        sent=datetime(2026, 1, 5, tzinfo=UTC),
        sender="x",
        cost_loss=None,
        samples=1,
        seed=1,
        largest_age=1200,
    )
    run = Path(settings.runs) / "june"
    forecasts = {}
    for arm in (None, "issued", "federated"):
        _, made = issue(run, replace(request, arm=arm))
        assert made.model == ("june" if arm == "federated" else "june-issued")
        forecasts[arm] = made.forecast
    np.testing.assert_array_equal(forecasts[None], forecasts["issued"])
    assert (forecasts[None] != forecasts["federated"]).any()
    _, elsewhere = issue(run, replace(request, home=tmp_path))
    assert elsewhere.model == "june"  # no vault is at hand
    np.testing.assert_array_equal(elsewhere.forecast, forecasts["federated"])


def test_one_command_does_both_and_a_second_one_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["tracking=none", "rounds=1", "task.hidden=[]", "training.epochs=1", "region.countries=[LAO,VNM]"]
    main(["simulate", "purpose=operational", "name=june", *small])
    printed = capsys.readouterr().out
    assert "the fold: trained to 2006-12, chooses by what follows until 2008-12" in printed
    assert f"trained to 2008-12: rounds, weights and corrections are those of june{FOLD}" in printed
    assert "trained to 2008-12, tested after 2008-12" in printed
    main(["simulate", "resume=june"])
    assert capsys.readouterr().out == f"june{FOLD}: finished before\njune: finished before\n"
    with pytest.raises(SystemExit):
        main(["simulate", "purpose=operational", "name=june", *small])
    assert "a run june exists in runs; choose another name, or resume=june" in capsys.readouterr().err


@pytest.mark.parametrize("arm", ARMS)
def test_what_a_country_forecasts_at_home_is_what_was_scored(pair: tuple[Done, Done], arm: str) -> None:
    settings = pair[1].settings
    database = open_database(Path(settings.runs) / f"june{FOLD}" / simulation.LEDGER)
    for country in TWO:
        panel = TOY.read(Path(str(settings.data)) / country, country, settings.task)
        tested = TOY.windows(panel, settings.task).only("test")
        memory = state.memory_of_test(database, country, "june") or {}
        said = issuing.forecast(memory, country, "june", settings.plan(), arm, panel, tested)
        query = "SELECT reply FROM state WHERE run = 'june' AND kind = 'test' AND country = ?"
        reply = decode(database.execute(query, (country,)).fetchone()[0])
        errors = np.square(said[..., 0] - tested.observed)
        assert errors[np.isfinite(errors)].sum() == pytest.approx(reply.arrays[f"score/test/{arm}/mse/sum"][-1])
    with pytest.raises(ConfigError, match="ended in THA with federated, local"):
        issuing.forecast(memory, "THA", "june", settings.plan(), "local_pair", panel, tested)
    assert state.memory_of_test(database, "LAO", "june") is None
    database.close()


def test_months_after_until_change_neither_a_choice_nor_a_weight(pair: tuple[Done, Done], tmp_path: Path) -> None:
    settings = operational(tmp_path)
    changed(settings, "2007-01", "2008-12")
    for now, before in zip(both(settings), pair, strict=True):
        assert (now.model, now.last, now.averaged, now.chosen) == (
            before.model,
            before.last,
            before.averaged,
            before.chosen,
        )


def test_months_that_decide_never_reach_the_models_of_the_fold(pair: tuple[Done, Done], tmp_path: Path) -> None:
    settings = operational(tmp_path)
    changed(settings, "2005-01", "2006-12")
    fold, refit = both(settings)
    assert fold.last == pair[0].last
    assert only(fold.chosen, "choice/correction/") != only(pair[0].chosen, "choice/correction/")
    assert refit.last != pair[1].last


@pytest.mark.parametrize("moment", ["between", "in the refit"])
def test_killed_between_fold_and_refit_or_later_it_ends_in_the_same_bits(
    pair: tuple[Done, Done], tmp_path: Path, moment: str
) -> None:
    settings = operational(tmp_path)

    def killed(settings: Settings) -> None:
        if settings.is_refit or settings.name == "june":
            if moment == "between":
                (Path(settings.runs) / "june").mkdir()  # before its first checkpoint
                (Path(settings.runs) / "june" / run_folder.LOCK).touch()
                raise StoppedError
            one(settings, ("after checkpoint", 2))
        one(settings)

    with pytest.raises(StoppedError):
        run_pair(settings, killed)
    resumed = Settings(task=settings.task, strategy=settings.strategy, runs=settings.runs, resume="june")
    assert is_pair(resumed)
    run_pair(resumed, one)
    for name, before in zip((f"june{FOLD}", "june"), pair, strict=True):
        now = done(settings, name)
        assert (now.model, now.averaged, now.chosen) == (before.model, before.averaged, before.chosen)


def test_a_champion_starts_the_refit_and_never_the_fold(pair: tuple[Done, Done], tmp_path: Path) -> None:
    settings = operational(tmp_path, start_from="champion")
    one(replace(settings, name="champion", purpose="study", until=None, start_from=None, seed=5))
    (Path(settings.runs) / "champion" / run_folder.LOCK).touch()
    fold, refit = both(settings)
    assert fold.last == pair[0].last
    assert refit.last != pair[1].last
    (Path(settings.runs) / "june" / run_folder.LOCK).touch()
    study = replace(settings, name="study", purpose="study", until=None, start_from="june")
    folder = run_folder.create(study)
    with pytest.raises(ConfigError, match=r"start_from=june was trained to 2006-12, .* after 2004-12 unseen"):
        simulation.prepare(study, folder)
    earlier = Calendar(train_until="2004-12", validate_until="2005-12", test_until="2006-12")
    tested = replace(study, name="tested", start_from="champion", task=replace(study.task, calendar=earlier))
    with pytest.raises(ConfigError, match=r"start_from=champion was chosen by periods until 2006-12, .* after 2005-12"):
        simulation.prepare(tested, run_folder.create(tested))


def test_a_vault_takes_the_choices_of_a_fold_of_the_same_recipe_alone(tmp_path: Path) -> None:
    settings = operational(tmp_path)
    one(replace(settings, name=f"june{FOLD}"))
    refit = refit_of(saved(Path(settings.runs) / f"june{FOLD}")[0], "june")
    database = open_database(Path(settings.runs) / f"june{FOLD}" / simulation.LEDGER)
    assert choices.of_fold(database, "THA", refit.plan()) is not None
    later = replace(refit.task, calendar=replace(refit.task.calendar, validate_until="2007-06"))
    for other in (replace(refit, task=later), replace(refit, rounds=5)):
        with pytest.raises(PolicyRefusal, match="had another recipe or calendar"):
            choices.of_fold(database, "THA", other.plan())
    assert choices.of_fold(database, "LAO", refit.plan()) == choices.Choices()
    database.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"purpose": "operatoinal"}, "did you mean operational"),
        ({"until": "2006-12"}, "of purpose=operational"),
        ({"fold": "june-fold"}, "go together"),
        ({"purpose": "operational", "sweep": "s"}, "sweep is of purpose=study alone"),
        ({"purpose": "operational", "protection": "sealed"}, "protection=sealed is of purpose=study alone"),
        (
            {"purpose": "operational", "task": ToySettings(calendar=Calendar(unaligned=True))},
            "unaligned is of purpose=",
        ),
    ],
)
def test_what_an_operational_run_cannot_be_is_said(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        settings_of(tmp_path, **changes).check()
