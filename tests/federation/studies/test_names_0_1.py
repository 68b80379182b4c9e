"""Runs and a store of version 0.1.0: read, compared with runs of this version, and sent again."""

import shutil
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pytest

from federation.reporting.rows import EXCLUDED_PERIOD, RESULTS, read_json
from federation.settings.parts import TrackingSettings
from federation.studies.compare import compare
from federation.studies.finished_runs import FinishedRun, finished_runs
from federation.studies.seed_groups import groups
from federation.studies.task_page import task_page
from federation.tracking import names_0_1
from federation.tracking.run_info import COUNTRY, RunInfo
from federation.tracking.run_state import mark_dead
from federation.tracking.store import artifacts, connect, search
from federation.tracking.tracker import Tracker, replay

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),  # MLflow's own
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
ARCHIVE = Path(__file__).parents[2] / "reference" / "runs-0.1.0.tar.xz"
SETTINGS = TrackingSettings()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as file:
        file.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)  # not in every 3.11
        file.extractall(folder)
    return folder / "runs"


@pytest.fixture
def runs(archive: Path, tmp_path: Path) -> Path:
    """A copy, whose store knows that its artifacts were moved with it."""
    runs = Path(shutil.copytree(archive, tmp_path / "runs"))
    for picture in ("report.png", "reliability.png"):  # which the archive leaves out
        (runs / "old-fedavg" / picture).touch()
    database = runs / "mlflow" / "mlflow.db"
    with sqlite3.connect(database) as store:
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            store.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, instr({column}, '/artifacts') + 10)",
                (artifacts(database),),
            )
    return runs


def by_name(runs: Path) -> dict[str, FinishedRun]:
    return {run.name: run for run in finished_runs(runs, SETTINGS)}


def new_run(runs: Path, name: str) -> None:
    """A run as this version leaves it: the rows and parameters of an old one, under the present names."""
    old = runs / "old-fedavg"
    params = names_0_1.params(by_name(runs)["old-fedavg"].params)
    tracker = Tracker(runs / name, TrackingSettings(name="none"), runs=runs, warn=pytest.fail)
    tracker.begin(RunInfo(id=name, name=name, countries=(), params={**params, "rounds": "3"}))
    (runs / name / RESULTS).write_text((old / RESULTS).read_text().replace('"apart"', f'"{EXCLUDED_PERIOD}"'))
    tracker.end("FINISHED")


def test_old_runs_are_read_under_the_present_names(runs: Path) -> None:
    run = by_name(runs)["old-fedavg"]
    assert run.params["data"] == "synthetic"
    assert run.params["task.calendar.excluded_period"] == "['2007-06', '2008-01']"
    assert not any("apart" in name for name in run.params)
    assert {row.part for row in run.excluded} == {EXCLUDED_PERIOD}
    assert len(run.excluded) == len(run.rows) == 2736
    assert set(run.cost) == {"seconds", "cpu_seconds", "peak_mib"}
    assert {country for country, _, _ in run.validation} == {"BRN", "KHM", "TLS"}
    assert ("KHM", "log_wis", "flat_persistence") in run.validation


def test_a_page_is_made_of_old_runs(runs: Path, tmp_path: Path) -> None:
    text = task_page(groups(finished_runs(runs, SETTINGS)), [], tmp_path / "pictures")
    assert "**Excluded period, 2007-06 to 2008-01**" in text
    assert "2 rounds of fedavg" in text
    assert "was strongest in its validation years in" in text


def test_old_runs_compare_with_one_another_and_with_new_ones(runs: Path) -> None:
    new_run(runs, "new")
    (one,) = compare(runs, SETTINGS, ["old-fedavg", "old-fedprox", "new"])
    assert {score.run for score in one.scores} == {"old-fedavg", "old-fedprox", "new"}
    values = {(score.run, score.row.country): score.row.value for score in one.scores}
    assert values["old-fedavg", "KHM"] == values["new", "KHM"]
    shutil.rmtree(runs / "old-fedavg")
    (again,) = compare(runs, SETTINGS, ["old-fedavg", "old-fedprox", "new"])  # one of them from its store
    assert again.scores == one.scores


def test_an_old_store_opens_and_an_old_run_is_sent_again(runs: Path) -> None:
    assert mark_dead(runs, SETTINGS) == []
    store = connect(SETTINGS, runs)
    before = {run.info.run_id: run.data.metrics for run in search(store, "")}
    spool = runs / "old-fedavg" / "tracking.jsonl"
    assert replay(runs / "old-fedavg", SETTINGS, runs) == spool.stat().st_size  # noted for the store's old place
    assert {run.info.run_id: run.data.metrics for run in search(store, "")} == before
    assert replay(runs / "old-fedavg", SETTINGS, runs) == 0
    elsewhere = TrackingSettings(uri=f"sqlite:///{runs}/elsewhere/mlflow.db")
    replay(runs / "old-fedavg", elsewhere, runs)
    fresh = search(connect(elsewhere, runs), "")
    assert {run.data.tags.get(COUNTRY, "") for run in fresh} == {"", "BRN", "KHM", "TLS"}
    assert all(run.data.metrics in before.values() for run in fresh)
    forecasts_again(runs, elsewhere)


def forecasts_again(runs: Path, settings: TrackingSettings) -> None:
    """The model of the only run of a store gives what it gave when it was trained."""
    from mlflow import pyfunc

    store = connect(settings, runs)
    (logged,) = store.client.search_logged_models([store.experiment])
    with np.load(runs / "old-fedavg" / "model" / "example.npz") as example:
        output = pyfunc.load_model(logged.artifact_location).predict(dict(example))
    np.testing.assert_allclose(output, np.load(runs / "old-fedavg" / "model" / "output.npy"), rtol=1e-5)


@pytest.mark.parametrize(
    ("old", "present"),
    [
        ("apart.log_wis.local", "excluded_period/log_wis/local"),
        ("unaligned.apart.wis.local", "unaligned/excluded_period/wis/local"),
        ("validation.wis.federated", "validation/wis/federated"),
        ("cost.seconds", "cost/seconds"),
        ("test/wis/local", "test/wis/local"),
        ("train_loss", "train_loss"),
    ],
)
def test_a_metric_has_one_present_name(old: str, present: str) -> None:
    assert names_0_1.metric(old) == present


def test_rows_of_the_excluded_period_are_read_as_such(archive: Path) -> None:
    parts = {row.part for row in read_json(archive / "old-fedprox" / RESULTS)}
    assert parts == {"test", EXCLUDED_PERIOD, "paired"}
