"""Products by the week against readers that are not ours: a hub v6 and its target data, CHAP, the CAP standard."""

from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hubdata import connect_hub, connect_target_data
from hubdata.create_target_data_schema import TargetType

from tasks.evaluation.levels import LEVELS
from tasks.products.forecast import Issued
from tasks.registry import TASKS
from tests.tasks.products.cap_standard import SPACE, problems
from tests.tasks.products.forecasting import issue

WEEKLY = TASKS["health_weekly"]


@pytest.fixture(scope="module")
def dengue(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(WEEKLY, tmp_path_factory.mktemp("weeks"))


def text(form: str, issued: Issued) -> str:
    product = WEEKLY.products[form](issued)
    assert product.text is not None
    return product.text


def test_a_hub_reads_the_forecast_and_what_was_observed(dengue: Issued, tmp_path: Path) -> None:
    files = {
        "hub-config/tasks.json": "hubverse_tasks",
        "hub-config/target-data.json": "hubverse_target_data",
        "target-data/time-series.csv": "hubverse_time_series",
        f"model-output/gotong-first/{dengue.origin}-gotong-first.csv": "hubverse",
    }
    for name, form in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text(form, dengue))
    (tmp_path / "hub-config" / "admin.json").write_text('{"file_format": ["csv"], "model_output_dir": "model-output"}')
    table = connect_hub(str(tmp_path)).to_table().to_pandas()
    assert sorted(set(table["horizon"])) == [1, 2, 4, 8]
    assert sorted(set(table["output_type_id"])) == list(LEVELS)
    ahead = pd.to_datetime(table["target_end_date"]) - pd.to_datetime(table["reference_date"])
    assert (ahead.dt.days == 7 * table["horizon"]).all()
    observed = connect_target_data(str(tmp_path), TargetType.TIME_SERIES).get_dataset().to_table().to_pandas()
    assert len(observed) == np.isfinite(dengue.panel.target).sum()
    assert observed["observation"].sum() == np.nansum(dengue.panel.target)
    assert not observed.duplicated(["target_end_date", "target", "location"]).any()
    assert set(observed["target"]) == set(table["target"]) == {"weekly inc dengue case"}
    assert set(map(str, observed["as_of"])) == {str(dengue.as_of)}


def test_weeks_are_written_as_chap_writes_them(dengue: Issued) -> None:
    table = pd.read_csv(StringIO(text("chap", dengue)))
    weeks = [tuple(map(date.fromisoformat, each.split("/"))) for each in table["time_period"]]
    assert {last - first for first, last in weeks} == {timedelta(days=6)}
    assert {str(last) for _, last in weeks} == {str(due) for due in dengue.windows.due.ravel()}
    assert table.shape == (4 * len(dengue.windows), 2 + 200)


def test_an_alert_speaks_of_the_days_of_its_week(dengue: Issued) -> None:
    many = WEEKLY.products["cap"](Issued(**{**vars(dengue), "forecast": dengue.forecast * 30}))
    assert many.text is not None
    assert problems(many.text) == []
    spans = {
        (info.findtext(f"{SPACE}onset", "")[:10], info.findtext(f"{SPACE}expires", "")[:10])
        for info in ET.fromstring(many.text).iter(f"{SPACE}info")
    }
    lengths = {date.fromisoformat(end) - date.fromisoformat(begin) for begin, end in spans}
    assert lengths == {timedelta(days=7)}
    assert "records until" in many.text
    assert "week" in many.text
