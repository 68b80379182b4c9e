"""Products against readers and rules that are not ours: hubdata, the CAP standard, pandas as CHAP uses it."""

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hubdata import connect_hub

from tasks.disaster.products import neighbours, square
from tasks.errors import DataError, SettingError
from tasks.evaluation.levels import LEVELS
from tasks.gathered_windows import dense
from tasks.products.forecast import Issued, last_day
from tasks.products.replaced import read_alert
from tasks.registry import TASKS
from tests.tasks.products.cap_standard import SPACE, problems
from tests.tasks.products.forecasting import issue

HEALTH, DISASTER, AGRICULTURE = TASKS["health"], TASKS["disaster"], TASKS["agriculture"]


@pytest.fixture(scope="module")
def dengue(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(HEALTH, tmp_path_factory.mktemp("health"))


@pytest.fixture(scope="module")
def drought(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(DISASTER, tmp_path_factory.mktemp("disaster"))


@pytest.fixture(scope="module")
def harvests(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(AGRICULTURE, tmp_path_factory.mktemp("agriculture"))


def text(name: str, form: str, issued: Issued) -> str:
    product = TASKS[name].products[form](issued)
    assert product.text is not None
    return product.text


def test_a_forecast_is_of_the_newest_origin_and_of_every_place_once(dengue: Issued) -> None:
    assert str(dengue.origin) == str(dengue.panel.periods[-1])
    assert len({dengue.place(row) for row in range(len(dengue.windows))}) == len(dengue.windows)
    assert np.isnan(dengue.windows.observed).all()  # nobody knows what comes


# hubverse

SCHEMAS = "https://raw.githubusercontent.com/hubverse-org/schemas/main"


def hub(folder: Path, issued: Issued) -> Path:
    """A hub whose tasks.json asks for what the issue promises."""
    value, month = {"type": "double", "minimum": 0}, np.datetime64(issued.origin)
    ids = {
        "reference_date": {"required": None, "optional": [last_day(issued.origin)]},
        "target": {"required": ["monthly inc dengue case"], "optional": None},
        "horizon": {"required": None, "optional": [1, 2, 3]},
        "target_end_date": {"required": None, "optional": [last_day(month + h) for h in (1, 2, 3)]},
        "location": {"required": None, "optional": list(issued.panel.places)},
    }
    model_task = {
        "task_ids": ids,
        "output_type": {"quantile": {"output_type_id": {"required": LEVELS}, "is_required": True, "value": value}},
    }
    (folder / "hub-config").mkdir(parents=True)
    (folder / "hub-config" / "tasks.json").write_text(
        json.dumps(
            {
                "schema_version": f"{SCHEMAS}/v6.0.0/tasks-schema.json",
                "rounds": [{"round_id_from_variable": True, "round_id": "reference_date", "model_tasks": [model_task]}],
                "output_type_id_datatype": "double",
                "derived_task_ids": ["target_end_date"],
            }
        )
    )
    admin = {"file_format": ["csv"], "model_output_dir": "model-output"}
    (folder / "hub-config" / "admin.json").write_text(json.dumps(admin))
    target = folder / "model-output" / "gotong-first" / f"{last_day(issued.origin)}-gotong-first.csv"
    target.parent.mkdir(parents=True)
    target.write_text(text("health", "hubverse", issued))
    return folder


def test_the_hubs_own_reader_reads_the_quantiles(dengue: Issued, tmp_path: Path) -> None:
    table = connect_hub(str(hub(tmp_path, dengue))).to_table().to_pandas()
    task = ["reference_date", "target", "horizon", "target_end_date", "location"]
    assert set(table.columns) == {*task, "output_type", "output_type_id", "value", "model_id"}
    assert not table.isna().any().any()
    assert set(table["output_type"]) == {"quantile"}
    assert set(table["model_id"]) == {"gotong-first"}
    assert not table.duplicated([*task, "output_type_id"]).any()
    groups = table.sort_values("output_type_id").groupby(task)
    coming = dengue.windows.due > np.datetime64(dengue.origin)
    assert dengue.late  # a place whose last months were not handed in: it has fewer horizons
    assert len(groups) == coming.sum() < dengue.windows.due.size
    [file] = (tmp_path / "model-output" / "gotong-first").iterdir()
    assert set(map(str, table["reference_date"])) == {file.name.removesuffix("-gotong-first.csv")}  # one round a file
    tasks = json.loads((tmp_path / "hub-config" / "tasks.json").read_text())["rounds"][0]["model_tasks"][0]["task_ids"]
    for name, allowed in tasks.items():
        values = table[name].map(str if name.endswith("date") else lambda value: value)
        assert set(values) <= {*(allowed["required"] or ()), *(allowed["optional"] or ())}, name
    for key, group in groups:
        assert tuple(group["output_type_id"]) == LEVELS
        assert (group["value"].diff().dropna() >= 0).all()
        assert (group["value"] >= 0).all()
        origin, end = (pd.Timestamp(key[at]) for at in (0, 3))
        assert (origin + pd.offsets.MonthEnd(key[2])) == end
    row = table[(table["location"] == dengue.place(0)) & (table["horizon"] == 2) & (table["output_type_id"] == 0.5)]
    assert row["value"].item() == pytest.approx(dengue.forecast[0, 1, 11], abs=5e-4)


# CHAP


def test_samples_are_read_as_chap_reads_them(dengue: Issued) -> None:
    table = pd.read_csv(StringIO(text("health", "chap", dengue)))
    columns = [f"sample_{number}" for number in range(200)]
    assert list(table.columns) == ["time_period", "location", *columns]
    assert len(table) == len(dengue.windows) * 3
    for location, group in table.groupby("location"):
        months = pd.PeriodIndex(group["time_period"], freq="M")
        assert (months == pd.period_range(months[0], periods=3, freq="M")).all()
        assert str(months[0] - 1) == dengue.late.get(str(location), dengue.origin)
        row = next(row for row in range(len(dengue.windows)) if dengue.place(row) == location)
        inner = slice(3, -3)  # .1 to .9: further out 200 samples say little
        sampled = np.quantile(group[columns].to_numpy(), LEVELS[inner], axis=1).T
        np.testing.assert_allclose(np.log1p(sampled), np.log1p(dengue.forecast[row][:, inner]), atol=0.15)


def test_samples_depend_on_the_seed_and_their_own_place_alone(dengue: Issued) -> None:
    last = len(dengue.windows) - 1

    def of_last(issued: Issued) -> list[str]:
        return [line for line in text("health", "chap", issued).splitlines() if f",{dengue.place(last)}," in line]

    alone = replace(dengue, windows=dengue.windows.take(np.array([last])), forecast=dengue.forecast[last:])
    assert len(of_last(dengue)) == 3
    assert of_last(alone) == of_last(dengue)
    assert of_last(replace(dengue, seed=2)) != of_last(dengue)


# CAP


def test_an_alert_is_one_by_the_standard_and_names_who_is_to_be_warned(drought: Issued) -> None:
    warned = text("disaster", "cap", drought)
    assert problems(warned) == []
    alert = ET.fromstring(warned)
    assert alert.findtext(f"{SPACE}status") == "Exercise"
    assert alert.findtext(f"{SPACE}sent") == "2017-01-01T02:30:00-00:00"
    areas = {
        (info.findtext(f"{SPACE}onset", "")[:7], code.findtext(f"{SPACE}value"))
        for info in alert.iter(f"{SPACE}info")
        for code in info.iter(f"{SPACE}geocode")
    }
    at = np.argwhere(drought.forecast[..., 0] >= drought.cost_loss)
    assert areas == {(str(drought.windows.due[row, h]), drought.place(row)) for row, h in at}
    assert 0 < len(areas) < drought.forecast.size
    assert warned.count("<polygon>") == len(areas)


def test_likely_is_said_of_more_than_half_alone(drought: Issued) -> None:
    chance = np.full_like(drought.forecast, 0.1)
    chance[0, 0], chance[1, 0] = 0.5, 0.51
    alert = ET.fromstring(text("disaster", "cap", replace(drought, forecast=chance)))
    said = {
        info.findtext(f"{SPACE}certainty"): [code.text for code in info.iter(f"{SPACE}areaDesc")]
        for info in alert.iter(f"{SPACE}info")
    }
    assert said == {"Possible": [drought.place(0)], "Likely": [drought.place(1)]}


def test_an_outbreak_alert_names_provinces(dengue: Issued) -> None:
    many = replace(dengue, forecast=dengue.forecast * 20)
    warned = text("health", "cap", many)
    assert problems(warned) == []
    assert "Dengue outbreak" in warned
    assert "<polygon>" not in warned
    names = set(map(str, dengue.panel.static["name"]))
    assert set(re.findall("<areaDesc>(.*)</areaDesc>", warned)) <= names


def test_where_nobody_is_to_be_warned_there_is_no_alert(drought: Issued) -> None:
    product = DISASTER.products["cap"](replace(drought, forecast=np.full_like(drought.forecast, 0.11)))
    assert product.text is None
    assert product.summary == "no warning: the highest probability is 0.11, below cost_loss=0.2"


def test_an_alert_that_replaces_another_refers_to_it(drought: Issued) -> None:
    first = read_alert(text("disaster", "cap", drought))
    reference = f"met.example.org,first.VNM.{drought.origin}.20170101T023000,2017-01-01T02:30:00-00:00"
    later = replace(drought, replaces=first)
    for issued, kind in ((later, "Update"), (replace(later, cost_loss=0.999), "Cancel")):
        update = text("disaster", "cap", issued)
        assert problems(update) == []
        alert = ET.fromstring(update)
        assert alert.findtext(f"{SPACE}msgType") == kind
        assert alert.findtext(f"{SPACE}references") == reference
        assert (alert.find(f"{SPACE}info") is None) == (kind == "Cancel")


@pytest.mark.parametrize("other", ["", "<alert>", "<alert/>", "time_period,location", f"<a xmlns='{SPACE[1:-1]}'/>"])
def test_what_is_no_alert_cannot_be_replaced(other: str) -> None:
    with pytest.raises(DataError, match="give the alert that is replaced"):
        read_alert(other)


def test_where_no_outbreak_is_defined_that_is_said(dengue: Issued) -> None:
    assert dengue.windows.threshold is not None
    windows = replace(dense(dengue.windows), threshold=np.full_like(dengue.windows.threshold, np.nan))
    product = HEALTH.products["cap"](replace(dengue, windows=windows))
    assert product.text is None
    assert product.summary == "no warning: the records are too short to define a dengue outbreak"


@pytest.mark.parametrize("sender", ["", "met office", "a,b", "a<b", "a&b"])
def test_a_sender_the_standard_refuses_is_refused(drought: Issued, sender: str) -> None:
    with pytest.raises(SettingError, match="sender="):
        DISASTER.products["cap"](replace(drought, sender=sender))


def test_names_cannot_break_the_alert(dengue: Issued) -> None:
    panel = replace(dengue.panel, static={"name": np.array(["<a>&\x07'\"\u200f"] * len(dengue.panel.places), object)})
    warned = text("health", "cap", replace(dengue, panel=panel, forecast=dengue.forecast * 20))
    assert problems(warned) == []
    assert "&lt;a&gt;&amp;'\"" in warned


BROKEN = {
    "status is Sure": ("<status>Exercise", "<status>Sure"),
    "has 0 of msgType": ("<msgType>Alert</msgType>", ""),
    "in another order": ("<scope>Restricted</scope>", ""),
    "sent is": ("-00:00</sent>", "Z</sent>"),
    "goes with the scope": ("<scope>Restricted", "<scope>Public"),
    "refers to nothing": ("<msgType>Alert", "<msgType>Cancel"),
    "is not closed": ("</polygon>", " 1,1</polygon>"),
    "the root is": ("cap:1.2", "cap:1.1"),
    "holds colour": ("<onset>", "<colour>red</colour><onset>"),
}


@pytest.mark.parametrize(("mistake", "change"), BROKEN.items(), ids=BROKEN)
def test_the_check_of_the_standard_sees_what_is_wrong(drought: Issued, mistake: str, change: tuple[str, str]) -> None:
    warned = text("disaster", "cap", drought)
    assert change[0] in warned
    broken = warned.replace(*change)
    if mistake == "in another order":
        broken = broken.replace("<note>", "<scope>Restricted</scope><note>")
    assert any(mistake in problem for problem in problems(broken))


def test_cells_that_touch_are_one_group() -> None:
    centres = np.array([[100.5, 10.5], [105.5, 10.5], [101.5, 11.5], [102.5, 11.5], [105.5, 12.5]])
    groups = neighbours(centres)
    assert groups[0] == groups[2] == groups[3]
    assert len({groups[0], groups[1], groups[4]}) == 3
    assert neighbours(centres[:0]).shape == (0,)
    assert square(-75.5, -8.5) == "-9,-76 -9,-75 -8,-75 -8,-76 -9,-76"


# Tables


def test_the_table_of_probabilities_has_a_row_a_cell_and_month(drought: Issued) -> None:
    table = pd.read_csv(StringIO(text("disaster", "table", drought)))
    assert len(table) == drought.forecast.size
    assert not table.duplicated(["time_period", "location"]).any()
    assert table["probability"].between(0, 1).all()
    assert table["usual_probability"].between(0, 1).all()
    np.testing.assert_array_equal(table["warned"], table["probability"] >= drought.cost_loss)
    np.testing.assert_allclose(table["probability"], drought.forecast[..., 0].ravel(), atol=5e-5)
    # before training the model says the climatology
    np.testing.assert_allclose(table["probability"], table["usual_probability"], atol=2e-4)


def test_the_table_of_yields_has_expected_trend_and_shortfall(harvests: Issued) -> None:
    table = pd.read_csv(StringIO(text("agriculture", "table", harvests)))
    assert len(table) == len(harvests.windows)
    assert not table.duplicated(["crop_name", "adm_id"]).any()
    assert set(table["country_code"]) == {"VNM"}
    assert set(table["harvest_year"]) == {int(str(harvests.panel.periods[-1])[:4])}
    quantiles = table[[f"q{level:g}" for level in LEVELS]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert ((quantiles[:, 0] <= table["expected"]) & (table["expected"] <= quantiles[:, -1])).all()
    short = 0.9 * table["trend"]
    below = (quantiles < short.to_numpy()[:, None]).sum(axis=1)  # levels that lie under nine tenths of the trend
    lower = np.array([0.0, *LEVELS])[below]
    upper = np.array([*LEVELS, 1.0])[below]
    chance = table["shortfall_probability"]
    assert ((lower - 2e-3 <= chance) & (chance <= upper + 2e-3)).all()
    np.testing.assert_array_equal(table["warned"], chance >= harvests.cost_loss)
