"""MLflow on PostgreSQL, and on a server that asks for a password: both started here, a run sent to each."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from federation.runs.simulation import simulate
from federation.settings.address import shown, whole
from federation.settings.parts import TrackingSettings
from federation.tracking import ui
from federation.tracking.first_sight import CHARTS
from federation.tracking.run_info import LEVEL, ONE_COUNTRY, REGION
from federation.tracking.saved_view import TAG
from federation.tracking.store import connect, search, tagged
from tests.federation.federations import settings_of
from tests.federation.tracking.mlflow_failures import free_port
from tests.whole import IN_FULL

pytestmark = [
    pytest.mark.usefixtures("toy"),
    pytest.mark.long,
    pytest.mark.skipif(not IN_FULL, reason="a proof: scripts/prove ends"),
]
SECRET = "s3cr3t-of-anna"
BINARIES = [path for path in (shutil.which("initdb"), *Path("/usr/lib/postgresql").glob("*/bin/initdb")) if path]


def no_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A database of its own, on a port of its own; its address."""
    binaries, port = Path(BINARIES[-1]).resolve().parent, free_port()
    data, password = folder / "data", folder / "password"
    password.write_text(SECRET)
    data.mkdir(mode=0o700)
    if no_user():
        for path in (data, password):
            shutil.chown(path, "nobody")
        for path in (folder, *folder.parents):
            if path.is_relative_to(gettempdir()) and path != Path(gettempdir()):
                path.chmod(0o755)
    made = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "anna",
        "-A",
        "scram-sha-256",
        f"--pwfile={password}",
        "-N",
    ]
    subprocess.run(made, check=True, capture_output=True, **no_user())
    serve = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(data), "-F"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(serve, stdout=log, stderr=log, **no_user())
    try:
        ready = [str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
        until = time.monotonic() + 30
        while subprocess.run(ready, capture_output=True, check=False).returncode and time.monotonic() < until:
            time.sleep(0.1)
        yield f"postgresql+psycopg://anna:{SECRET}@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


@contextmanager
def with_password(folder: Path) -> Iterator[str]:
    """MLflow's own server with basic authentication; its address."""
    port, config = free_port(), folder / "auth.ini"
    config.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\nadmin_username = anna\nadmin_password = {SECRET}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = os.environ | {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": "x" * 32}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
    try:
        ui._wait(server, port, folder)
        yield f"http://anna:{SECRET}@127.0.0.1:{port}"
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(server.pid, number)
                server.wait(timeout=5)


def sent(folder: Path, address: str, capsys: pytest.CaptureFixture[str]) -> TrackingSettings:
    """A run was tracked there whole, and its password is nowhere on the screen."""
    tracking = TrackingSettings(uri=shown(address), patience=300)
    settings = replace(settings_of(folder, ["THA", "VNM"], rounds=2), tracking=tracking)
    simulate(settings)
    printed = "".join(capsys.readouterr())
    assert "MLflow has not taken" not in printed
    assert SECRET not in printed
    store = connect(tracking, folder / "runs")
    [parent] = search(store, tagged({LEVEL: REGION}))
    children = search(store, tagged({LEVEL: ONE_COUNTRY}))
    assert (parent.info.status, len(children)) == ("FINISHED", 2)
    assert parent.data.tags["mlflow.source.name"] == "gotong simulate"
    assert any(name.startswith("better_by/") for name in parent.data.metrics)
    assert [
        len(store.client.get_metric_history(parent.info.run_id, f"round/{name}")) for name in ("bytes", "faults")
    ] == [
        2,
        2,
    ]
    files = {each.path for each in store.client.list_artifacts(parent.info.run_id)}
    assert {"report.html", "results.json"} <= files
    assert f"{TAG}{CHARTS}" in store.client.get_experiment(store.experiment).tags
    return tracking


@pytest.mark.skipif(not BINARIES, reason="no initdb: install PostgreSQL's server for this test")
@pytest.mark.skipif(find_spec("psycopg") is None, reason="no psycopg: pip install 'gotong[postgresql]'")
def test_a_run_is_tracked_in_postgresql_and_its_pages_are_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pg").mkdir()
    with postgres(tmp_path / "pg") as address:
        tracking = sent(tmp_path, address, capsys)
        port, folder = free_port(), tmp_path / "runs" / "mlflow"
        root = (folder / "artifacts").as_uri()
        with ui._server(tracking.uri, root, folder, port) as server:
            ui._wait(server, port, folder)
            words = Path(f"/proc/{server.pid}/cmdline").read_bytes()
            assert SECRET.encode() not in words
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
                assert page.status == 200


@pytest.mark.skipif(find_spec("flask_wtf") is None, reason="no Flask-WTF: pip install 'mlflow[auth]'")
def test_a_run_is_tracked_behind_a_password_and_ui_says_the_links(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")  # the server hashes the password at every request
    (tmp_path / "auth").mkdir()
    with with_password(tmp_path / "auth") as address:
        tracking = sent(tmp_path, address, capsys)
        said: list[str] = []
        ui.open_ui(tmp_path / "runs", tracking, 5000, said.append)
        bare = whole(tracking.uri).replace(f"anna:{SECRET}@", "")
        assert said[0] == f"experiments are served by http://anna:***@{bare.removeprefix('http://')}"
        assert said[1].startswith(f"opened on what comes first: {bare}/#/experiments/")
        assert SECRET not in "".join(said)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{bare}/api/2.0/mlflow/experiments/get-by-name?experiment_name=gotong")
