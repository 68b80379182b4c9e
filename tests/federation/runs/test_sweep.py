"""A sweep: every mistake before the first run, names that say what varies, and what is left when a run of it fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.composition.compose import Job, jobs
from federation.coordinator import checkpoint
from federation.coordinator.state import Federation, Progress
from federation.errors import ConfigError, QuorumError
from federation.runs.sweep import sweep
from federation.settings.parts import TrackingSettings
from federation.settings.schema import Settings
from federation.tracking.run_info import RunInfo
from federation.tracking.tracker import Tracker
from tests.federation.federations import settings_of
from tests.whole import IN_FULL

pytestmark = pytest.mark.usefixtures("toy")
SEEDS = (1, 2, 3)


def planned(folder: Path, **chosen: Any) -> list[Job[Settings]]:
    run: dict[str, Any] = {"sweep": "s", "name": None} | chosen
    return [Job(settings=settings_of(folder, seed=seed, **run), varied=("rounds=3", f"seed={seed}")) for seed in SEEDS]


def ran(done: list[str], *, fails: int = 0) -> Callable[[Settings], None]:
    """Runs that leave a checkpoint of their second round, and a word that they ended; that of seed `fails` does not."""

    def one(settings: Settings) -> None:
        done.append(settings.resume or str(settings.name))
        folder = Path(settings.runs) / str(settings.name)
        federation = Federation(
            run=str(settings.name),
            plan=settings.plan(),
            settings=settings,
            nodes={},
            checkpoint=folder / checkpoint.FILE,
        )
        checkpoint.save(federation, Progress(round=2, model={}))
        tracker = Tracker(folder, TrackingSettings(name="none"), runs=folder.parent, warn=pytest.fail)
        tracker.begin(RunInfo(id=str(settings.name), name="", countries=()))
        tracker.end("FAILED" if settings.seed == fails else "FINISHED")
        if settings.seed == fails:
            raise QuorumError("round 3: nobody is there")

    return one


def test_runs_are_named_by_what_varies_and_done_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []
    sweep(planned(tmp_path), ran(done))
    assert done == ["s_seed-1", "s_seed-2", "s_seed-3"]
    capsys.readouterr()
    sweep(planned(tmp_path), ran(done))
    assert done == ["s_seed-1", "s_seed-2", "s_seed-3"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "sweep s: 3 runs, 3 of them finished before"
    assert printed[1:4] == [f"[{seed}/3] s_seed-{seed}: finished before" for seed in SEEDS]
    assert printed[4] == "sweep s: all 3 runs are finished; see them with gotong compare"


def test_the_same_words_with_a_relative_folder_of_records_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done: list[str] = []
    sweep(planned(tmp_path, data=str(tmp_path / "records")), ran(done))  # as a run keeps it
    sweep(planned(tmp_path, data="records"), ran(done))
    assert len(done) == 3
    with pytest.raises(ConfigError, match="began with data="):
        sweep(planned(tmp_path, data="other"), ran(done))


def test_a_run_that_fails_is_named_and_the_same_command_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    with pytest.raises(QuorumError) as stopped:
        sweep(planned(tmp_path), ran(done, fails=2))
    assert str(stopped.value) == (
        "run 2 of 3 stopped: round 3: nobody is there; 1 are done, the same command continues"
    )
    assert sorted(each.name for each in (tmp_path / "runs").iterdir()) == ["s_seed-1", "s_seed-2"]
    capsys.readouterr()
    sweep(planned(tmp_path), ran(done))
    assert done == ["s_seed-1", "s_seed-2", "s_seed-2", "s_seed-3"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "sweep s: 3 runs, 1 of them finished before"
    assert printed[1:4] == [
        "[1/3] s_seed-1: finished before",
        "[2/3] s_seed-2: continues after round 2",
        "[3/3] s_seed-3",
    ]


def test_a_folder_without_a_checkpoint_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "runs" / "s_seed-1").mkdir(parents=True)
    (tmp_path / "runs" / "s_seed-1" / "half").write_text("written before a kill")
    done: list[str] = []
    sweep(planned(tmp_path), ran(done))
    assert not (tmp_path / "runs" / "s_seed-1" / "half").exists()


def test_a_mistake_in_the_last_run_is_reported_before_the_first(tmp_path: Path) -> None:
    wrong = planned(tmp_path)
    wrong[-1] = replace(wrong[-1], settings=replace(wrong[-1].settings, rounds=0))
    done: list[str] = []
    with pytest.raises(ConfigError, match="rounds=0"):
        sweep(wrong, ran(done))
    assert done == []
    assert not (tmp_path / "runs").exists()


def test_a_name_or_a_file_of_one_run_is_none_of_many(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name=x can name one run only; give the sweep a name: sweep=x"):
        sweep(planned(tmp_path, sweep=None, name="x"), ran([]))
    with pytest.raises(ConfigError, match=r"out=t.json would be written by every run"):
        sweep(planned(tmp_path, out="t.json"), ran([]))


def test_a_sweep_of_a_name_that_was_something_else_is_refused(tmp_path: Path) -> None:
    sweep(planned(tmp_path), ran([]))
    with pytest.raises(ConfigError) as refused:
        sweep(planned(tmp_path, rounds=5), ran([]))
    assert str(refused.value) == "run s_seed-1 began with rounds=3, now it is 5; choose another name for the sweep"


@pytest.mark.skipif(not IN_FULL, reason="smaller sweeps are tests of every run: scripts/prove ends")
def test_the_committed_sweep_is_of_three_tasks_four_strategies_and_two_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned_runs = [job.settings for job in jobs("simulate", ["experiment=strategies"], Settings)]
    assert len({(each.task.name, each.strategy.name, each.seed) for each in planned_runs}) == len(planned_runs) == 24
    assert len({each.task.name for each in planned_runs}) == 3
    assert len({each.strategy.name for each in planned_runs}) == 4
    assert {each.sweep for each in planned_runs} == {"strategies"}
    assert list(tmp_path.iterdir()) == [], "Hydra leaves nothing"
