"""Who chose which trial, worked out by hand; and that no search sees a test year."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.composition.compose import jobs, settings_of
from federation.composition.restore import check
from federation.coordinator import checkpoint
from federation.coordinator.state import Federation, Progress
from federation.errors import ConfigError
from federation.reporting.rows import ALL, Row, write_json
from federation.settings.parts import TrackingSettings
from federation.settings.schema import Settings
from federation.settings.values import plain
from federation.studies.recipe_choice import Trial, choose
from federation.tracking.run_info import RunInfo
from federation.tracking.tracker import Tracker
from federation.verbs import choose as verb
from tasks.errors import DataError
from tasks.registry import TASKS
from tests.whole import IN_FULL

CONFIGS = Path(__file__).parents[3] / "configs"
SEARCHES = sorted(path.stem for path in (CONFIGS / "experiment" / "search").glob("*.yaml"))
COUNTRIES = ("LAO", "SGP", "THA", "VNM")
# trial -> place -> (federated, own); SGP is withheld everywhere, VNM in one trial
HEALTH: dict[str, dict[str, tuple[float, float]]] = {
    "a": {"LAO": (0.1, 0.9), "THA": (0.1, 0.5), "VNM": (0.1, 0.2), "ASEAN": (0.40, 0.70)},
    "b": {"LAO": (0.1, 0.8), "THA": (0.1, 0.5), "VNM": (0.1, math.nan), "ASEAN": (0.30, 0.60)},
    "c": {"LAO": (0.1, 0.7), "THA": (0.1, 0.6), "VNM": (0.1, 0.1), "ASEAN": (0.35, 0.65)},
}
LR = {"a": 0.001, "b": 0.002, "c": 0.004}


def settings(words: str = "") -> Settings:
    return settings_of([*words.split(), "sweep=s", f"region.countries=[{','.join(COUNTRIES)}]"])


def row(task: str, country: str, arm: str, value: float) -> Row:
    score = next(iter(TASKS[task].scores))
    return Row(task=task, country=country, arm=arm, score=score, horizon=ALL, value=value, low=0, high=1, n=99)


def trials(words: str = "task=health", key: str = "training.lr", values: Any = None) -> list[Trial]:
    made = []
    for name, places in HEALTH.items():
        varied = settings(f"{words} {key}={(values or LR)[name]}")
        rows = [
            row(varied.task.name, place, arm, value)
            for place, both in places.items()
            for arm, value in zip(("federated", "local"), both, strict=True)
        ]
        made.append(Trial(name=name, settings=plain(replace(varied, name=name)), countries=COUNTRIES, rows=rows))
    return made


def picks_of(words: str = "task=health", order: int = 1) -> dict[str, tuple[str, bool]]:
    choice = choose(trials(words)[::order])
    picks = {"federated": choice.federated, **choice.local}
    return {name: (pick.trial.name, pick.by_region) for name, pick in picks.items()}


@pytest.mark.parametrize("order", [1, -1])
def test_each_takes_its_best_trial_and_who_was_not_scored_in_all_the_regions_best(order: int) -> None:
    """THA: a and b are equal, the first counts. SGP, VNM: not scored in every trial, so b, best of all own models."""
    assert picks_of(order=order) == {
        "federated": ("b", False),
        "LAO": ("c", False),
        "SGP": ("b", True),
        "THA": ("a", False),
        "VNM": ("b", True),
    }


def test_where_more_is_better_the_largest_is_taken() -> None:
    """The same numbers as skill: of THA c is the largest now, of LAO and the region a."""
    assert next(iter(TASKS["disaster"].scores.values())).better == "larger"
    assert picks_of("task=disaster") == {
        "federated": ("a", False),
        "LAO": ("a", False),
        "SGP": ("a", True),
        "THA": ("c", False),
        "VNM": ("a", True),
    }


def test_a_recipe_says_what_varied_and_only_where_it_differs() -> None:
    assert choose(trials()).recipe() == {
        "training": {"lr": 0.002},
        "local": {"LAO": {"training": {"lr": 0.004}}, "THA": {"training": {"lr": 0.001}}},
    }
    layers = {"a": "[]", "b": "[8]", "c": "[8,8]"}
    assert choose(trials(key="task.hidden", values=layers)).recipe() == {
        "task": {"hidden": [8]},
        "local": {"LAO": {"task": {"hidden": [8, 8]}}, "THA": {"task": {"hidden": []}}},
    }


def test_trials_that_differ_in_more_than_models_and_training_are_refused() -> None:
    with pytest.raises(ConfigError, match="differ in rounds, which no country can choose"):
        choose(trials(key="rounds", values={"a": 1, "b": 2, "c": 3}))
    with pytest.raises(ConfigError, match=r"task\.weather"):
        choose(trials(key="task.weather", values={"a": "true", "b": "false", "c": "true"}))


def test_no_search_is_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match="two trials or more, here is 1"):
        choose(trials()[:1])
    bare = [replace(trial, rows=[row for row in trial.rows if row.arm == "federated"]) for trial in trials()]
    with pytest.raises(ConfigError, match="of the arms federated and local for the region"):
        choose(bare)


def kept(runs: Path, *, unfinished: str = "") -> None:
    """The trials as a sweep leaves them, and a run that is none of them."""
    for trial in [*trials(), replace(trials()[0], name="other")]:
        sweep = None if trial.name == "other" else "s"
        varied = replace(settings(f"training.lr={LR.get(trial.name, 9)}"), sweep=sweep, name=trial.name)
        folder = runs / trial.name
        nodes = {country: number for number, country in enumerate(COUNTRIES)}
        where = folder / checkpoint.FILE
        federation = Federation(run=trial.name, plan=varied.plan(), settings=varied, nodes=nodes, checkpoint=where)
        tracker = Tracker(folder, TrackingSettings(name="none"), runs=runs, warn=pytest.fail)
        tracker.begin(RunInfo(id=trial.name, name="", countries=()))
        checkpoint.save(federation, Progress(round=2, model={}))
        write_json(trial.rows, folder / "results.json")
        tracker.end("FAILED" if trial.name == unfinished else "FINISHED")


@pytest.mark.skipif(not IN_FULL, reason="a search is chosen from in every run: scripts/prove ends")
def test_the_recipe_that_is_written_is_one_that_simulate_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path / "runs")
    path = tmp_path / "recipe" / "searched.yaml"
    verb.run(["sweep=s", f"runs={tmp_path / 'runs'}", "base=dengue", f"to={path}"])
    printed = capsys.readouterr().out
    assert "LAO alone" in printed
    assert "0.600*" in printed
    loaded = settings_of([f"hydra.searchpath=[file://{tmp_path}]", "recipe=searched"])
    check(loaded)
    assert loaded.local == {"LAO": {"training": {"lr": 0.004}}, "THA": {"training": {"lr": 0.001}}}
    assert loaded.training.lr == 0.002
    assert loaded.strategy.weights == "equal", "the recipe it rests on"
    assert "from 3 trials of s: trained to 2004-12" in path.read_text()


def test_a_search_that_is_not_over_or_not_there_is_no_choice(tmp_path: Path) -> None:
    kept(tmp_path, unfinished="b")
    with pytest.raises(ConfigError, match="trial b has not ended"):
        verb.run(["sweep=s", f"runs={tmp_path}"])
    with pytest.raises(ConfigError, match="no run of sweep=t"):
        verb.run(["sweep=t", f"runs={tmp_path}"])
    (tmp_path / "a" / "results.json").write_text("{")
    with pytest.raises(DataError):
        verb.run(["sweep=s", f"runs={tmp_path}"])


@pytest.mark.parametrize("search", SEARCHES if IN_FULL else [*SEARCHES][:1])
def test_a_search_sees_no_test_year_and_can_be_chosen_from(search: str) -> None:
    planned = [job.settings for job in jobs("simulate", [f"experiment=search/{search}"], Settings)]
    assert len({str(plain(each)) for each in planned}) == len(planned) >= 4
    for each in planned:
        check(each)
        assert each.task.calendar.cuts()[2] <= TASKS[search].settings().calendar.cuts()[1]
        assert {"federated", "local"} <= set(each.arms)
    rows = [row(search, "ASEAN", arm, 0.5) for arm in ("federated", "local")]
    known = [Trial(name=str(at), settings=plain(each), countries=(), rows=rows) for at, each in enumerate(planned)]
    assert choose(known).varied
