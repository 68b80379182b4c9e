"""Late places, stale records and months to come: what a product is made from, and what it says of that."""

import json
from dataclasses import replace
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from tasks.errors import DataError, SettingError
from tasks.products.about import lines, sidecar
from tasks.products.forecast import Issued
from tasks.products.newest import Late, last_on_record, newest
from tasks.products.replaced import read_alert
from tasks.registry import TASKS
from tasks.task import Task
from tests.tasks.products.cap_standard import SPACE, problems
from tests.tasks.products.forecasting import BANGKOK, issue

HEALTH, DISASTER = TASKS["health"], TASKS["disaster"]
NEWEST, COUNTRY = "2008-12", "LAO"


def changed(folder: Path, task: Task, change: "dict[str, str]", country: str = COUNTRY) -> Path:
    """Synthetic records without what places, by name, report after a month."""
    issue(task, folder, country)
    table = pd.read_csv(folder / task.file, dtype={"time_period": str})
    for place, until in change.items():
        table = table[(table["location"] != place) | (table["time_period"] <= until)]
    table.to_csv(folder / task.file, index=False)
    return folder


def test_a_place_without_the_newest_month_is_forecast_from_its_own_last_month(tmp_path: Path) -> None:
    """What it says is what it would say if the whole country's records ended then."""
    late = issue(HEALTH, changed(tmp_path, HEALTH, {"LAO-01": "2008-11", "LAO-02": "2008-10"}), COUNTRY)
    assert late.late == {"LAO-01": "2008-11", "LAO-02": "2008-10"}
    assert late.origin == NEWEST
    for row, until in ((0, "2008-11"), (1, "2008-10")):
        then = issue(HEALTH, tmp_path, COUNTRY, until=np.datetime64(until))
        np.testing.assert_array_equal(late.windows.due[row], np.datetime64(until) + np.arange(1, 4))
        np.testing.assert_allclose(late.forecast[row], then.forecast[row], rtol=1e-6)
    samples = HEALTH.products["chap"](late).text
    assert samples is not None
    first = pd.read_csv(StringIO(samples)).groupby("location")["time_period"].min()
    assert first["LAO-01"] == "2008-12"
    assert first["LAO-03"] == "2009-01"
    assert "LAO-01 (2008-11)" in "\n".join(lines(late))
    assert json.loads(sidecar(late, "chap"))["places"]["LAO-02"] == "2008-10"


def test_a_forecast_of_months_by_which_its_model_was_chosen_says_so(tmp_path: Path) -> None:
    for until, seen in (("2005-06", True), ("2006-12", False)):  # of the default calendar's validation, 2005-06
        issued = issue(HEALTH, tmp_path, COUNTRY, until=np.datetime64(until))
        assert ("chosen until 2006-12 has seen" in "\n".join(lines(issued))) == seen
        assert json.loads(sidecar(issued, "chap"))["model_chosen_until"] == "2006-12"


def test_a_national_row_that_outlives_the_provinces_hides_none_of_them(tmp_path: Path) -> None:
    folder = changed(tmp_path, HEALTH, {f"LAO-{number:02d}": "2008-08" for number in range(1, 30)})
    table = pd.read_csv(folder / "health.csv", dtype={"time_period": str})
    months = [str(month) for month in np.arange("2008-09", "2009-01", dtype="M8[M]")]
    national = pd.DataFrame({"time_period": months, "location": COUNTRY, "disease_cases": 400})
    pd.concat([table, national]).to_csv(folder / "health.csv", index=False)
    old = issue(HEALTH, folder, COUNTRY)
    provinces = set(table["location"])
    assert [old.place(row) for row in range(len(old.windows))] == [COUNTRY]
    assert old.left_out == dict.fromkeys(sorted(provinces), "records end 2008-08, 4 months old")
    last = last_on_record(old.panel, HEALTH.reported(old.panel))
    chosen = newest(HEALTH.windows(old.panel, old.settings), last, old.as_of, 6)
    assert len(chosen.windows) == len(provinces) + 1
    without = newest(HEALTH.windows(old.panel, old.settings), last, old.as_of, 6, "leave_out")
    assert (len(without.windows), without.left_out) == (len(provinces) + 1, {})  # one row that is ahead makes none late


def test_a_place_that_is_later_than_most_can_be_left_out(tmp_path: Path) -> None:
    folder = changed(tmp_path, HEALTH, {"LAO-01": "2008-11"})
    new = issue(HEALTH, folder, COUNTRY)
    last = last_on_record(new.panel, HEALTH.reported(new.panel))
    every, most = (newest(HEALTH.windows(new.panel, new.settings), last, new.as_of, 6, late) for late in get_args(Late))
    assert len(every.windows) == len(most.windows) + 1
    assert (every.left_out, most.left_out) == ({}, {"LAO-01": "records end 2008-11"})


@pytest.mark.parametrize("country", ["SGP", "BRN"])
def test_a_small_state_with_one_national_series_is_served(country: str, tmp_path: Path) -> None:
    """A single series of few cases, without population, humidity or names; in every format."""
    rng = np.random.default_rng(1)
    months = np.arange("1999-01", "2009-01", dtype="M8[M]")
    cases = rng.poisson(3 + 2 * np.cos(np.arange(len(months)) / 12 * 2 * np.pi))
    rows = [f"{month},{country},{count},,,\n" for month, count in zip(months, cases, strict=True)]
    header = "time_period,location,disease_cases,population,rainfall,mean_temperature\n"
    (tmp_path / "health.csv").write_text(header + "".join(rows))
    issued = issue(HEALTH, tmp_path, country)
    assert [issued.place(0)] == [country]
    assert np.isfinite(issued.forecast).all()
    for form in ("hubverse", "chap"):
        text = HEALTH.products[form](issued).text
        assert text is not None
        assert set(pd.read_csv(StringIO(text))["location"]) == {country}
    alert = HEALTH.products["cap"](replace(issued, forecast=issued.forecast * 50)).text
    assert alert is not None
    assert problems(alert) == []
    codes = [code.findtext(f"{SPACE}valueName") for code in ET.fromstring(alert).iter(f"{SPACE}geocode")]
    assert set(codes) == {"ISO 3166-1 alpha-3"}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_rows_after_the_origin_change_nothing(task: Task, tmp_path: Path) -> None:
    """Wrong, impossible and foreign rows after the origin are not even read; before it they are refused."""
    assert task.upcoming is not None
    issue(task, tmp_path, COUNTRY)
    panel = task.upcoming(tmp_path, COUNTRY, task.settings(), None)
    origin = (panel.periods[-60] if task.name != "agriculture" else panel.periods[-4]).astype("M8[M]")
    before = issue(task, tmp_path, COUNTRY, until=origin)
    for file in task.tables:
        path = tmp_path / file
        if not path.exists():  # optional
            continue
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        column = next((name for name in ("time_period", "harvest_year", "date") if name in table), None)
        if column is None:  # what does not change in time
            continue
        later = table[column].str.slice(0, 7).map(lambda text: text if "-" in text else f"{text}-12") > str(origin)
        assert later.any()
        poisoned = table.copy()
        numbers = [
            name for name, kind in task.tables[file].schema.columns.items() if kind.kind == "number" and name in table
        ]
        poisoned.loc[later, numbers] = "-1e9"
        poisoned.loc[later, numbers[0]] = "poison"
        stranger = poisoned[later].tail(1).assign(**{task.tables[file].place: "Nowhere"})
        pd.concat([poisoned, stranger]).to_csv(path, index=False)
    with pytest.raises(DataError):
        issue(task, tmp_path, COUNTRY)
    after = issue(task, tmp_path, COUNTRY, until=origin)
    assert after.panel.places == before.panel.places
    np.testing.assert_array_equal(after.forecast, before.forecast)
    np.testing.assert_array_equal(after.windows.due, before.windows.due)
    assert after.windows.origin.max().astype("M8[M]") <= origin


def sent(issued: Issued, day: str) -> Issued:
    return replace(issued, sent=datetime.fromisoformat(f"{day}T09:30:00").replace(tzinfo=BANGKOK))


def test_no_alert_expires_before_it_is_sent(tmp_path: Path) -> None:
    """Months that are over are not warned of; where all are, there is no alert, with or without one to replace."""
    drought = replace(issue(DISASTER, tmp_path), cost_loss=0.01)
    first = DISASTER.products["cap"](drought).text
    assert first is not None
    for day, months in (("2017-01-31", 3), ("2017-02-02", 2), ("2017-03-31", 1)):
        alert = DISASTER.products["cap"](sent(drought, day)).text
        assert alert is not None
        assert problems(alert) == []
        infos = ET.fromstring(alert).findall(f"{SPACE}info")
        expires = {info.findtext(f"{SPACE}expires", "") for info in infos}
        onsets = {info.findtext(f"{SPACE}onset", "")[:7] for info in infos}
        assert len(expires) == months
        assert {f"{np.datetime64(onset) + 1}-01T00:00:00-00:00" for onset in onsets} == expires
        assert min(expires) > f"{day}T03"
    old = sent(replace(drought, replaces=read_alert(first)), "2017-04-02")
    with pytest.raises(SettingError, match="2017-03, the last month of this forecast, is over"):
        DISASTER.products["cap"](old)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("met.example.org", "other.example.org"), "is an alert of sender other.example.org, not of met.example.org"),
        ((".VNM.", ".LAO."), "is an alert of LAO, not of VNM"),
        (("<event>Drought", "<event>Flood"), "is an alert of Flood, not of Drought"),
        (("<value>E", "<value>W"), "which is no place of these records"),
        (("<msgType>Alert", "<msgType>Cancel"), "is a cancellation"),
        (("<status>Exercise", "<status>Actual"), "has the status Actual"),
    ],
)
def test_an_alert_replaces_its_own_kind_alone(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    drought = replace(issue(DISASTER, tmp_path), cost_loss=0.1)
    first = DISASTER.products["cap"](drought).text
    assert first is not None
    assert change[0] in first
    with pytest.raises(SettingError, match=said):
        DISASTER.products["cap"](replace(drought, replaces=read_alert(first.replace(*change))))
    assert DISASTER.products["cap"](replace(drought, replaces=read_alert(first))).text is not None


def test_every_product_says_how_old_model_and_records_are(tmp_path: Path) -> None:
    drought = replace(issue(DISASTER, tmp_path), cost_loss=0.1)
    table = DISASTER.products["table"](drought).text
    alert = DISASTER.products["cap"](drought).text
    assert table is not None
    assert alert is not None
    ages = pd.read_csv(StringIO(table))[["records_age", "model_trained_until", "model_age"]].drop_duplicates()
    assert ages.to_numpy().tolist() == [[0, "2005-12", 132]]
    assert "2016-12, 0 months old" in alert
    assert "2005-12, 132 months old" in alert
    assert "by a model trained until 2005-12" in alert
    early = replace(drought, as_of=np.datetime64("2003-01"))
    assert "it has learnt from what it forecasts here" in "\n".join(lines(early))
