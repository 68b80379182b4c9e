"""Where experiments live: an SQLite file under <runs>/mlflow with its artifacts next to it, another database with its
artifacts there too, or a tracking server, which has its own.

MLflow's first use of an SQLite file is not atomic: two processes at once, or a kill in between, break it for good.
So it is made under another name, under a lock, and moved into place. Addresses are absolute, or MLflow writes into the
working directory.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from federation.errors import TrackingError
from federation.settings.address import whole
from federation.settings.parts import TrackingSettings
from tasks.files.locking import lock

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SQLITE = "sqlite:///"
QUIET = {  # no telemetry, no retries of minutes (247 s for a refused connection), nothing on the run's screen
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # a server that takes 10 s a call is slow, not dead
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True, kw_only=True)
class Store:
    """An open experiment."""

    client: "MlflowClient"
    experiment: str
    uri: str


def quiet() -> None:
    """Set what MLflow reads from the environment when it is imported; what a person has set stays."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def address(settings: TrackingSettings, runs: Path) -> str:
    """The absolute tracking address of these settings."""
    if not settings.uri:
        return address_of((runs / "mlflow" / "mlflow.db").resolve())
    if settings.uri.startswith(SQLITE):
        return address_of(Path(settings.uri.removeprefix(SQLITE)).resolve())
    return settings.uri


def address_of(file: Path) -> str:
    """The SQLite address of an absolute path; letters with a meaning are escaped, as SQLAlchemy 2.1 reads them."""
    text = str(file)
    for letter in "%?#":  # the escape's own letter first
        text = text.replace(letter, f"%{ord(letter):02X}")
    return f"{SQLITE}{text}"


def database(uri: str) -> Path | None:
    """The file of an SQLite address, None for a server."""
    return Path(unquote(uri.removeprefix(SQLITE))) if uri.startswith(SQLITE) else None


def artifacts(file: Path) -> str:
    """Where the artifacts of an SQLite store lie: a file URI next to it."""
    return (file.parent / "artifacts").as_uri()


def artifact_root(uri: str, runs: Path) -> str | None:
    """Where the artifacts of a database lie, as a URI; None of a server, which says so itself."""
    file = database(uri)
    if file:
        return artifacts(file)
    return None if is_server(uri) else (runs / "mlflow" / "artifacts").resolve().as_uri()


def is_server(uri: str) -> bool:
    """Whether MLflow's own server is at this address, and not a database."""
    return uri.startswith(("http://", "https://"))


def connect(settings: TrackingSettings, runs: Path) -> Store:
    """The experiment of these settings, made if need be. Takes seconds; raises what MLflow, SQLite or HTTP raise."""
    quiet()
    from mlflow.exceptions import MlflowException

    uri = address(settings, runs)
    file = database(uri)
    if file:
        create(file)
    client = _client(uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    if experiment is None:
        try:
            made = client.create_experiment(settings.experiment, artifact_location=artifact_root(uri, runs))
            return Store(client=client, experiment=made, uri=uri)
        except MlflowException as error:
            experiment = client.get_experiment_by_name(settings.experiment)  # another run made it meanwhile
            if experiment is None:
                raise error
    if experiment.lifecycle_stage != "active":
        raise TrackingError(
            f"experiment {settings.experiment!r} is deleted in {uri}; restore it or set tracking.experiment"
        )
    return Store(client=client, experiment=experiment.experiment_id, uri=uri)


def experiments(settings: TrackingSettings, runs: Path) -> list[tuple[str, Store]]:
    """(name, store) of every experiment there is. Raises TrackingError where there is no file, else as `connect`."""
    uri = address(settings, runs)
    file = database(uri)
    if file and not file.exists():
        raise TrackingError(f"{runs} holds no experiments; simulate something there first, or say runs=DIR")
    client = _client(uri)
    return [
        (each.name, Store(client=client, experiment=each.experiment_id, uri=uri))
        for each in client.search_experiments()
    ]


def _client(uri: str) -> "MlflowClient":
    """Raises TrackingError where the library of a database is missing, else what MLflow raises."""
    quiet()
    from mlflow import MlflowClient

    try:
        return MlflowClient(tracking_uri=whole(uri), registry_uri=whole(uri))
    except ModuleNotFoundError as error:
        raise TrackingError(
            f"{uri} needs the library {error.name}; for PostgreSQL: pip install 'gotong[postgresql]'"
        ) from None


def tagged(tags: Mapping[str, str]) -> str:
    """MLflow's filter for what carries all these tags."""
    return " AND ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())


def search(store: Store, wanted: str) -> list["Run"]:
    """All live runs of the experiment that fit a filter."""
    runs: list[Run] = []
    token = None
    while True:
        page = store.client.search_runs([store.experiment], filter_string=wanted, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def create(file: Path) -> None:
    """Make an empty SQLite store unless it is there: 2-8 s. Raises OSError, or what SQLite raises."""
    if file.exists():
        return
    quiet()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file.with_suffix(".lock")):
        if file.exists():
            return
        for stale in file.parent.glob(f"{file.name}.new*"):
            stale.unlink()
        fresh = file.with_name(f"{file.name}.new{os.getpid()}")
        SqlAlchemyStore(address_of(fresh), artifacts(file)).engine.dispose()  # type: ignore[no-untyped-call]
        fresh.replace(file)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        lock(file)
        yield
