"""What a run leaves in MLflow when nothing goes wrong, and that sending it again changes nothing."""

import ast
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import federation.tracking
from federation.errors import TrackingError
from federation.settings.parts import TrackingSettings
from federation.tracking import cursor, upload_process
from federation.tracking.cursor import NAME as SENT
from federation.tracking.mlflow_writer import PAIRS, MlflowWriter
from federation.tracking.run_info import COUNTRY, RunInfo
from federation.tracking.store import Store, connect, search
from federation.tracking.tracker import Tracker, replay

Rows = Mapping[str, list[tuple[str, int, str]]]
FINGERPRINT = "0123456789abcdef" * 4


WITHOUT = TrackingSettings(name="none")  # replay then sends it all, as a process of its own would, which takes seconds


def track(runs: Path, card: RunInfo, settings: TrackingSettings = WITHOUT) -> list[str]:
    """A run of three rounds; what it was warned of."""
    warnings: list[str] = []
    tracker = Tracker(runs / "demo", settings, runs=runs, warn=warnings.append)
    tracker.begin(card)
    tracker.begin(card)
    for step in range(3):
        tracker.metrics({"loss": step / 3, "nothing scored": float("nan"), "worst": float("inf")}, step=step)
        for country in card.countries:
            tracker.metrics({"loss": step + 0.1, "wis@95%": 1.0}, step=step, country=country)
        tracker.commit()
    tracker.tags({"state": "good"}, country="VNM")
    tracker.dataset("VNM", name="dengue", fingerprint=FINGERPRINT)
    (runs / "demo" / "report.html").write_text("<p>report</p>")
    tracker.artifact(runs / "demo" / "report.html")
    tracker.artifact(runs / "demo" / "report.html", "pages/old")
    tracker.end("FINISHED")
    return warnings


def inputs(run: Any) -> list[Any]:
    return list(run.inputs.dataset_inputs)


def everything(store: Store) -> list[Any]:
    """All that MLflow knows of all runs, without the ids it chose."""
    return sorted(
        (
            run.data.tags.get(COUNTRY, ""),
            run.info.status,
            run.info.run_name,
            sorted(run.data.params.items()),
            sorted((k, v) for k, v in run.data.tags.items() if k not in ("mlflow.parentRunId", "gotong.birth")),
            [(each.dataset.name, each.dataset.digest) for each in inputs(run)],
            sorted(
                (name, metric.step, str(metric.value), metric.timestamp)
                for name in run.data.metrics
                for metric in store.client.get_metric_history(run.info.run_id, name)
            ),
            [each.path for each in store.client.list_artifacts(run.info.run_id)],
        )
        for run in search(store, "")
    )


def test_a_run_is_a_parent_with_a_child_a_country(
    runs: Path, settings: TrackingSettings, card: RunInfo, rows: Callable[[Path], Rows], tmp_path: Path
) -> None:
    began = time.time()
    assert track(runs, card, settings) == []
    ended = time.time()
    assert rows(runs / "demo") == {
        "": sorted(
            [("loss", step, str(step / 3)) for step in range(3)]
            + [("nothing scored", step, "nan") for step in range(3)]
            + [("worst", step, "1.7976931348623157e+308") for step in range(3)]
        ),
        "THA": [("loss", step, str(step + 0.1)) for step in range(3)] + [("wis_95_", step, "1.0") for step in range(3)],
        "VNM": [("loss", step, str(step + 0.1)) for step in range(3)] + [("wis_95_", step, "1.0") for step in range(3)],
    }
    store = connect(settings, runs)
    runs_of = {run.data.tags.get(COUNTRY, ""): run for run in search(store, "")}
    parent = runs_of[""].info.run_id
    times = [metric.timestamp / 1000 for metric in store.client.get_metric_history(parent, "loss")]
    assert began - 0.001 <= times[0] <= times[-1] <= ended, "rows carry the time they were measured at"
    assert {runs_of[country].data.tags["mlflow.parentRunId"] for country in card.countries} == {parent}
    assert runs_of[""].data.params == {"rounds": "3"}
    assert {run.info.status for run in runs_of.values()} == {"FINISHED"}
    [given] = inputs(runs_of["VNM"])
    assert given.dataset.digest == FINGERPRINT[:36]
    assert runs_of["VNM"].data.tags["gotong.fingerprint"] == FINGERPRINT
    assert runs_of["VNM"].data.tags["state"] == "good"
    path = store.client.download_artifacts(parent, "pages/old/report.html", str(tmp_path))
    assert Path(path).read_text() == "<p>report</p>"
    assert list(Path.cwd().iterdir()) == [], "nothing may be written where a person stands"


def test_sending_again_from_the_start_changes_nothing(runs: Path, settings: TrackingSettings, card: RunInfo) -> None:
    track(runs, card)
    replay(runs / "demo", settings, runs)
    before = everything(connect(settings, runs))
    assert replay(runs / "demo", settings, runs) == 0
    (runs / "demo" / SENT).unlink()
    assert replay(runs / "demo", settings, runs) == (runs / "demo" / "tracking.jsonl").stat().st_size
    assert everything(connect(settings, runs)) == before


def test_without_mlflow_the_records_wait_for_a_replay(
    runs: Path, settings: TrackingSettings, card: RunInfo, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs, other)
    assert track(runs, card) == []
    assert search(connect(settings, runs), "") == []
    replay(runs / "demo", settings, runs)
    late = everything(connect(settings, runs))
    track(other, card, settings)
    direct = everything(connect(settings, other))
    assert [part[:6] for part in late] == [part[:6] for part in direct]
    assert [[row[:3] for row in part[6]] for part in late] == [[row[:3] for row in part[6]] for part in direct]


def test_a_call_whose_reply_was_lost_leaves_no_twin(
    runs: Path, settings: TrackingSettings, card: RunInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, lost = MlflowWriter._create, iter([True, False, True])

    def forgetful(self: MlflowWriter, country: str, record: Any) -> None:
        create(self, country, record)
        if next(lost, False):
            create(self, country, record)  # what a retry does that comes before the first call is through
            raise ConnectionError("timed out")

    monkeypatch.setattr(MlflowWriter, "_create", forgetful)
    track(runs, card)
    for _ in range(2):
        with pytest.raises(TrackingError, match="timed out"):
            replay(runs / "demo", settings, runs)
    replay(runs / "demo", settings, runs)
    assert next(lost, None) is None
    tracked = search(connect(settings, runs), "")
    assert sorted(run.data.tags.get(COUNTRY, "") for run in tracked) == ["", "THA", "VNM"]


def test_a_resumed_run_may_have_other_settings(runs: Path, settings: TrackingSettings, card: RunInfo) -> None:
    track(runs, card)
    replay(runs / "demo", settings, runs)
    tracker = Tracker(runs / "demo", WITHOUT, runs=runs, warn=pytest.fail)
    tracker.begin(RunInfo(id=card.id, name=card.name, countries=card.countries, params={"rounds": 5, "lr": 0.1}))
    tracker.end("FAILED")
    replay(runs / "demo", settings, runs)
    [parent] = [run for run in search(connect(settings, runs), "") if COUNTRY not in run.data.tags]
    assert parent.data.params == {"rounds": "3", "lr": "0.1"}
    assert parent.data.tags["gotong.resumed.rounds"] == "5"
    assert parent.info.status == "FAILED"


def test_what_mlflow_refuses_does_not_block_the_rest(
    runs: Path, settings: TrackingSettings, card: RunInfo, rows: Callable[[Path], Rows]
) -> None:
    warnings: list[str] = []
    tracker = Tracker(runs / "demo", settings, runs=runs, warn=warnings.append)
    tracker.begin(card)
    tracker.metrics({"../loss": 1.0, "loss": 2.0}, step=1)
    tracker.tags({"state": "good", **{f"refused.{step}": "no reply" for step in range(PAIRS)}})
    tracker.metrics({"loss": 1.0}, step=1, country="XXX")
    tracker.artifact(runs / "demo" / "gone.png")
    tracker.end("FINISHED")
    assert rows(runs / "demo")[""] == [("loss", 1, "2.0")]
    [parent] = [run for run in search(connect(settings, runs), "") if COUNTRY not in run.data.tags]
    assert {"state", "refused.0", f"refused.{PAIRS - 1}"} <= parent.data.tags.keys()
    assert len(warnings) == 1
    assert "3 records are not as it wants them" in warnings[0]


def test_the_end_of_a_run_is_sent_while_it_is_made(
    runs: Path, settings: TrackingSettings, card: RunInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_process, "LINGER", 600.0)
    tracker = Tracker(runs / "demo", settings, runs=runs, warn=pytest.fail)
    tracker.begin(card)
    for step in range(2):  # the first is sent at once in any case
        tracker.metrics({"loss": 1.0}, step=step)
        length = tracker.commit(now=step == 1)
        until = time.monotonic() + 30
        while cursor.load(runs / "demo").done < length and time.monotonic() < until:
            time.sleep(0.05)  # only the cursor says how far the other process is
        assert cursor.load(runs / "demo").done == length
    tracker.end("FINISHED")


def test_tracking_costs_a_round_milliseconds(runs: Path, settings: TrackingSettings) -> None:
    countries = tuple(f"A{one}{two}" for one in "ABCD" for two in "ABC")
    tracker = Tracker(runs / "demo", settings, runs=runs, warn=pytest.fail)
    tracker.begin(RunInfo(id="fast", name="fast", countries=countries))
    costs = []
    for step in range(50):
        began = time.perf_counter()
        for country in countries:
            tracker.metrics({f"metric {at}": step * at for at in range(20)}, step=step, country=country)
        costs.append(time.perf_counter() - began)
        tracker.commit()
        time.sleep(0.01)  # a round takes time, in which the sender works
    tracker.end("FINISHED")
    assert sorted(costs)[len(costs) // 2] < 0.01


def test_no_file_imports_mlflow_when_it_is_imported() -> None:
    eager = {
        path.name
        for path in Path(federation.tracking.__file__).parent.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom) and ast.unparse(node).split()[1].startswith("mlflow")
    }
    assert eager == set()
