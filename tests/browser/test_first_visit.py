"""A coordinator who opens the experiments for the first time: a fresh profile, in which nothing is suppressed."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from federation.settings.parts import TrackingSettings
from federation.tracking.first_sight import ABOUT
from federation.tracking.run_info import COUNTRY, RunInfo
from federation.tracking.store import connect, search
from federation.tracking.tracker import Tracker, replay
from tasks.registry import TASKS
from tests.browser.test_mlflow_ui import CHROMIUM, MEMBERS

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}: install Debian's chromium for this test"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
GAINS = {"fedavg": 5.0, "fedprox": 4.0, "fedper": 7.5, "scaffold": -3.6}  # in %, of four runs
BEST = "fedper"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs of eleven countries that can be compared, and one of two countries that cannot; one has a model."""
    runs = tmp_path_factory.mktemp("first") / "runs"
    for name, gain in GAINS.items():
        track(runs, name, MEMBERS, gain, with_model=name == BEST)
    track(runs, "mekong", MEMBERS[2:4], 40.0, with_model=False)
    return runs


def track(runs: Path, name: str, countries: tuple[str, ...], gain: float, *, with_model: bool) -> None:
    tracker = Tracker(runs / name, TrackingSettings(name="none"), runs=runs, warn=pytest.fail)
    params = {"task.name": "health", "strategy.name": name, "rounds": "2", "task.calendar.test_until": "2008-12"}
    tracker.begin(RunInfo(id=name, name=name, countries=countries, params=params, tags={"gotong.code": "abc1234"}))
    for step in range(3):
        tracker.metrics({"validation/log_wis/federated": 0.3 - 0.01 * step}, step=step)
    gains = {f"better_by/{country}": gain + at - 5 for at, country in enumerate(countries)}
    tracker.metrics({"better_by/region": gain, "test/log_wis/federated": 0.3 - gain / 100, **gains}, step=0)
    tracker.tags({ABOUT: f"Together {gain} % better (clear)"})
    for at, country in enumerate(countries):
        tracker.dataset(country, name="health", fingerprint="0123456789abcdef" * 4)
        tracker.metrics({"better_by/own": gain + at - 5}, step=0, country=country)
    if with_model:
        tracker.model(task="health", settings=asdict(TASKS["health"].settings()), **network(runs))
    tracker.end("FINISHED")
    replay(runs / name, TrackingSettings(), runs)


def network(runs: Path) -> dict[str, Any]:
    task = TASKS["health"]
    settings = task.settings()
    (runs / "data").mkdir()
    task.synthesize(runs / "data", "SGP", 1, settings)
    windows = task.windows(task.read(runs / "data", "SGP", settings), settings).take(np.arange(2))
    module = task.build_model(settings, 1)
    with torch.no_grad():
        output = module({name: torch.from_numpy(value) for name, value in windows.inputs.items()}, None).numpy()
    weights = {name: value.detach().numpy() for name, value in module.named_parameters()}
    return {"weights": weights, "example": dict(windows.inputs), "output": output}


@pytest.fixture
def address(runs: Path) -> Iterator[str]:
    """The first link that `gotong ui` prints."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from federation.cli import main; main()", "ui", f"runs={runs}", f"port={port}"]
    ui = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ui.stdout
    try:
        first = ui.stdout.readline()
        [link] = re.findall(r"http://\S+", first) or [first]
        assert link.startswith("http"), first + ui.stdout.read()
        yield link
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait(timeout=30)
        ui.stdout.close()


def test_a_first_visitor_sees_which_run_is_best_and_for_whom(runs: Path, address: str) -> None:
    from playwright.sync_api import sync_playwright

    refused: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 1800})
        page.on("response", lambda reply: refused.append(reply.url) if reply.status == 403 else None)
        page.goto(address)
        sees_charts(page)
        compares(page)
        opens_runs_and_model(page, address.split("?")[0], runs)
        browser.close()
    assert refused == []


def sees_charts(page: Any) -> None:
    """Without a click: the best run on top, only runs that may be ranked, a bar a country; no assistant."""
    page.get_by_role("link", name=BEST, exact=True).wait_for(timeout=60_000)
    names = [each.inner_text() for each in page.get_by_role("link").all()]
    assert [name for name in names if name in (*GAINS, "mekong")] == sorted(GAINS, key=lambda name: -GAINS[name])
    page.get_by_text("1 Which run is better", exact=False).wait_for()
    page.get_by_text("2 For whom", exact=False).wait_for()
    page.locator("svg").get_by_text("better_by/VNM").first.wait_for(timeout=30_000)
    assert page.get_by_role("button", name="Model training").or_(page.get_by_text("Model training")).first.is_visible()
    assistant = page.get_by_text(re.compile("assistant", re.IGNORECASE)).all()
    assert not any(each.is_visible() for each in assistant)


def compares(page: Any) -> None:
    """Two runs side by side, by MLflow's own means."""
    for name in (BEST, "fedavg"):
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        row.locator("input.ag-checkbox-input").check()
    page.get_by_role("button", name="Compare").or_(page.get_by_role("link", name="Compare")).first.click()
    page.get_by_text("Comparing 2 Runs", exact=False).first.wait_for(timeout=30_000)


def opens_runs_and_model(page: Any, base: str, runs: Path) -> None:
    """The parent with its sentence, source and data; a country below it; its model."""
    store = connect(TrackingSettings(), runs)
    own = {run.info.run_name: run for run in search(store, "")}
    experiment = base.removesuffix("/runs")
    page.goto(f"{experiment}/runs/{own[BEST].info.run_id}")
    page.get_by_text("Together 7.5 % better (clear)").first.wait_for(timeout=30_000)
    page.get_by_text("BRN health").first.wait_for()
    page.get_by_text("abc1234"[:6], exact=False).first.wait_for()
    page.goto(f"{experiment}/runs/{own[f'THA {BEST}'].info.run_id}")
    page.get_by_text("better_by/own").first.wait_for(timeout=30_000)
    [model] = store.client.search_logged_models([store.experiment])
    page.goto(f"{experiment}/models/{model.model_id}")
    page.get_by_text("forecaster").first.wait_for(timeout=30_000)
    assert COUNTRY not in own[BEST].data.tags
