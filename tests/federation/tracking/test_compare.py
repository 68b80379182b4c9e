"""Runs side by side, from their folders alone or, where these are gone, from MLflow."""

import math
import os
import shutil
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from federation.errors import TrackingError
from federation.results import Row, write_json
from federation.settings import TrackingSettings
from federation.tracking.card import RunCard
from federation.tracking.compare import compare
from federation.tracking.tracker import Tracker
from tasks import TASKS

TASK = next(iter(TASKS.values()))
HEADLINE, SCORE = next(iter(TASK.scores.items()))


def ran(runs: Path, name: str, values: dict[str, float], tracking: str = "none", **params: str | float) -> None:
    """A finished run with its table, tracked."""
    tracker = Tracker(runs / name, TrackingSettings(name=tracking, patience=60), runs=runs, warn=pytest.fail)
    tracker.begin(RunCard(id=name, name=name, countries=("VNM",), params=params))
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
    write_json(rows, runs / name / "results.json")
    tracker.artifact(runs / name / "results.json")
    tracker.end("FINISHED")


def shown(sheet: Table) -> str:
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
    sheet, found = compare(tmp_path, TrackingSettings(), ["avg", "prox", "krum"])
    wins = {each.row.country: (each.run, each.clear) for each in found if each.wins}
    assert wins == {"VNM": ("prox", False), "THA": ("avg", False), "LAO": ("prox", False), "PHL": ("prox", True)}
    text = shown(sheet)
    assert "fedprox" in text
    assert "rounds" not in text, "what is the same is not shown"
    assert "0.700 [0.600, 0.800]*" in text
    assert "0.500 [0.400, 0.600] " in text
    places = [line.split()[1] for line in text.splitlines() if line.startswith("│")]
    assert places == ["strategy", "state", "VNM", "THA", "LAO", "PHL", "ASEAN"]


def test_nobody_wins_a_tie_or_alone(tmp_path: Path) -> None:
    ran(tmp_path, "a", {"VNM": 1.0, "THA": 1.0})
    ran(tmp_path, "b", {"VNM": 1.0})
    _, found = compare(tmp_path, TrackingSettings(), ["a", "b"])
    assert len(found) == 3
    assert not any(each.wins or each.clear for each in found)


def test_another_arm_can_be_compared(tmp_path: Path) -> None:
    ran(tmp_path, "a", {"VNM": 1.0})
    ran(tmp_path, "b", {"VNM": 2.0})
    _, found = compare(tmp_path, TrackingSettings(), ["a", "b"], arm="local")
    assert [each.row.value for each in found] == [6.0, 7.0]


def test_a_run_whose_folder_is_gone_is_read_from_mlflow(runs: Path) -> None:
    ran(runs, "old", {"VNM": 1.0}, tracking="mlflow", rounds=3)
    ran(runs, "new", {"VNM": 0.2}, rounds=9)
    before = compare(runs, TrackingSettings(), ["old", "new"])
    shutil.rmtree(runs / "old")
    after = compare(runs, TrackingSettings(), ["old", "new"])
    assert after[1] == before[1]
    assert shown(after[0]) == shown(before[0])


@pytest.mark.parametrize(
    ("names", "words"),
    [(["a"], "at least two"), (["a", "a"], "at least two"), (["a", "lost"], "'lost' is neither in .* there: a, other")],
)
def test_what_cannot_be_compared_is_said(names: list[str], words: str, runs: Path) -> None:
    ran(runs, "a", {"VNM": 1.0})
    ran(runs, "other", {"VNM": 1.0})
    with pytest.raises(TrackingError, match=words):
        compare(runs, TrackingSettings(), names)


def test_runs_of_different_tasks_are_refused(tmp_path: Path) -> None:
    ran(tmp_path, "a", {"VNM": 1.0})
    ran(tmp_path, "b", {"VNM": 1.0})
    path = tmp_path / "b" / "results.json"
    path.write_text(path.read_text().replace(f'"{TASK.name}"', '"tides"'))
    with pytest.raises(TrackingError, match="different tasks"):
        compare(tmp_path, TrackingSettings(), ["a", "b"])
