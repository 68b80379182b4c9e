"""A real process is killed again and again, at chosen places and random moments; MLflow ends as if nothing happened."""

import fcntl
import multiprocessing
import random
import runpy
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

from federation.settings.parts import TrackingSettings
from federation.tracking.run_state import mark_dead, state
from federation.tracking.store import connect, search

LIFE = str(Path(__file__).with_name("killed_run.py"))
ROUNDS = 30
Rows = dict[str, list[tuple[str, int, str]]]
Birth = Callable[[Path, str, int], ForkServerProcess]


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    """Processes that start with everything imported: a life then costs tenths of a second."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "mlflow.store.tracking.sqlalchemy_store", "federation.tracking.tracker"])
    return context


@pytest.fixture
def born(forks: ForkServerContext) -> Iterator[Birth]:
    """Start one life of the run; none outlives the test."""
    children: list[ForkServerProcess] = []

    def bear(runs: Path, place: str, at: int) -> ForkServerProcess:
        life = (runs, ROUNDS, place, at)
        child = forks.Process(target=runpy.run_path, args=(LIFE, {"LIFE": life}))
        child.start()
        children.append(child)
        return child

    yield bear
    for child in children:
        child.kill()
        child.join()


def assert_complete(rows: Rows) -> None:
    """An undisturbed run's history, row for row. What a clock measured differs, but is there once."""
    steps = range(1, ROUNDS + 1)
    assert set(rows) == {"", "THA", "VNM"}
    for country in ("THA", "VNM"):
        assert rows[country] == sorted(("loss", step, str(1 / step + 3)) for step in steps)
    assert [row for row in rows[""] if row[0] == "loss"] == sorted(("loss", step, str(1 / step)) for step in steps)
    assert [row for row in rows[""] if row[0] == "nothing"] == [("nothing", step, "nan") for step in steps]
    assert [row[1] for row in rows[""] if row[0] == "seconds"] == list(steps)


def statuses(runs: Path) -> set[str]:
    return {run.info.status for run in search(connect(TrackingSettings(), runs), "")}


def test_a_run_killed_anywhere_leaves_the_history_of_an_undisturbed_one(
    runs: Path, born: Birth, rows: Callable[[Path], Rows]
) -> None:
    places = [
        ("torn", 2),
        ("creating", 2),
        ("flushed", 8),
        ("sending", 2),
        ("torn", 12),
        ("noting", 2),
        ("noted", 3),
        ("flushed", 21),
        ("sending", 3),
        ("ending", 1),
    ]
    for place, at in places:
        child = born(runs, place, at)
        child.join(30)
        assert child.exitcode == -signal.SIGKILL, f"{place} {at} was not reached"
    assert statuses(runs) == {"FINISHED"}, "all was sent before the last death"
    child = born(runs, "", 0)
    child.join(30)
    assert child.exitcode == 0
    assert_complete(rows(runs / "demo"))
    assert statuses(runs) == {"FINISHED"}


def test_a_run_killed_at_random_moments_ends_whole(runs: Path, born: Birth, rows: Callable[[Path], Rows]) -> None:
    moment = random.Random(7)
    killed = 0
    for _ in range(6):
        child = born(runs, "", 0)
        child.join(moment.uniform(0.2, 0.6))
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
    assert killed
    assert state(runs / "demo") in ("KILLED", "FINISHED")
    child = born(runs, "", 0)
    child.join(30)
    assert child.exitcode == 0
    assert_complete(rows(runs / "demo"))


def test_a_kill_while_the_store_is_made_and_two_starts_at_once_leave_one_good_store(
    tmp_path: Path, born: Birth, rows: Callable[[Path], Rows]
) -> None:
    runs, other = tmp_path / "runs", tmp_path / "runs" / "other"
    first = born(runs, "", 0)
    until = time.monotonic() + 30
    while not list(runs.glob("mlflow/mlflow.db.new*")) and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.3)
    first.kill()
    first.join()
    assert list(runs.glob("mlflow/mlflow.db.new*"))
    assert not (runs / "mlflow" / "mlflow.db").exists(), "half a store must never be at its place"
    (other / "mlflow").parent.mkdir(parents=True)
    (other / "mlflow").symlink_to(runs / "mlflow")  # another run, the same store
    both = [born(runs, "", 0), born(other, "", 0)]
    for child in both:
        child.join(60)
    assert [child.exitcode for child in both] == [0, 0]
    assert not list(runs.glob("mlflow/*.new*"))
    assert_complete(rows(runs / "demo"))
    assert_complete(rows(other / "demo"))  # a run of the same name elsewhere is another run


def test_a_killed_run_is_marked_and_a_living_one_is_not(runs: Path, born: Birth) -> None:
    child = born(runs, "sending", 3)
    child.join(30)
    assert statuses(runs) == {"RUNNING"}
    with (runs / "demo" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert mark_dead(runs, TrackingSettings()) == []
        assert statuses(runs) == {"RUNNING"}
    assert mark_dead(runs, TrackingSettings()) == ["demo"]
    assert statuses(runs) == {"KILLED"}
    child = born(runs, "", 0)
    child.join(30)
    assert statuses(runs) == {"FINISHED"}
    assert mark_dead(runs, TrackingSettings()) == []
