"""What every test of tracking needs: an empty store that was made once, a run's card, and MLflow's view of a run."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.settings.parts import TrackingSettings
from federation.tracking.run_info import BIRTH, COUNTRY, RunInfo
from federation.tracking.spool import NAME, read_all
from federation.tracking.store import connect, create, search, tagged

Rows = dict[str, list[tuple[str, int, str]]]  # country -> (metric, step, value as text, for NaN is unequal to itself)


OLD = "The ``noload`` loader strategy"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What MLflow 3.17 warns itself of: how it declares tables, and its own type hints."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{OLD}:DeprecationWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"))


@pytest.fixture(autouse=True)
def _given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call without a reply is over in 3 s instead of 20."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", OLD, DeprecationWarning)
        create(file)
    return file


@pytest.fixture
def runs(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs, with a space in its name, whose store is there; the working directory is another one."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    runs = tmp_path / "my runs"
    (runs / "mlflow").mkdir(parents=True)
    shutil.copy(empty_store, runs / "mlflow" / "mlflow.db")
    return runs


@pytest.fixture
def settings() -> TrackingSettings:
    return TrackingSettings(patience=60)


@pytest.fixture
def card() -> RunInfo:
    return RunInfo(id="demo-1", name="demo", countries=("THA", "VNM"), params={"rounds": 3}, tags={"task": "health"})


@pytest.fixture
def rows(settings: TrackingSettings) -> Callable[[Path], Rows]:
    """What MLflow holds of the run in a folder; fails if two MLflow runs stand for one country."""

    def read(folder: Path) -> Rows:
        store = connect(settings, folder.parent)
        rows: Rows = {}
        birth = next(read_all(folder / NAME))["birth"]
        for one in search(store, tagged({BIRTH: birth})):
            country = one.data.tags.get(COUNTRY, "")
            assert country not in rows, f"two runs of {country!r}"
            rows[country] = sorted(
                (name, metric.step, str(metric.value))
                for name in one.data.metrics
                for metric in store.client.get_metric_history(one.info.run_id, name)
            )
        return rows

    return read
