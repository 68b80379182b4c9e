"""Every problem of national files, and templates that begin one."""

import csv
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.files.check import check, country_of, national_files
from tasks.files.load import problems
from tasks.files.template import write_template
from tasks.registry import TABLES, TASKS

NAMES = list(TABLES)


def sound(name: str, folder: Path, rows: int = 30) -> Path:
    """A national file of Thailand: the example of the template in as many months or years."""
    table = TABLES[name]
    columns = list(table.schema.columns)
    fields = dict(zip(columns, table.example.split(","), strict=True))
    lines = []
    for number in range(rows):
        row = dict(fields)
        for column in VARIED.keys() & row.keys() if number % 2 else ():  # amounts vary
            text = fields[column]
            row[column] = f"{float(text) + VARIED[column]:.{len(text.partition('.')[2])}f}"
        if name.startswith("health_weekly"):
            row["time_period"] = str(date(2000, 1, 1) + timedelta(weeks=number))
        elif "time_period" in row:
            row["time_period"] = f"{2000 + number // 12}-{number % 12 + 1:02d}"
        elif "date" in row:
            row["date"] = f"2000-01-{number + 1:02d}"
        elif name == "river_gauges.csv":
            row["gauge_id"] = str(2000 + number)
        else:
            row["harvest_year"] = str(1980 + number)
        lines.append(",".join(row.values()))
    file = folder / "THA" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([",".join(columns), *lines]) + "\n")
    return file


def changed(file: Path, column: str, row: int, value: str) -> None:
    """Write a value into a row as an editor counts it; row 0 changes all."""
    head, *rows = file.read_text(encoding="utf-8").splitlines()
    at = head.split(",").index(column)
    for number, line in enumerate(rows):
        if row in (0, number + 2):
            fields = line.split(",")
            fields[at] = value
            rows[number] = ",".join(fields)
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


VARIED = {"disease_cases": 40, "rainfall": 9, "national_rainfall": 9, "yield": 0.3, "price": 7}
MEASURED = {
    "health.csv": "rainfall",
    "health_weekly.csv": "rainfall",
    "health_weekly_reports.csv": "disease_cases",
    "disaster.csv": "rainfall",
    "agriculture.csv": "yield",
    "agriculture_weather.csv": "rainfall",
    "river.csv": "streamflow",
    "river_gauges.csv": "area",
    "prices.csv": "price",
    "prices_world.csv": "price",
}
PERIODS = {"agriculture.csv": "harvest_year", "river.csv": "date", "river_gauges.csv": "gauge_id"}


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_template_is_sound(tmp_path: Path, name: str) -> None:
    assert check(sound(name, tmp_path)) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_has_file_row_column_value_and_remedy(tmp_path: Path, name: str) -> None:
    file = sound(name, tmp_path)
    column = MEASURED[name]
    for row, value in ((4, "1 234"), (9, "many"), (20, "-")):
        changed(file, column, row, value)
    wrong = check(file)
    assert [(each.file, each.row, each.column, each.value) for each in wrong] == [
        (str(file), 4, column, "1 234"),
        (str(file), 9, column, "many"),
        (str(file), 20, column, "-"),
    ]
    assert "1234 without thousands separators" in wrong[0].remedy
    assert all(each.remedy for each in wrong)
    assert check(file, limit=2) == wrong[:2]


@pytest.mark.parametrize("name", NAMES)
def test_values_out_of_bounds_and_records_twice(tmp_path: Path, name: str) -> None:
    file = sound(name, tmp_path)
    changed(file, MEASURED[name], 7, "-5")
    period = PERIODS.get(name, "time_period")
    changed(
        file, period, 12, file.read_text().splitlines()[2].split(",")[list(TABLES[name].schema.columns).index(period)]
    )
    assert [each.row for each in check(file)] == [7, 12]


@pytest.mark.parametrize("name", [name for name in NAMES if MEASURED[name] == "rainfall"])
@pytest.mark.parametrize("factor", [30, 1000])
def test_another_unit(tmp_path: Path, name: str, factor: int) -> None:
    file = sound(name, tmp_path)
    changed(file, "rainfall", 0, str(100 * factor))
    assert "looks like another unit" in str(check(file)[0])


@pytest.mark.parametrize("name", sorted({*NAMES} - {"disaster.csv", "river_gauges.csv"}))  # coordinates; a list
def test_places_that_look_like_one(tmp_path: Path, name: str) -> None:
    file = sound(name, tmp_path)
    place = TABLES[name].place
    for row, value in ((5, "Đắk Lắk"), (6, "DAK LAK"), (7, "dak  lak")):
        changed(file, place, row, value)
    assert [(each.row, each.value) for each in check(file)] == [(6, "DAK LAK"), (7, "dak  lak")]


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("health.csv", "location", "VN-44"),
        ("health.csv", "location", "VNM"),
        ("agriculture.csv", "country_code", "VNM"),
        ("agriculture_weather.csv", "adm_id", "VNM"),
    ],
)
def test_two_countries_in_one_file(tmp_path: Path, name: str, column: str, value: str) -> None:
    file = sound(name, tmp_path)
    changed(file, column, 8, value)
    (wrong,) = check(file)
    assert (wrong.row, wrong.column, wrong.value, wrong.what) == (8, column, value, "is not of THA")


def test_files_are_found_at_every_depth(tmp_path: Path) -> None:
    file = sound("health.csv", tmp_path)
    sound("agriculture.csv", tmp_path)
    (tmp_path / "THA" / "notes.csv").write_text("a,b\n")
    (tmp_path / ".old").mkdir()
    (tmp_path / ".old" / "health.csv").write_text("a,b\n")
    assert len(national_files(tmp_path)) == len(national_files(tmp_path / "THA")) == 2
    assert national_files(file) == [file]
    assert country_of(file) == "THA"
    assert country_of(tmp_path / "Thailand" / "health.csv") is None
    for wrong in (tmp_path / "none", tmp_path / ".old" / "deeper", tmp_path / "THA" / "notes.csv"):
        with pytest.raises(DataError, match=r"national files are COUNTRY/health\.csv"):
            national_files(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_explained(name: str) -> None:
    table = TABLES[name]
    assert list(table.meaning) == list(table.schema.columns)
    assert len(table.example.split(",")) == len(table.schema.columns)
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    (mine,) = [each for each in section if each.startswith(f"`{name}`")]
    assert [column for column in table.schema.columns if f"| `{column}` |" not in mine] == []


def test_every_task_has_its_file() -> None:
    assert [task.file in task.tables for task in TASKS.values()] == [True] * len(TASKS)


@pytest.mark.parametrize("name", [name for task in TASKS.values() for name in task.tables])
def test_a_template_is_a_header_and_a_page(tmp_path: Path, name: str) -> None:
    task = next(task.name for task in TASKS.values() if name in task.tables)
    written = write_template(task, tmp_path / "new" / name)
    assert written == [tmp_path / "new" / name, (tmp_path / "new" / name).with_suffix(".README.md")]
    with written[0].open(newline="") as file:
        assert list(csv.reader(file)) == [list(TABLES[name].schema.columns)]
    assert [each.what for each in problems(written[0], TABLES[name].schema)] == ["has a header but no row"]
    page = written[1].read_text()
    assert all(f"| `{column}` |" in page and text in page for column, text in TABLES[name].meaning.items())
    with pytest.raises(DataError, match="exists and stays"):
        write_template(task, tmp_path / "new" / name)


def test_a_folder_gets_all_files_of_a_task(tmp_path: Path) -> None:
    written = write_template("agriculture", tmp_path / "THA")
    assert [path.name for path in written if path.suffix == ".csv"] == ["agriculture.csv", "agriculture_weather.csv"]
