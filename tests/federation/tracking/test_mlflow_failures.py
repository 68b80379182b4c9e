"""The five failures of MLflow, with real servers, disks and locks: a run goes on, and its history is complete after."""

import re
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from federation.errors import TrackingError
from federation.settings.parts import TrackingSettings
from federation.tracking import upload_process
from federation.tracking.run_info import COUNTRY, RunInfo
from federation.tracking.store import connect, search
from federation.tracking.tracker import Tracker, replay
from tests.federation.tracking import mlflow_failures
from tests.federation.tracking.mlflow_failures import Failure
from tests.whole import IN_FULL

STEPS = 12
ROUND = 0.25  # seconds; in all, longer than a server needs to die and to come back
PATIENCE = {"slow": 1.0, "locked": 1.0}  # seconds; of the others the run waits for the reason, which comes soon
DELAY = 1.0  # seconds a call of the slow one; a run of two countries makes over a dozen, and itself takes three


def down(runs: Path) -> AbstractContextManager[Failure]:
    return mlflow_failures.down(runs / "mlflow" / "mlflow.db")


def slow(runs: Path) -> AbstractContextManager[Failure]:
    return mlflow_failures.slow(runs / "mlflow" / "mlflow.db", DELAY)


def full(runs: Path) -> AbstractContextManager[Failure]:
    if not mlflow_failures.superuser():
        pytest.skip("a disk of two megabytes can only be mounted by a superuser")
    return mlflow_failures.full(runs / "mlflow" / "mlflow.db", runs / "disk")


def locked(runs: Path) -> AbstractContextManager[Failure]:
    return mlflow_failures.locked(runs / "mlflow" / "mlflow.db")


def restarted(runs: Path) -> AbstractContextManager[Failure]:
    return mlflow_failures.restarted(runs / "mlflow" / "mlflow.db", after=STEPS * ROUND / 3, away=0.1)


FIVE = {"down": down, "slow": slow, "full": full, "locked": locked, "restarted": restarted}
SAID = {  # the reason; of a server that came back there is none, for it has everything
    "down": "refused",
    "slow": "it is slow|it has not replied yet",
    "full": "full",
    "locked": "it is slow|it has not replied yet|locked",
}


@pytest.mark.parametrize("name", FIVE if IN_FULL else ["full", "locked"])
def test_a_run_is_not_held_up_and_its_history_is_complete_after(
    name: str, runs: Path, card: RunInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_process, "LINGER", 0.05)
    monkeypatch.setattr(upload_process, "RETRY", 0.2)
    comes_back = name == "restarted"
    with FIVE[name](runs) as failure:
        warnings: list[str] = []
        settings = TrackingSettings(uri=failure.uri, patience=PATIENCE.get(name, 60.0))
        tracker = Tracker(runs / "demo", settings, runs=runs, warn=warnings.append)
        tracker.begin(card)
        assert longest_round(tracker) < 1, "a round waited for MLflow"
        if comes_back:
            failure.over()
        tracker.end("FINISHED")
        if comes_back:
            assert warnings == []
        else:
            (warning,) = warnings
            assert "gotong replay run=demo" in warning
            assert re.search(SAID[name], warning)
            failure.over()
            completed(runs, settings)
        losses_of = history(settings, runs)
    assert losses_of[""] == {step: 1 / (step + 1) for step in range(STEPS)}
    assert losses_of["VNM"] == {step: 2 / (step + 1) for step in range(STEPS)}
    assert losses_of["THA"] == {}


def longest_round(tracker: Tracker) -> float:
    """Seconds that tracking took of the round in which it took most."""
    longest = 0.0
    for step in range(STEPS):
        began = time.perf_counter()
        tracker.metrics({"loss": 1 / (step + 1)}, step=step)
        tracker.metrics({"loss": 2 / (step + 1)}, step=step, country="VNM")
        tracker.commit()
        longest = max(longest, time.perf_counter() - began)
        time.sleep(ROUND)  # training
    return longest


def completed(runs: Path, settings: TrackingSettings) -> None:
    """Replay, once the upload that was given up has let go."""
    until = time.monotonic() + 60
    while True:
        try:
            replay(runs / "demo", settings, runs)
            return
        except TrackingError as error:
            if "another process" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.1)  # it says nothing when it ends


def history(settings: TrackingSettings, runs: Path) -> dict[str, dict[int, float]]:
    """country ('' the federation) -> step -> loss, as MLflow has it; each country once."""
    store = connect(settings, runs)
    losses_of: dict[str, dict[int, float]] = {}
    for run in search(store, ""):
        country = run.data.tags.get(COUNTRY, "")
        assert country not in losses_of, f"two runs of {country!r}"
        losses = store.client.get_metric_history(run.info.run_id, "loss")
        losses_of[country] = {row.step: row.value for row in losses}
        assert len(losses) == len(losses_of[country]), "a row came twice"
    return losses_of
