"""Weekly files: their years are those of the calendar, wherever the file begins, and their weeks end on one weekday."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.files.check import check
from tasks.files.load import read_table
from tasks.health_weekly.schema import SCHEMA

Counts = list[tuple[date, str, int]]
FIRST, WEEKS, PLACES = date(2004, 5, 9), 470, ("A", "B", "C", "D")


def sound() -> Counts:
    """Four places from May 2004 to May 2013, the places one after the other."""
    noise = np.random.default_rng(1)
    days = [FIRST + timedelta(weeks=week) for week in range(WEEKS)]
    level = [60 + 40 * np.sin(2 * np.pi * day.timetuple().tm_yday / 365) for day in days]
    return [(day, place, int(noise.poisson(mean))) for place in PLACES for day, mean in zip(days, level, strict=True)]


def written(folder: Path, rows: Counts) -> Path:
    file = folder / "LKA" / "health_weekly.csv"
    file.parent.mkdir()
    lines = [f"{day},{place},{count}" for day, place, count in rows]
    file.write_text("\n".join(["time_period,location,disease_cases", *lines]) + "\n")
    return file


def cumulated(rows: Counts) -> Counts:
    """Place B's counts of 2011 as a bulletin adds them up, whose first week ends on the second of January."""
    total, changed = 0, []
    for day, place, count in rows:
        if place == "B" and date(2011, 1, 2) <= day < date(2012, 1, 8):
            total = count if day in (date(2011, 1, 2), date(2012, 1, 1)) else total + count
            count = total
        changed.append((day, place, count))
    return changed


def tenths(rows: Counts) -> Counts:
    """Place B's counts of 2009 divided by ten."""
    return [(day, place, count // 10 if (day.year, place) == (2009, "B") else count) for day, place, count in rows]


@pytest.mark.parametrize(
    ("edit", "found"),
    [(lambda rows: rows, []), (cumulated, ("running-total", "2011-12-18")), (tenths, ("turn", "2009-01-04"))],
)
def test_a_year_is_one_of_the_calendar(tmp_path: Path, edit: Callable[[Counts], Counts], found: object) -> None:
    kinds = [(each.kind, each.period) for each in check(written(tmp_path, edit(sound()))) if each.place == "B"]
    assert kinds == found if not found else found in kinds, kinds


def test_a_week_that_ends_on_another_day_is_refused_by_the_check_as_by_a_run(tmp_path: Path) -> None:
    rows = sound()
    rows[99] = (rows[99][0] + timedelta(days=1), *rows[99][1:])
    file = written(tmp_path, rows)
    (problem,) = check(file)
    assert (problem.row, problem.column, problem.value, problem.warning) == (101, "time_period", "2006-04-03", False)
    with pytest.raises(DataError, match="row 101, column 'time_period': '2006-04-03' is another weekday"):
        read_table(file, SCHEMA)


def test_weather_exchanged_in_a_week_is_seen(tmp_path: Path) -> None:
    noise, rows = np.random.default_rng(2), []
    for day, place, count in sound():
        season = np.sin(2 * np.pi * day.timetuple().tm_yday / 365)
        rows.append(
            [str(day), place, str(count), f"{60 + 40 * season + noise.uniform(-15, 15):.1f}", f"{26 + season:.2f}"]
        )
    file = written(tmp_path, [])
    for exchanged, found in ((False, set()), (True, {("far", 500, "mean_temperature")})):
        if exchanged:
            rows[498][3:] = reversed(rows[498][3:])
        lines = ["time_period,location,disease_cases,rainfall,mean_temperature", *map(",".join, rows)]
        file.write_text("\n".join(lines) + "\n")
        assert {(each.kind, each.row, each.column) for each in check(file)} >= found, exchanged
        assert exchanged or check(file) == []
