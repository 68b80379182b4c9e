"""A person's view: a real browser on MLflow's own pages, over a run tracked through a server that froze once."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from federation.settings.parts import TrackingSettings
from federation.tracking import upload_process
from federation.tracking.run_info import COUNTRY, RunInfo
from federation.tracking.store import connect, search
from federation.tracking.tracker import Tracker, replay
from tests.whole import IN_FULL

CHROMIUM = Path("/usr/bin/chromium")
MEMBERS = ("BRN", "IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "SGP", "THA", "TLS", "VNM")
ROUNDS = 6
SWEPT = [f"sweep_seed-{seed}_strategy-{strategy}" for seed in (1, 2) for strategy in ("fedavg", "fedper")]
pytestmark = [
    pytest.mark.skipif(not IN_FULL, reason="a first visit is a long test; this one: scripts/prove ends"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}: install Debian's chromium for this test"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """`gotong ui` on an empty folder of runs; it must end cleanly, with all its processes, at the signal to stop."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["ui", f"runs={tmp_path / 'runs'}", f"port={port}"]
    command = [sys.executable, "-c", "from federation.cli import main; main()", *words]
    ui = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert ui.stdout
        said = ui.stdout.readline()
        [page] = re.findall(rf"http://gotong.localhost:{port}/\S+", said) or [said + ui.stdout.read()]
        assert page.startswith("http"), page
        children = psutil.Process(ui.pid).children(recursive=True)
        yield page, ui
        ui.send_signal(signal.SIGTERM)
        assert ui.wait(timeout=30) == 0
        assert not psutil.wait_procs(children, timeout=10)[1]
    finally:
        ui.kill()
        ui.wait()
        if ui.stdout:
            ui.stdout.close()


def track(runs: Path, url: str, ui: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of eleven countries; the server is frozen while it begins, and thaws."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    monkeypatch.setattr(upload_process, "LINGER", 0.1)
    monkeypatch.setattr(upload_process, "RETRY", 0.1)
    tracker = Tracker(runs / "demo", TrackingSettings(uri=url, patience=60), runs=runs, warn=print)
    processes = psutil.Process(ui.pid).children(recursive=True)
    for process in processes:
        process.suspend()
    tracker.begin(RunInfo(id="demo", name="eleven members", countries=MEMBERS, params={"rounds": ROUNDS}))
    for step in range(ROUNDS):
        if step == ROUNDS // 2:
            time.sleep(5)  # longer than a call may take: the first one is lost on us, but not on the server
            for process in processes:
                process.resume()
        tracker.metrics({"validation/wis": 1 / (step + 1)}, step=step)
        for at, country in enumerate(MEMBERS):
            tracker.metrics({"validation/wis": (at + 1) / (step + 1)}, step=step, country=country)
        tracker.commit()
    tracker.end("FINISHED")
    replay(runs / "demo", TrackingSettings(uri=url), runs)


def track_sweep(runs: Path, url: str) -> None:
    """The runs of a sweep, by the names that it gives them."""
    for name in SWEPT:
        tracker = Tracker(runs / name, TrackingSettings(uri=url, patience=60), runs=runs, warn=pytest.fail)
        tracker.begin(RunInfo(id=name, name=name, countries=("THA",)))
        tracker.metrics({"test/wis/federated": 1.0}, step=1)
        tracker.end("FINISHED")


def test_a_person_finds_the_run_and_its_eleven_countries(
    tmp_path: Path, server: tuple[str, "subprocess.Popen[str]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, ui = server
    url = page.split("/#")[0].replace("gotong.localhost", "127.0.0.1")  # which Python need not know, as browsers do
    runs = tmp_path / "runs"
    track(runs, url, ui, monkeypatch)
    store = connect(TrackingSettings(), runs)
    run_ids = {run.data.tags.get(COUNTRY, ""): run.info.run_id for run in search(store, "")}
    assert set(run_ids) == {"", *MEMBERS}
    assert len(search(store, "")) == 12, "a call whose reply was lost left a twin"
    for at, country in enumerate(MEMBERS):
        history = store.client.get_metric_history(run_ids[country], "validation/wis")
        assert [(row.step, row.value) for row in history] == [(step, (at + 1) / (step + 1)) for step in range(ROUNDS)]
    track_sweep(runs, url)
    everything = page.replace("&compareRunsMode=CHART", "").split("&viewStateShareKey")[0]
    look(everything, run_ids[""])


def look(address: str, parent: str) -> None:
    """Open the page that was named, unfold the parent, and see what a person sees."""
    from playwright.sync_api import sync_playwright

    requested: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.on("request", lambda request: requested.append(request.url))
        page.goto(address)
        page.get_by_role("link", name="gotong", exact=True).first.wait_for(timeout=30_000)
        page.get_by_role("link", name="eleven members", exact=True).wait_for(timeout=30_000)
        for name in SWEPT:
            page.get_by_role("link", name=name, exact=True).wait_for(timeout=10_000)
        page.locator(f'[row-id="{parent}"] button').first.click()
        for country in MEMBERS:
            page.get_by_role("link", name=f"{country} eleven members", exact=True).wait_for(timeout=10_000)
        if shot := os.environ.get("GOTONG_SCREENSHOT"):
            page.screenshot(path=shot)
        browser.close()
    here = (address.split("/#")[0], "data:", "blob:")
    assert [url for url in requested if not url.startswith(here)] == [], "a page requested another host"
