"""MLflow's own pages over the experiments, served on this machine alone."""

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
from federation.settings.schema import TrackingSettings
from federation.tracking.first_sight import adopt, link, refresh
from federation.tracking.run_state import mark_dead
from federation.tracking.store import address, artifacts, connect, database

HOST = "127.0.0.1"
# MLflow opens an assistant over a quarter of the page on localhost and its addresses, but not on this name of them.
NAME = "gotong.localhost"
MOST = 5  # groups of runs whose links are printed
PATIENCE = 120.0  # seconds for the server to start


def open_ui(runs: Path, settings: TrackingSettings, port: int, say: Callable[[str], None] = print) -> None:
    """Serve until KeyboardInterrupt, and leave no process behind. Raises TrackingError."""
    uri = address(settings, runs)
    file = database(uri)
    if file is None:
        say(f"experiments are served by {uri}")
        return
    _free(port)
    try:
        store = connect(settings, runs)
        adopt(store)
        groups = refresh(store)
    except Exception as error:  # SQL, disk: MLflow raises what its layers raise
        raise TrackingError(f"the experiments in {file} cannot be opened: {one_line(error)}") from error
    mark_dead(runs, settings)
    with _server(uri, file, port) as server:
        try:
            _wait(server, port, file)
            say(f"MLflow is at {link(f'http://{NAME}:{port}', store.experiment)} (stop with Ctrl-C)")
            if not _resolves(NAME):
                say(f"Where a browser does not know that name: {link(f'http://{HOST}:{port}', store.experiment)}")
            for key, words in list(groups.items())[1:MOST]:
                say(f"Runs not comparable with those, {words}: {link(f'http://{NAME}:{port}', store.experiment, key)}")
            server.wait()
            raise TrackingError(f"MLflow's server stopped by itself; see {_log(file)}")
        except KeyboardInterrupt:
            return


@contextmanager
def _server(uri: str, file: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--default-artifact-root", artifacts(file), "--host", HOST, "--port", str(port), "--workers", "1"]
    names = ",".join(f"{name}:*" for name in ("localhost", HOST, NAME))
    command += ["--allowed-hosts", names, "--cors-allowed-origins", f"http://{NAME}:{port}"]
    quiet_server = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # jobs are for language models
    with _log(file).open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=file.parent, env=quiet_server, start_new_session=True
        )
    try:
        yield server
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):  # the group: MLflow's server is several processes
            try:
                os.killpg(server.pid, number)
                server.wait(timeout=5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def _wait(server: "subprocess.Popen[bytes]", port: int, file: Path) -> None:
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)  # there is nothing to wait on but the server's reply
    raise TrackingError(f"MLflow's server did not start; see {_log(file)}")


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


def _log(file: Path) -> Path:
    return file.with_name("server.log")
