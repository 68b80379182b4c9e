"""What is not the fair score of the test says so wherever it is kept: in tables, in MLflow's words, on the screen."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from federation.errors import ConfigError
from federation.forecasting import ForecastRequest, issue
from federation.reporting.rows import EXCLUDED_PERIOD, PAIRED, RESULTS, read_json
from federation.runs.session import conduct
from federation.tracking import spool
from tasks.settings import UNALIGNED, Calendar
from tests.federation.federations import FOUR, ready, settings_of
from tests.federation.toy import ToySettings

pytestmark = pytest.mark.usefixtures("toy")
CALENDAR = Calendar()


def ran(folder: Path, calendar: Calendar, capsys: pytest.CaptureFixture[str]) -> tuple[Path, list[dict[str, Any]], str]:
    """The folder of a finished run, its tracked records, and what a person read."""
    prepared = ready(
        settings_of(folder, FOUR, task=ToySettings(calendar=calendar), arms=["federated", "local", "pooled"])
    )
    conduct(lambda: prepared)
    return (
        prepared.run.folder,
        [dict(each) for each in spool.read_all(prepared.run.folder / spool.NAME)],
        capsys.readouterr().out,
    )


def metrics(records: list[dict[str, Any]]) -> set[str]:
    """Groups of metrics."""
    return {name.split("/")[0] for each in records if each["do"] == "metrics" for name in each["values"]}


def test_a_fair_run_has_neither_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, records, printed = ran(tmp_path, CALENDAR, capsys)
    assert {row.part for row in read_json(folder / RESULTS)} == {"test", PAIRED}
    assert {row.country for row in read_json(folder / RESULTS) if row.part == PAIRED} == {*FOUR, "ASEAN"}
    assert metrics(records) == {"round", "validation", "test", "better_by", "cost", "system"}
    assert records[0]["tags"]["calendar"] == "one cut for all"
    assert UNALIGNED not in printed


def test_an_excluded_period_is_reported_separately(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, records, printed = ran(tmp_path, replace(CALENDAR, excluded_period=["2007-03", "2007-09"]), capsys)
    arms = {
        part: {row.arm for row in read_json(folder / RESULTS) if row.part == part} for part in ("test", EXCLUDED_PERIOD)
    }
    assert arms["test"] == arms[EXCLUDED_PERIOD] == {"federated", "local", "pooled", "zero", "oracle"}
    assert metrics(records) == {"round", "validation", "test", "excluded_period", "better_by", "cost", "system"}
    assert "until 2008-12, without 2007-03 to 2007-09" in " ".join(printed.split())
    assert "excluded period: 2007-03 to 2007-09" in " ".join(printed.split())


def test_an_unaligned_run_says_so_everywhere_and_makes_no_product(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, records, printed = ran(tmp_path, replace(CALENDAR, unaligned=True), capsys)
    assert {row.part for row in read_json(folder / RESULTS)} == {UNALIGNED}
    assert records[0]["tags"]["calendar"] == UNALIGNED
    assert metrics(records) == {"round", "validation", "unaligned", "cost", "system"}
    assert UNALIGNED in " ".join(printed.split())
    request = ForecastRequest(
        data=folder / "data",
        country="VNM",
        sent=datetime.now(UTC),
        sender="x",
        cost_loss=None,
        samples=1,
        seed=1,
    )
    with pytest.raises(ConfigError, match="forecast from a run of one cut"):
        issue(folder, request)
