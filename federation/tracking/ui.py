"""MLflow's own pages over the experiments: of a database served on this machine alone, of a server linked to."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from federation.errors import TrackingError, one_line
from federation.settings.address import whole, without_login
from federation.settings.parts import TrackingSettings
from federation.tracking.first_sight import adopt, link, refresh
from federation.tracking.run_state import mark_dead
from federation.tracking.store import Store, address, artifact_root, connect, database, is_server

HOST = "127.0.0.1"
# MLflow opens an assistant over a quarter of the page on localhost and its addresses, but not on this name of them.
NAME = "gotong.localhost"
LOG = "server.log"
MOST = 5  # groups of runs whose links are printed
PATIENCE = 120.0  # seconds for the server to start


def open_ui(runs: Path, settings: TrackingSettings, port: int, say: Callable[[str], None] = print) -> None:
    """Serve a database until KeyboardInterrupt, and leave no process behind; of a server say its links.

    Raises TrackingError.
    """
    uri = address(settings, runs)
    if is_server(uri):
        say(f"experiments are served by {uri}")
        _links(settings, runs, uri, say)
        return
    _free(port)
    store, groups = _opened(settings, runs, f"in {database(uri) or uri}")
    mark_dead(runs, settings)
    folder = (database(uri) or runs / "mlflow" / "mlflow.db").parent
    folder.mkdir(parents=True, exist_ok=True)
    with _server(uri, str(artifact_root(uri, runs)), folder, port) as server:
        try:
            _wait(server, port, folder)
            say(f"MLflow is at {link(f'http://{NAME}:{port}', store.experiment)} (stop with Ctrl-C)")
            if not _resolves(NAME):
                say(f"Where a browser does not know that name: {link(f'http://{HOST}:{port}', store.experiment)}")
            for key, words in list(groups.items())[1:MOST]:
                say(f"Runs not comparable with those, {words}: {link(f'http://{NAME}:{port}', store.experiment, key)}")
            server.wait()
            raise TrackingError(f"MLflow's server stopped by itself; see {folder / LOG}")
        except KeyboardInterrupt:
            return


def _opened(settings: TrackingSettings, runs: Path, where: str) -> tuple[Store, dict[str, str]]:
    """The experiment, and its saved views by key. Raises TrackingError."""
    try:
        store = connect(settings, runs)
        adopt(store)
        return store, refresh(store)
    except Exception as error:  # SQL, disk, HTTP: MLflow raises what its layers raise
        raise TrackingError(f"the experiments {where} cannot be opened: {one_line(error)}") from error


def _links(settings: TrackingSettings, runs: Path, uri: str, say: Callable[[str], None]) -> None:
    """The links to the views on a server; one that cannot be reached from here may be from elsewhere."""
    try:
        store, groups = _opened(settings, runs, "there")
    except TrackingError as error:
        say(f"no link to them: {error}")
        return
    base = without_login(uri).rstrip("/")
    say(f"opened on what comes first: {link(base, store.experiment)}")
    for key, words in list(groups.items())[1:MOST]:
        say(f"Runs not comparable with those, {words}: {link(base, store.experiment, key)}")


@contextmanager
def _server(uri: str, root: str, folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """uri: of a database. root: of artifacts. folder: of the log."""
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--default-artifact-root", root, "--host", HOST, "--port", str(port), "--workers", "1"]
    names = ",".join(f"{name}:*" for name in ("localhost", HOST, NAME))
    command += ["--allowed-hosts", names, "--cors-allowed-origins", f"http://{NAME}:{port}"]
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": whole(uri),  # no word of the command: the list of processes shows those
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # jobs are for language models
    }
    with (folder / LOG).open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
    try:
        yield server
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):  # the group: MLflow's server is several processes
            try:
                os.killpg(server.pid, number)
                server.wait(timeout=5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def _wait(server: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)  # there is nothing to wait on but the server's reply
    raise TrackingError(f"MLflow's server did not start; see {folder / LOG}")


def _resolves(name: str) -> bool:
    """Whether this machine knows the name. Chrome, Firefox and Edge know every name under localhost by themselves."""
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False


def _free(port: int) -> None:
    try:
        with socket.create_server((HOST, port)):
            return
    except OSError:
        raise TrackingError(
            f"port {port} is taken on this machine; choose another, for example port={port + 1}"
        ) from None
