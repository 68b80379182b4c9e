"""Runs side by side, from their folders or, where these are gone, from MLflow."""

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from federation.errors import TrackingError
from federation.reporting.rows import EXCLUDED_PERIOD, PAIRED, Row, read_json, write_json
from federation.settings.parts import TrackingSettings
from federation.studies.compare import compare
from federation.tracking.run_info import RunInfo
from federation.tracking.tracker import Tracker
from tasks.registry import TASKS
from tasks.settings import UNALIGNED

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own
TASK = next(iter(TASKS.values()))
HEADLINE, SCORE = next(iter(TASK.scores.items()))


def ran(runs: Path, run: str, values: dict[str, float], tracking: str = "none", **params: str | float) -> None:
    """A finished run with its table, tracked."""
    tracker = Tracker(runs / run, TrackingSettings(name=tracking, patience=60), runs=runs, warn=pytest.fail)
    tracker.begin(RunInfo(id=run, name=run, countries=("VNM",), params=params))
    rows = [
        Row(
            task=TASK.name,
            country=country,
            arm=arm,
            score=HEADLINE,
            horizon="all",
            value=value + extra,
            low=value + extra - 0.1,
            high=value + extra + 0.1,
            n=9,
        )
        for country, value in values.items()
        for arm, extra in (("federated", 0), ("local", 5))
    ]
    write_json(rows, runs / run / "results.json")
    tracker.artifact(runs / run / "results.json")
    tracker.end("FINISHED")


def shown(sheet: Table | None) -> str:
    assert sheet is not None
    with Path(os.devnull).open("w") as nowhere:
        console = Console(width=120, record=True, file=nowhere)
        console.print(sheet)
        return console.export_text()


def test_runs_stand_side_by_side_and_the_better_one_wins(tmp_path: Path) -> None:
    assert SCORE.better == "smaller"
    ran(
        tmp_path,
        "avg",
        {"VNM": 1.0, "THA": 0.5, "LAO": math.nan, "PHL": 1.0, "ASEAN": 0.7},
        rounds=3,
        strategy="fedavg",
    )
    ran(tmp_path, "prox", {"VNM": 0.7, "THA": 0.55, "LAO": 0.9, "PHL": 0.7}, rounds=3, strategy="fedprox")
    ran(tmp_path, "krum", {"VNM": 0.75, "PHL": 1.1}, rounds=3, strategy="krum")
    (one,) = compare(tmp_path, TrackingSettings(), ["avg", "prox", "krum"])
    sheet, scores = one.sheet, one.scores
    wins = {each.row.country: (each.run, each.clear) for each in scores if each.wins}
    assert wins == {"VNM": ("prox", False), "THA": ("avg", False), "LAO": ("prox", False), "PHL": ("prox", True)}
    text = shown(sheet)
    assert "fedprox" in text
    assert "rounds" not in text, "what is the same is not shown"
    assert "0.700 [0.600, 0.800]*" in text
    assert "0.500 [0.400, 0.600] " in text
    places = [line.split()[1] for line in text.splitlines() if line.startswith("│")]
    assert places == ["strategy", "state", "VNM", "THA", "LAO", "PHL", "ASEAN"]
    assert list(one.lines) == [
        "VNM: prox 0.700 [0.600, 0.800] before krum 0.750 [0.650, 0.850], intervals overlap",
        "THA: avg 0.500 [0.400, 0.600] before prox 0.550 [0.450, 0.650], intervals overlap",
        "LAO: prox 0.900 [0.800, 1.000], the only one scored",
        "PHL: prox 0.700 [0.600, 0.800] before avg 1.000 [0.900, 1.100], clearly",
        "ASEAN: nobody wins",
    ]


def test_runs_that_overlap_are_shown_with_what_each_gained_on_its_own_local_arm(tmp_path: Path) -> None:
    for run, value, gain in (("a", 1.0, -0.4), ("b", 1.05, -0.1)):
        ran(tmp_path, run, {"VNM": value})
        path = tmp_path / run / "results.json"
        own = replace(
            read_json(path)[0], arm="federated-local", part=PAIRED, value=gain, low=gain - 0.1, high=gain + 0.1
        )
        excluded = replace(read_json(path)[0], part=EXCLUDED_PERIOD, value=0.0)
        write_json([*read_json(path), own, excluded], path)
    (one,) = compare(tmp_path, TrackingSettings(), ["a", "b"])
    assert one.lines == (
        "VNM: a 1.000 [0.900, 1.100] before b 1.050 [0.950, 1.150], intervals overlap; less local of the same run: "
        "-0.400 [-0.500, -0.300] and -0.100 [-0.200, 0.000]",
    )
    assert [each.row.value for each in one.scores] == [1.0, 1.05], (
        "months of the excluded period are no score of the test"
    )


def test_an_unaligned_run_is_compared_with_its_kind_only(tmp_path: Path) -> None:
    for run in ("fair", "flattering", "too"):
        ran(tmp_path, run, {"VNM": 1.0})
        path = tmp_path / run / "results.json"
        if run != "fair":
            write_json([replace(row, part=UNALIGNED, value=0.1) for row in read_json(path)], path)
    with pytest.raises(TrackingError, match="cannot be compared"):
        compare(tmp_path, TrackingSettings(), ["fair", "flattering"])
    pair, single = compare(tmp_path, TrackingSettings(), ["fair", "flattering", "too"])
    assert {each.run for each in pair.scores} == {"flattering", "too"}
    assert UNALIGNED in shown(pair.sheet)
    assert single.lines == (f"{TASK.name}: there is only fair.",)


def test_nobody_wins_a_tie_or_without_rival(tmp_path: Path) -> None:
    ran(tmp_path, "a", {"VNM": 1.0, "THA": 1.0})
    ran(tmp_path, "b", {"VNM": 1.0})
    (one,) = compare(tmp_path, TrackingSettings(), ["a", "b"])
    assert len(one.scores) == 3
    assert not any(each.wins or each.clear for each in one.scores)


def test_another_arm_can_be_compared(tmp_path: Path) -> None:
    ran(tmp_path, "a", {"VNM": 1.0})
    ran(tmp_path, "b", {"VNM": 2.0})
    (one,) = compare(tmp_path, TrackingSettings(), ["a", "b"], arm="local")
    assert [each.row.value for each in one.scores] == [6.0, 7.0]


def test_a_run_whose_folder_is_gone_is_read_from_mlflow(runs: Path) -> None:
    ran(runs, "old", {"VNM": 1.0}, tracking="mlflow", rounds=3)
    ran(runs, "new", {"VNM": 0.2}, rounds=9)
    (before,) = compare(runs, TrackingSettings(), ["old", "new"])
    shutil.rmtree(runs / "old")
    (after,) = compare(runs, TrackingSettings(), ["old", "new"])
    assert after.scores == before.scores
    assert shown(after.sheet) == shown(before.sheet)


@pytest.mark.parametrize(
    ("names", "words"),
    [(["a"], "at least two"), (["a", "a"], "at least two"), (["a", "lost"], "'lost' is neither in .* there: a, other")],
)
def test_what_cannot_be_compared_is_refused(
    names: list[str], words: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(runs, "a", {"VNM": 1.0})
    ran(runs, "other", {"VNM": 1.0})
    with pytest.raises(TrackingError, match=words):
        compare(runs, TrackingSettings(), names)
    monkeypatch.setattr(os, "access", lambda *_: False)  # of a user who is not root
    with pytest.raises(TrackingError, match=r"runs=.* may not be read by this user"):
        compare(runs, TrackingSettings(), names)


def test_runs_of_different_tasks_are_refused(tmp_path: Path) -> None:
    ran(tmp_path, "a", {"VNM": 1.0})
    ran(tmp_path, "b", {"VNM": 1.0})
    path = tmp_path / "b" / "results.json"
    path.write_text(path.read_text().replace(f'"{TASK.name}"', '"tides"'))
    with pytest.raises(TrackingError, match="different tasks"):
        compare(tmp_path, TrackingSettings(), ["a", "b"])


def test_the_runs_of_each_task_stand_by_themselves(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        ran(tmp_path, name, {"VNM": 1.0 + ord(name)})
    path = tmp_path / "c" / "results.json"
    other = next(task for task in TASKS.values() if task.name != TASK.name)
    path.write_text(
        path.read_text().replace(f'"{TASK.name}"', f'"{other.name}"').replace(HEADLINE, next(iter(other.scores)))
    )
    pair, single = compare(tmp_path, TrackingSettings(), ["a", "b", "c"])
    assert {each.run for each in pair.scores} == {"a", "b"}
    assert pair.task == TASK.name
    assert (single.sheet, list(single.scores), list(single.lines)) == (None, [], [f"{other.name}: there is only c."])


def test_many_runs_stand_below_each_other_with_the_countries_where_each_is_best(tmp_path: Path) -> None:
    for seed in range(6):
        values = {"VNM": 1.0 - 0.01 * seed, "THA": 0.1 + seed, "ASEAN": 0.5 + seed}
        ran(tmp_path, f"run-{seed}", values, name="fedavg" if seed % 2 else "fedper", seed=seed)
    (one,) = compare(tmp_path, TrackingSettings(), [f"run-{seed}" for seed in range(6)])
    lines = [line.split("│")[1:-1] for line in shown(one.sheet).splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert [line[0] for line in cells] == [f"run-{seed}" for seed in range(6)]
    assert cells[0][1:] == ["fedper", "0", "0.500 [0.400, 0.600]*", "THA*"]
    assert cells[5][1:] == ["fedavg", "5", "5.500 [5.400, 5.600]", "VNM"]
    assert cells[3][-1] == "–"


def test_runs_on_other_synthetic_records_are_not_compared(tmp_path: Path) -> None:
    for seed in (1, 2):
        for name in ("a", "b"):
            ran(tmp_path, f"{name}{seed}", {"VNM": seed + ord(name) / 1000}, data="synthetic", seed=seed)
    one, two = compare(tmp_path, TrackingSettings(), ["a1", "a2", "b1", "b2"])
    assert [{each.run for each in group.scores} for group in (one, two)] == [{"a1", "b1"}, {"a2", "b2"}]
    assert [each.run for group in (one, two) for each in group.scores if each.wins] == ["a1", "a2"]
    ran(tmp_path, "a3", {"VNM": 1.0}, data="given", seed=1)
    ran(tmp_path, "b3", {"VNM": 2.0}, data="given", seed=2)
    (given,) = compare(tmp_path, TrackingSettings(), ["a3", "b3"])
    assert [each.wins for each in given.scores] == [True, False]


def test_a_region_of_two_countries_is_not_ranked_before_one_of_three(tmp_path: Path) -> None:
    ran(tmp_path, "two", {"VNM": 1.0, "THA": 0.5, "ASEAN": 0.7})
    ran(tmp_path, "three", {"VNM": 1.5, "THA": 0.6, "LAO": 3.0, "ASEAN": 1.9})
    ran(tmp_path, "too", {"VNM": 1.2, "THA": 0.9, "LAO": math.nan, "ASEAN": 0.9})
    (one,) = compare(tmp_path, TrackingSettings(), ["two", "three", "too"])
    assert not any(each.wins for each in one.scores if each.row.country == "ASEAN")
    assert {each.row.country for each in one.scores if each.wins} == {"LAO", "VNM", "THA"}
    assert one.lines[-1] == (
        "ASEAN: not ranked, for these runs are of different countries: two of THA, VNM; three of LAO, THA, VNM; too of "
        "THA, VNM"
    )
    (alike,) = compare(tmp_path, TrackingSettings(), ["two", "too"])
    assert ("ASEAN", "two") in {(each.row.country, each.run) for each in alike.scores if each.wins}


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("task.calendar.test_until", "2010-12"),
        ("task.calendar.validate_until", "2005-12"),
        ("task.calendar.excluded_period", "['2007-01', '2007-06']"),
        ("purpose", "operational"),
    ],
)
def test_runs_of_other_test_years_or_purposes_are_not_compared(key: str, other: str, tmp_path: Path) -> None:
    usual = {"task.calendar.validate_until": "2006-12", "task.calendar.test_until": "2008-12"}
    ran(tmp_path, "a", {"VNM": 1.0}, **usual)
    ran(tmp_path, "b", {"VNM": 2.0}, **{**usual, key: other})
    ran(tmp_path, "c", {"VNM": 3.0}, **{**usual, "purpose": "study"})
    with pytest.raises(TrackingError, match=f"different tasks, test years or purposes .*{other[-4:-1]}"):
        compare(tmp_path, TrackingSettings(), ["a", "b"])
    pair, single = compare(tmp_path, TrackingSettings(), ["a", "b", "c"])
    assert {each.run for each in pair.scores} == {"a", "c"}
    assert "there is only b" in single.lines[0]
