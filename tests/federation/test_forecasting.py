"""`gotong forecast` as a forecaster types it: a finished run, her own records, a file; and every mistake one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from federation.cli import main
from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.forecasting import records_of_run
from federation.settings.schema import Settings
from tasks.registry import TASKS
from tests.tasks.products.cap_standard import problems

SMALL = ("tracking=none", "rounds=1", "task.hidden=[]", "training.epochs=1", "region.countries=[LAO,VNM]")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of every task, on synthetic records, and one that has not ended."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for task in TASKS:
            main(["simulate", f"task={task}", f"name={task}", *CALENDAR.get(task, ()), *SMALL])
        main(["simulate", "task=health", "name=kept", "strategy=fedper", "strategy.private=[*bias]", *SMALL])
    shutil.copytree(folder / "runs" / "health", folder / "runs" / "unfinished")
    (folder / "runs" / "unfinished" / checkpoint.MODEL).unlink()
    return folder


def forecast(*words: str) -> None:
    main(["forecast", *words])


def files_of_runs(place: Path) -> dict[Path, bytes]:
    """Every file of the runs but the vaults' databases, which SQLite may tidy up after the runs of this process."""
    files = (path for path in (place / "runs").rglob("*") if path.is_file() and "sqlite" not in path.name)
    return {path: path.read_bytes() for path in files}


MONTH_AFTER = {
    "health": "2009-01-05",
    "health_weekly": "2019-12-30",
    "disaster": "2017-01-05",
    "agriculture": "2014-01-05",
    "prices": "2020-01-05",
    "river": "2017-01-01",
}
AGE_OF_MODEL = {
    "health": 48,
    "health_weekly": 156,
    "disaster": 132,
    "agriculture": 120,
    "prices": 60,
    "river": 1096,
}  # from the end of training
STEP = {"health_weekly": "week", "river": "day"}  # of the records, where it is no month
CALENDAR = {  # levels of floods need ten years
    "river": ("task.calendar.train_until=2013-12", "task.calendar.validate_until=2014-12", "task.train_every=30")
}
COST_LOSS = {"river": 0.0001}  # of a winter's day without a flood in sight; other tasks .01
WAYS = [(task.name, form) for task in TASKS.values() for form in task.products]


@pytest.mark.parametrize(("task", "form"), WAYS)
def test_every_product_of_every_task(
    task: str,
    form: str,
    place: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    before = files_of_runs(place)
    data, to = place / "runs" / task / "data", tmp_path / "product"
    words = [f"run={task}", f"data={data}", "country=VNM", f"to={to}", f"format={form}"]
    words += [f"cost_loss={COST_LOSS.get(task, 0.01)}", f"today={MONTH_AFTER[task]}"]
    forecast(*words)
    printed = capsys.readouterr().out
    assert printed.startswith("VNM: ")
    step = STEP.get(task, "month")
    assert f"records 0 {step}s old, model of run" in printed
    assert printed.endswith(f"{to}\n")
    about = json.loads((tmp_path / "product.about.json").read_text())
    assert about[f"records_age_{step}s"] == 0
    assert about[f"model_age_{step}s"] == AGE_OF_MODEL[task]
    if form in ("hubverse_tasks", "hubverse_target_data"):
        assert "v6.0.0" in json.loads(to.read_text())["schema_version"]
    elif form == "cap":
        assert problems(to.read_text()) == []
    else:
        assert len(pd.read_csv(to)) > 0
    assert files_of_runs(place) == before
    with pytest.raises(SystemExit):
        forecast(*words, "arm=issued")
    assert f"arm=issued: run {task} ended in VNM with federated, local" in capsys.readouterr().err
    if form != "cap":  # an alert holds the time at which it was made
        first = to.read_bytes()
        forecast(*words)
        assert to.read_bytes() == first


@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if task.outlook is not None])
def test_a_page_of_every_task(task: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    to = tmp_path / "page.html"
    words = (f"run={task}", f"data=runs/{task}/data", "country=VNM", f"page={to}")
    forecast(*words, f"today={MONTH_AFTER[task]}")
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "page.json"}
    values = json.loads((tmp_path / "page.json").read_text())
    chances = [step["chance"] for each in values["places"] for step in each["steps"]]
    assert any(chance is not None and 0 < chance < 1 for chance in chances)
    assert len({each["place"] for each in values["places"]}) == len(values["places"]) > 1
    assert to.read_text().count("<tr>") == len(values["places"]) + 1
    assert ("<figure>" in to.read_text()) == (task != "disaster"), "a chance has no fan"
    assert len(to.read_bytes()) < 300_000


def test_a_month_that_is_not_over_is_not_read_and_the_harvest_of_its_year_is(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    to = tmp_path / "file.csv"
    for task, form, today, until in (
        ("health", "hubverse", "2008-12-15", "2008-11"),
        ("agriculture", "table", "2013-10-15", "2013-12"),
    ):
        words = (f"run={task}", f"data=runs/{task}/data", "country=VNM", f"to={to}", f"format={form}")
        forecast(*words, f"today={today}")
        assert json.loads(Path(f"{to}.about.json").read_text())["records_until"] == until


def test_the_forecast_is_the_runs_model_at_the_newest_origin(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: the linear model's weights on the last month's windows."""
    import torch
    from torch.func import functional_call

    monkeypatch.chdir(place)
    data, to = place / "runs" / "health" / "data", tmp_path / "q.csv"
    forecast("run=health", f"data={data}", "country=LAO", f"to={to}", "format=hubverse", "origin=2008-12")
    task = TASKS["health"]
    settings = task.settings(hidden=[])  # type: ignore[call-arg]
    panel = task.read(data / "LAO", "LAO", settings)
    windows = task.windows(panel, settings)
    assert np.isfinite(panel.target[:, -1]).all()  # no place is late
    windows = windows.take(windows.origin == windows.origin.max())
    weights = {name: torch.from_numpy(value) for name, value in checkpoint.load_model(Path("runs/health")).items()}
    inputs = {name: torch.from_numpy(value) for name, value in windows.inputs.items()}
    with torch.no_grad():
        output = functional_call(task.build_model(settings, 99), weights, (inputs, None)).numpy()
    expected = task.forecast(output.astype(np.float64), windows)
    np.testing.assert_allclose(pd.read_csv(to)["value"], expected.ravel(), atol=5e-4)


def test_a_forecast_reads_a_record_as_long_as_its_run_took(place: Path) -> None:
    """A model that was scaled by two years of a country would be another one on all of them."""
    header = checkpoint.read_header(place / "runs" / "health" / checkpoint.FILE)
    whole = restore(Settings, header["settings"], "checkpoint")
    folder, last = place / "runs" / "health" / "data" / "LAO", np.datetime64(whole.task.calendar.train_until, "M")
    for country, cut in (("LAO", True), ("VNM", False)):
        panel = records_of_run(
            TASKS["health"], folder, "LAO", replace(whole, record_years=2, record_of=[country]), None
        )
        assert (panel.periods[0] == last - 23) == cut
        assert panel.target.shape[1] == len(panel.periods) == len(panel.covariates["rainfall"].T)


GOOD = {"run": "health", "data": "runs/health/data", "country": "VNM", "to": "file.csv", "format": "hubverse"}
GOOD["today"] = "2009-01-05"
MISTAKES = {
    "no run": ({"run": "heath"}, "no run 'heath' in runs; there are agriculture, disaster, health"),
    "no runs": ({"runs": "elsewhere"}, "no run 'health' in elsewhere; there is none"),
    "a path as run": ({"run": "../health"}, "no run '../health'"),
    "not ended": ({"run": "unfinished"}, "run unfinished has not ended; end it first with resume=unfinished"),
    "kept at home": ({"run": "kept"}, "keeps"),
    "no code": ({"country": "VNX"}, "did you mean VNM?"),
    "no records": ({"country": "THA"}, "no records of country=THA in data=runs/health/data; there are LAO, VNM"),
    "no folder": (
        {"data": "elsewhere"},
        "data=elsewhere is not there; expected is the folder that holds VNM/health.csv or the like",
    ),
    "another task's": ({"format": "table"}, "format=table is no product of task health; known are cap, chap, hubverse"),
    "misspelt": ({"format": "hubvers"}, "did you mean hubverse?"),
    "no run said": ({"run": ""}, "say which run: gotong forecast run=RUN"),
    "no country said": ({"country": ""}, "say whose forecast"),
    "no data said": ({"data": ""}, "say where the national files lie"),
    "no file said": ({"to": ""}, "say where it goes"),
    "no format said": ({"format": ""}, "say which format"),
    "no share": ({"cost_loss": "1.2"}, "cost_loss=1.2 must be above 0 and at most 1"),
    "no samples": ({"samples": "0"}, "samples=0 must be at least 1"),
    "no seed": ({"seed": "-1"}, "seed=-1 must be at least 0"),
    "no sender": ({"format": "cap", "sender": "'a b'"}, "sender='a b'"),
    "nothing to replace": ({"format": "cap", "replaces": "before.xml"}, "replaces=before.xml cannot be read"),
    "no alert to replace": ({"format": "cap", "replaces": "runs/health/results.json"}, "is not XML"),
    "no origin": ({"origin": "2008-13"}, "origin: '2008-13' is not in the calendar; write months as YYYY-MM"),
    "an origin to come": ({"origin": "2009-01"}, "origin=2009-01 is not over yet; the last complete month is 2008-12"),
    "an origin beyond": (
        {"origin": "2009-01", "today": "2009-03-01"},
        "records of VNM end 2008-12; take origin=2008-12",
    ),
    "too old": ({"today": "2009-04-01"}, "the newest record is of 2008-12, 3 months before the end of 2009-03"),
    "no age": ({"largest_age": "-1"}, "largest_age=-1 must be at least 0"),
    "no day": ({"today": "2009-1"}, "today=2009-1 is no day"),
    "a day to come": ({"today": "2999-01-01"}, "today=2999-01-01 is yet to come"),
    "records to come": (
        {"today": "2007-01-05"},
        "the records of VNM go on to 2008-12, which is yet to come; write origin=2006-12",
    ),
    "late": ({"late": "leave"}, "late=leave"),
    "over": ({"format": "cap", "origin": "2008-12", "today": ""}, "no alert: 2009-03, the last month of this forecast"),
    "no key": ({"rum": "x"}, "did you mean run"),
    "no place to write": ({"to": "/proc/file.csv"}, "to=/proc/file.csv cannot be written"),
}


@pytest.mark.parametrize(("change", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(
    change: dict[str, str],
    said: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as ended:
        forecast(*(f"{key}={value}" for key, value in {**GOOD, **change}.items() if value or key != "today"))
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert sorted(path.name for path in place.iterdir()) == ["runs"]


def test_records_that_are_too_short_are_one_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    lines = (place / "runs/health/data/LAO/health.csv").read_text().splitlines()
    kept = [line for line in lines[1:] if line.startswith("2008-0")]
    (tmp_path / "LAO").mkdir()
    (tmp_path / "LAO" / "health.csv").write_text("\n".join([lines[0], *kept]) + "\n")
    with pytest.raises(SystemExit):
        forecast("run=health", f"data={tmp_path}", "country=LAO", "to=file.csv", "format=chap", "origin=2008-09")
    err = capsys.readouterr().err
    assert "no place has a record that is long and recent enough" in err
    assert "it holds 9 periods, the last is 2008-09" in err
    assert err.count("\n") == 1
