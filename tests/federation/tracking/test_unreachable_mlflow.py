"""MLflow dead, frozen, locked or not writable: one warning, bounded time, nothing lost, and a replay that completes."""

import contextlib
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from federation.errors import ConfigError, TrackingError
from federation.settings.parts import TrackingSettings
from federation.tracking.run_info import RunInfo
from federation.tracking.spool import Record, Spool
from federation.tracking.tracker import Tracker, replay
from federation.tracking.uploader import wait_for_others
from federation.verbs.replay import _where
from tests.federation.federations import Watching, ready, run, settings_of

Rows = Mapping[str, list[tuple[str, int, str]]]
STEPS = 5


def track(runs: Path, settings: TrackingSettings, card: RunInfo) -> tuple[list[str], float]:
    """A run; its warnings, and the longest any call took (seconds)."""
    warnings: list[str] = []
    longest = 0.0
    tracker = Tracker(runs / "demo", settings, runs=runs, warn=warnings.append)
    tracker.begin(card)
    for step in range(STEPS):
        began = time.perf_counter()
        tracker.metrics({"loss": 1 / (step + 1)}, step=step)
        tracker.metrics({"loss": 2 / (step + 1)}, step=step, country="VNM")
        tracker.commit()
        longest = max(longest, time.perf_counter() - began)
    began = time.perf_counter()
    tracker.end("FINISHED")
    return warnings, max(longest, time.perf_counter() - began)


def assert_complete(rows: Rows) -> None:
    assert rows[""] == [("loss", step, str(1 / (step + 1))) for step in range(STEPS)]
    assert rows["VNM"] == [("loss", step, str(2 / (step + 1))) for step in range(STEPS)]


def replayed(runs: Path) -> None:
    """Replay to the store of this folder; a sender that gave up while it waited for a lock may need to let go first."""
    until = time.monotonic() + 60
    while True:
        try:
            replay(runs / "demo", TrackingSettings(), runs)
            return
        except TrackingError as error:
            if "another process" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never replies."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_dead_server(runs: Path, card: RunInfo, rows: Callable[[Path], Rows]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free again when the block ends: nobody listens there
    [warning], longest = track(runs, TrackingSettings(uri=f"http://127.0.0.1:{port}", patience=30), card)
    assert longest < 15, "a refused connection is known at once; what takes time here is the import of MLflow"
    assert "gotong replay run=demo" in warning
    assert "\n" not in warning
    with pytest.raises(TrackingError, match="all are kept, try again later"):
        replay(runs / "demo", TrackingSettings(uri=f"http://127.0.0.1:{port}"), runs)
    replayed(runs)
    assert_complete(rows(runs / "demo"))


def test_a_frozen_server(runs: Path, card: RunInfo, rows: Callable[[Path], Rows], silent: int) -> None:
    [warning], longest = track(runs, TrackingSettings(uri=f"http://127.0.0.1:{silent}", patience=2), card)
    assert longest < 10
    assert "gotong replay run=demo" in warning
    replayed(runs)
    assert_complete(rows(runs / "demo"))


def test_a_locked_store(runs: Path, card: RunInfo, rows: Callable[[Path], Rows]) -> None:
    lock = sqlite3.connect(runs / "mlflow" / "mlflow.db")
    lock.execute("BEGIN EXCLUSIVE")
    try:
        [warning], longest = track(runs, TrackingSettings(patience=2), card)
    finally:
        lock.rollback()
        lock.close()
    assert longest < 10
    assert "gotong replay run=demo" in warning
    replayed(runs)
    assert_complete(rows(runs / "demo"))


def test_a_store_that_cannot_be_written(
    runs: Path, card: RunInfo, rows: Callable[[Path], Rows], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file where a folder should be, which stops even a superuser")
    [warning], longest = track(runs, TrackingSettings(uri=f"sqlite:///{tmp_path}/file/mlflow.db", patience=30), card)
    assert longest < 15
    assert f"{tmp_path}/file" in warning
    assert "gotong replay run=demo" in warning
    replayed(runs)
    assert_complete(rows(runs / "demo"))


def test_a_run_folder_that_cannot_be_written(tmp_path: Path, card: RunInfo) -> None:
    (tmp_path / "file").write_text("")
    [warning], longest = track(tmp_path / "file", TrackingSettings(), card)
    assert longest < 1
    assert "not tracked any further" in warning


def test_a_disk_that_fills_up(runs: Path, card: RunInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    tracker = Tracker(runs / "demo", TrackingSettings(name="none"), runs=runs, warn=warnings.append)
    tracker.begin(card)
    length = tracker.commit()

    def full(spool: Spool, record: Record) -> None:  # noqa: ARG001
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "put", full)
    for step in range(3):
        tracker.metrics({"loss": 1}, step=step)
        assert tracker.commit() == length
    tracker.end("FAILED")
    assert len(warnings) == 1
    assert "No space left" in warnings[0]


def test_a_damaged_spool_is_named(runs: Path, card: RunInfo) -> None:
    track(runs, TrackingSettings(name="none"), card)
    path = runs / "demo" / "tracking.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"do"', b"do", 1))
    with pytest.raises(TrackingError, match=r"tracking\.jsonl is damaged at byte 0"):
        replay(runs / "demo", TrackingSettings(), runs)


@pytest.mark.usefixtures("toy")
def test_a_replay_goes_where_the_run_was_tracked_unless_it_is_told_another_place(tmp_path: Path) -> None:
    told = TrackingSettings(uri="http://127.0.0.1:9", experiment="its own", patience=0.0)
    simulation = ready(replace(settings_of(tmp_path, rounds=1), tracking=told))
    run(simulation, Watching())
    for given, uri, experiment in (
        (TrackingSettings(), told.uri, "its own"),
        (TrackingSettings(experiment="other"), told.uri, "its own"),
        (TrackingSettings(uri="http://127.0.0.1:7", experiment="other"), "http://127.0.0.1:7", "other"),
    ):
        where = _where(given, simulation.run.folder)
        assert (where.uri, where.experiment) == (uri, experiment)
    simulation.run.federation.checkpoint.unlink()
    assert _where(told, simulation.run.folder) == told
    with pytest.raises(ConfigError, match=r"has no checkpoint.*say where the run was tracked: tracking\.uri=ADDRESS"):
        _where(TrackingSettings(), simulation.run.folder)


def test_there_is_nothing_to_replay(runs: Path) -> None:
    with pytest.raises(TrackingError, match="no such run"):
        replay(runs / "nobody", TrackingSettings(), runs)


def test_two_senders_at_once_are_refused(runs: Path, card: RunInfo, silent: int) -> None:
    frozen = TrackingSettings(uri=f"http://127.0.0.1:{silent}", patience=0)
    tracker = Tracker(runs / "demo", frozen, runs=runs, warn=print)
    tracker.begin(card)
    tracker.commit()
    with contextlib.suppress(TrackingError):  # raised as soon as the other one holds the lock
        until = time.monotonic() + 60
        while time.monotonic() < until:
            wait_for_others(runs / "demo", 0)
            time.sleep(0.01)
    with pytest.raises(TrackingError, match="another process is sending the records of demo"):
        replay(runs / "demo", TrackingSettings(), runs)
    tracker.end("KILLED")
