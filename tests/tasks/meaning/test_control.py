"""Sums that a country declared: its files must agree with them, and what they do not hold is said."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.files.check import check, unseen
from tasks.files.load import load, read_table
from tasks.meaning.control import NAME
from tasks.meaning.history import far, tenfold
from tasks.meaning.look import records_of
from tasks.meaning.records import Records
from tasks.registry import TABLES
from tests.tasks.meaning.files import SOUND, Edit, Row, change, every, put, running, times, written

HEALTH, DISASTER, PRICES = "health.csv", "disaster.csv", "prices.csv"


def summed(name: str, column: str, **of: str) -> Decimal:
    """Of the sound file's rows whose text begins so."""
    rows = SOUND[name]()
    return sum(
        (Decimal(row[column]) for row in rows if all(row[key].startswith(v) for key, v in of.items())), Decimal()
    )


def declare(folder: Path, *totals: dict[str, object]) -> None:
    """`totals.toml` in Thailand's folder."""
    lines = ["\n".join(["[[total]]", *(f"{key} = {_toml(each[key])}" for key in each)]) for each in totals]
    (folder / "THA").mkdir(exist_ok=True)
    (folder / "THA" / NAME).write_text("\n\n".join(lines), encoding="utf-8")


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def total(name: str, column: str, sum_: object, **more: object) -> dict[str, object]:
    return {"file": name, "column": column, **more, "sum": sum_, "source": "yearbook, table 4"}


CASES: dict[str, tuple[str, str, Edit, dict[str, object], int]] = {
    # name: (file, column, fault, what the sum is of, the first row of that)
    "a value": (HEALTH, "disease_cases", change(20, "disease_cases", times(10, 0)), {"year": 2001}, 14),
    "a small one": (HEALTH, "disease_cases", put(20, "disease_cases", "61"), {"year": 2001, "place": "TH-10"}, 14),
    "a place": (HEALTH, "disease_cases", every("disease_cases", times(0.1, 0), 98, 193), {"place": "TH-50"}, 98),
    "a year": (DISASTER, "rainfall", every("rainfall", times(10, 1), 26, 37), {"year": 2002}, 26),
    "running": (HEALTH, "disease_cases", running(26), {"year": 2002}, 26),
    "zero": (HEALTH, "disease_cases", put(20, "disease_cases", "0"), {}, 2),
    "empty": (HEALTH, "rainfall", put(20, "rainfall", ""), {"year": 2001}, 14),
    "price": (PRICES, "price", change(3, "price", times(0.1)), {"place": "Bangkok"}, 2),
}


@pytest.mark.parametrize("case", CASES)
def test_a_sum_that_its_file_does_not_add_up_to_is_an_error(case: str, tmp_path: Path) -> None:
    name, column, edit, of, row = CASES[case]
    schema = TABLES[name].schema
    keys = {"year": next(key for key in schema.keys if schema.columns[key].kind != "text"), "place": str(schema.place)}
    declare(tmp_path, total(name, column, summed(name, column, **{keys[key]: str(of[key]) for key in of}), **of))
    assert check(written(tmp_path, name)) == []
    errors = [each for each in check(written(tmp_path, name, edit)) if each.kind == "control-total"]
    (error,) = errors
    assert (error.row, error.column, error.warning) == (row, column, False)
    assert "yearbook, table 4" in error.what
    assert ("1 of" in error.what) == (case == "empty")
    with pytest.raises(DataError, match="not to"):
        read_table(tmp_path / "THA" / name, schema)


def test_a_sum_is_compared_in_the_digits_it_is_written_in(tmp_path: Path) -> None:
    file, exact = written(tmp_path, DISASTER), summed(DISASTER, "rainfall", time_period="2002")
    assert exact != round(exact), "the sum has a decimal"
    for declared, agrees in (
        (exact, True),
        (round(exact), True),
        (exact + Decimal("0.1"), False),
        (round(exact) + 1, False),
    ):
        declare(tmp_path, total(DISASTER, "rainfall", declared, year=2002))
        assert (check(file) == []) is agrees, declared


def test_what_is_read_until_a_month_need_not_add_up_to_later_years(tmp_path: Path) -> None:
    file, schema = written(tmp_path, HEALTH), TABLES[HEALTH].schema
    declare(tmp_path, *(total(HEALTH, "disease_cases", 1, **of) for of in ({"year": 2002}, {"year": 2003}, {})))
    for month, years in (("2002-11", 0), ("2002-12", 1), ("2003-11", 1), ("2003-12", 2)):
        assert len([each for each in load(file, schema, 9, np.datetime64(month))[1] if not each.warning]) == years, (
            month
        )
    assert len([each for each in check(file) if not each.warning]) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[total]", "cannot be read"),
        ("total = " + "[" * 5000, "cannot be read"),
        ("total = " + "9" * 5000, "cannot be read"),
        ("total = 3", "no list of tables"),
        (f'[[total]]\nfile = "health.csv"\ncolumn = "c"\nsum = {"9" * 400}\nsource = "x"', "write a number"),
        ('[[totals]]\nfile = "health.csv"', "not totals"),
        (
            '[[total]]\nfile = "../THA/health.csv"\ncolumn = "c"\nsum = 1\nsource = "x"',
            "holds no file ../THA/health.csv",
        ),
        ('[[total]]\nfile = "health.csv"\ncolumn = "disease_cases"\nsource = "x"', "entry 1: sum is missing"),
        ('[[total]]\nfile = "healt.csv"\ncolumn = "disease_cases"\nsum = 1\nsource = "x"', "holds no file healt.csv"),
        ('[[total]]\nfile = "health.csv"\ncolumn = "c"\nsum = "12"\nsource = "x"', "sum is '12'; write a number"),
        ('[[total]]\nfile = "health.csv"\ncolumn = "c"\nsum = nan\nsource = "x"', "sum is NaN"),
        ('[[total]]\nfile = "health.csv"\ncolumn = "c"\nsum = 1\nsource = ""', "source is ''"),
        ('[[total]]\nfile = "health.csv"\ncolumn = "c"\nsum = 1\nyaer = 3\nsource = "x"', "'yaer' is none of"),
        (
            '[[total]]\nfile = "health.csv"\ncolumn = "c"\nsum = 1\nyear = 2001.5\nsource = "x"',
            "year is 2001.5; write a whole number",
        ),
    ],
)
def test_a_broken_entry_is_named(text: str, said: str, tmp_path: Path) -> None:
    file = written(tmp_path, HEALTH)
    (file.parent / NAME).write_text(text)
    with pytest.raises(DataError) as error:
        check(file)
    assert said in str(error.value)
    assert NAME in str(error.value)


@pytest.mark.parametrize(("of", "said"), [({"year": 1899}, "has no row in 1899"), ({"place": "TH-11"}, "and TH-11")])
def test_a_sum_of_nothing_is_an_error(of: dict[str, object], said: str, tmp_path: Path) -> None:
    file = written(tmp_path, HEALTH)
    declare(tmp_path, total(HEALTH, "disease_cases", 7, **of), total(HEALTH, "cases", 7), total(HEALTH, "location", 7))
    first, second, third = check(file)
    assert said in first.what
    assert {second.column, third.column} == {"cases", "location"}


def noisy(rows: list[Row]) -> None:
    """Counts in tens that vary so much that ten times as many is nothing unusual."""
    for row, size in zip(rows, np.random.default_rng(8).lognormal(0, 1.2, len(rows)), strict=True):
        row["disease_cases"] = f"{60 * size:.0f}0"


def test_what_cannot_be_seen_is_counted_until_a_sum_holds_it(tmp_path: Path) -> None:
    assert sum(each.unseen for each in unseen(written(tmp_path, HEALTH))) == 0
    two_years = written(tmp_path, HEALTH, lambda rows: rows.__setitem__(slice(None), rows[:24]))
    assert {each.column for each in unseen(two_years) if each.unseen == each.known} >= {"disease_cases", "rainfall"}
    file, schema = written(tmp_path, HEALTH, noisy), TABLES[HEALTH].schema
    table = load(file, schema, 9)[0]
    (column, either), *_ = tenfold(records_of(file, table, schema))
    cells = np.argwhere(either)[::9]
    found = [_found(records_of(file, table, schema), code, time) for code, time in cells]
    assert len(cells) > 5
    assert np.mean(found) < 0.1
    first, *_ = unseen(file)
    assert (first.column, first.known, first.unseen) == (column, len(table), either.sum())
    assert first.unseen > first.known / 10
    cases = table.groupby(table["time_period"].dt.year)["disease_cases"].sum()
    declare(tmp_path, *(total(HEALTH, column, int(value), year=int(str(year))) for year, value in cases.items()))
    assert next(unseen(file)).unseen == 0


def _found(records: Records, code: int, time: int) -> bool:
    """Whether `far` finds the value both at ten times and at a tenth of it."""
    row, column = records.at[code, time], "disease_cases"
    seen = []
    for factor in (10, 0.1):
        values = records.table[column].to_numpy(dtype=float, copy=True)
        values[row] *= factor
        table = records.table.assign(**{column: values})
        changed = Records(records.file, table, records.columns, records.place, records.period, records.series)
        seen.append(any(each.row == table.index[row] and each.column == column for each in far(changed)))
    return all(seen)
