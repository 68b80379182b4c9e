"""What cannot work is said before anything is trained: where the table goes, and records outside of the calendar."""

from pathlib import Path

import pytest

from federation.composition.compose import settings_of
from federation.errors import ConfigError
from federation.runs.session import Environment, conduct
from federation.runs.simulation import simulate
from tasks.errors import DataError
from tests.tasks.meaning.files import written


def prepared() -> Environment:
    raise AssertionError("it was prepared")


def test_a_table_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "deeper" / "results.json", Path("/dev/null")):
        with pytest.raises(ConfigError, match=f"out={out} "):
            conduct(prepared, str(out))
    with pytest.raises(AssertionError, match="it was prepared"):
        conduct(prepared, str(tmp_path / "new" / "results.json"))


def test_records_outside_of_the_calendar_name_their_periods_and_the_keys(tmp_path: Path) -> None:
    written(tmp_path / "data", "health.csv")
    words = ["region.countries=[THA]", "quorum=1", "rounds=1", "tracking=none", "name=a", f"runs={tmp_path / 'runs'}"]
    cuts = ["train_until=1995-12", "validate_until=1996-12", "test_until=1997-12"]
    settings = settings_of([*words, f"data={tmp_path / 'data'}", *(f"task.calendar.{cut}" for cut in cuts)])
    with pytest.raises(
        DataError,
        match=r"until=1995-12; on record are THA 2000-01 to 2007-12; these fit: .*test_until=2007-12, which",
    ):
        simulate(settings)
