"""An operational run: what decides rests on forecasts of months that nothing behind them had seen, and is not decided
again by the refit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.cli import main
from federation.coordinator import checkpoint
from federation.errors import ConfigError, PolicyRefusal
from federation.forecasting import ForecastRequest, issue
from federation.policy.file import FILE
from federation.runs import folder as run_folder
from federation.runs import simulation
from federation.runs.operational import FOLD, refit_of, resolved, unlike_ends
from federation.runs.pair import is_pair, run_pair
from federation.runs.run import saved
from federation.settings.parts import TrainingSettings
from federation.settings.schema import Settings
from federation.vault import ledger, state
from federation.vault.database import open_database
from federation.vault.own_models import choices, issuing
from federation.wire.frame import decode
from tasks.errors import DataError
from tasks.registry import TASKS
from tasks.settings import Calendar
from tests.federation.federations import StoppedError, Watching, ready, records_in, run, settings_of
from tests.federation.toy import TOY, ToySettings

pytestmark = pytest.mark.usefixtures("toy")
TWO = ("THA", "VNM")
ARMS = ["federated", "local", "personalised", "adapted", "local_adapted", "issued"]
TRAINING = TrainingSettings(batch_size=50, epochs=2, lr=0.3, schedule="constant")  # best before the last round


def operational(folder: Path, **rest: Any) -> Settings:
    """An operational run of two countries on national files in folder/records."""
    values: dict[str, Any] = {
        "purpose": "operational",
        "until": "2006-12",
        "rounds": 4,
        "keep_best": 2,
        "name": "june",
    } | rest
    records = records_in(folder / "records", TWO, ToySettings(heterogeneity=0.5))
    keys = folder / "runs" / "keys"
    keys.mkdir(parents=True)
    for country in TWO:
        (keys / f"{country}.key").write_bytes(country.encode() * 11)
    return settings_of(folder, TWO, training=TRAINING, arms=ARMS, data=str(records), **values)


def changed(settings: Settings, first: str, last: str, country: str = "") -> None:
    """Other records from the first to the last month, in one country or in all."""
    for path in Path(str(settings.data)).glob(f"{country or '*'}/{TOY.file}"):
        head, *lines = path.read_text().splitlines()
        rows = [line.split(",") for line in lines]
        rows = [[*row[:2], "9", "-99"] if first <= row[1] <= last else row for row in rows]
        path.write_text("\n".join([head, *(",".join(row) for row in rows)]) + "\n")


def one(settings: Settings, stop: tuple[str, int] | None = None) -> None:
    """One run to its end, without tables and pictures."""
    if settings.resume is None:
        ready = simulation.prepare(settings, run_folder.create(settings))
    else:
        ready = simulation.resume(settings.runs, Path(settings.runs) / settings.resume)
    ran = run(ready, Watching(stop=stop))
    averaged = sorted(each.round for each in ran.outcome.progress.best)
    checkpoint.save_model(ready.run.folder, ready.run.folder.name, ran.outcome.model, averaged)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a run left. model: the mean that is kept. last: as last aggregated. chosen: country -> what it keeps."""

    model: Mapping[str, bytes]
    last: Mapping[str, bytes]
    averaged: tuple[int, ...]
    chosen: Mapping[str, Mapping[str, bytes]]
    settings: Settings


def done(settings: Settings, name: str) -> Done:
    folder = Path(settings.runs) / name
    began_with, progress, _ = saved(folder)
    database = open_database(Path(settings.runs) / f"june{FOLD}" / simulation.LEDGER)
    ledger.verify(database)
    memories = {country: state.memory_of_test(database, country, name) or {} for country in TWO}
    database.close()
    kept = {
        country: {
            key: value.numpy().tobytes() for key, value in memory.items() if key.startswith(("choice/", "final/"))
        }
        for country, memory in memories.items()
    }
    return Done(
        model=_bytes(checkpoint.load_model(folder)),
        last=_bytes(progress.model),
        averaged=checkpoint.averaged_rounds(folder),
        chosen=kept,
        settings=began_with,
    )


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


def both(settings: Settings) -> tuple[Done, Done]:
    """The fold and the refit."""
    run_pair(settings, one)
    return done(settings, f"june{FOLD}"), done(settings, "june")


def _bytes(arrays: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in arrays.items()}


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


ENDS = {"KHM": "2008-12", "LAO": "2010-03", "THA": "2010-06", "VNM": "2011-01"}


@pytest.mark.parametrize(
    ("ends", "latest"),
    [
        (ENDS, "2010-03"),  # three of four
        ({**ENDS, "MYS": "2001-01"}, "2010-03"),  # three of five
        ({"LAO": "2010-03", "THA": "2009-06"}, "2009-06"),  # half are not most
        ({"LAO": "2010-03"}, "2010-03"),
    ],
)
def test_latest_is_the_last_month_that_more_than_half_report(ends: dict[str, str], latest: str, tmp_path: Path) -> None:
    settings = resolved(settings_of(tmp_path, purpose="operational"), ends)
    assert settings.until == latest
    last = np.datetime64(latest, "M")
    assert settings.task.calendar.cuts() == (last - 24, last, last + 24)
    assert resolved(settings, {}) == settings  # once it is known, nobody is asked again


def test_a_study_whose_calendar_is_asked_for_is_the_one_with_these_cuts(tmp_path: Path) -> None:
    asked, named = (tmp_path / name for name in ("asked", "named"))
    early = ToySettings(calendar=Calendar(train_until="1984-12", validate_until="1985-12", test_until="1987-06"))
    cuts = Calendar(train_until="2006-06", validate_until="2007-06", test_until="2008-12")
    found = ready(settings_of(asked, TWO, task=early, calendar="auto"))
    other = ready(settings_of(named, TWO, task=ToySettings(calendar=cuts)))
    assert saved(asked / "runs" / "run")[0].task.calendar == cuts == found.run.federation.plan.task.calendar
    assert "calendar=auto: trained to 2006-06, validated to 2007-06, tested to 2008-12" in found.run.notes
    one, same = run(found), run(other)
    assert one.outcome.rows == same.outcome.rows
    with pytest.raises(ConfigError, match=r"calendar=auto does not go with task\.calendar\.unaligned"):
        settings_of(asked, TWO, task=ToySettings(calendar=replace(cuts, unaligned=True)), calendar="auto").check()
    with pytest.raises(
        DataError, match=r"1984-12; on record are THA 1999-01 to 2008-12.* these fit: .*train_until=2006"
    ):
        ready(settings_of(tmp_path / "set", TWO, task=early, data=str(records_in(tmp_path / "d", TWO, ToySettings()))))


def test_a_month_that_is_not_over_is_never_the_latest(tmp_path: Path) -> None:
    """Half of its cases are counted. A harvest is on record before its December, too."""
    now = np.datetime64("now").astype("datetime64[M]")
    december = f"{now.astype('datetime64[Y]')}-12"
    for ends in ({"LAO": str(now), "VNM": str(now)}, {"LAO": december, "VNM": december}):
        assert resolved(settings_of(tmp_path, purpose="operational"), ends).until == str(now - 1)
    with pytest.raises(ConfigError, match="is not over"):
        resolved(settings_of(tmp_path, purpose="operational", until=str(now)), {})


@pytest.mark.parametrize(
    ("until", "ends", "words"),
    [
        ("2999-01", ENDS, "until=2999-01, which lies ahead"),
        (None, {"LAO": "2999-01"}, "the records of LAO end in 2999-01, which lies ahead"),
        ("latest", {}, "no country says when its records end"),
        ("last June", ENDS, "until=last June: .*YYYY-MM"),
    ],
)
def test_a_month_that_nobody_can_have_is_refused(
    until: str | None, ends: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        resolved(settings_of(tmp_path, purpose="operational", until=until), ends)


def test_countries_with_unlike_ends_take_part_and_are_named(tmp_path: Path) -> None:
    settings = operational(tmp_path, until="latest")
    changed_file = Path(str(settings.data)) / "THA" / TOY.file
    kept = [line for line in changed_file.read_text().splitlines() if "," not in line or line.split(",")[1] < "2008-04"]
    head = "place,month,push,target"
    changed_file.write_text("\n".join([head, *(line for line in kept if line != head)]) + "\n")
    simulation.prepare(replace(settings, name="seen"), run_folder.create(replace(settings, name="seen")))
    began_with, _, countries = saved(Path(settings.runs) / "seen")
    assert (began_with.until, countries) == ("2008-03", list(TWO))
    (changed_file.parent / FILE).write_text('template = "open"\ntasks = ["toy"]\nrecords_end = false')
    simulation.prepare(replace(settings, name="kept"), run_folder.create(replace(settings, name="kept")))
    assert saved(Path(settings.runs) / "kept")[0].until == "2008-12"
    assert unlike_ends({"THA": "2008-03", "VNM": "2008-12"}, "2008-03", "month") == [
        "Records that go on after 2008-03 are not trained on from there: VNM in 2008-12."
    ]


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
