"""What goes wrong with files between a ministry's desk and here; each damage changes one public folder in place."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

from tests.tasks.importers.excerpts import CELLS, CHAP, DENGUE, FAO, FLOODS, RAIN, YIELDS, dengue, public_folder, write

MAIN = {"health": "chap.csv", "disaster": "cpc.csv", "agriculture": "fao.csv"}
VALUE = {"health": 5, "disaster": 4, "agriculture": 4}  # column of a measurement in the main file
DATE = {"health": 0, "disaster": 3, "agriculture": 3}  # column of a time


def folder_of(task: str, folder: Path) -> Path:
    """A sound public folder whose main file has enough rows to check its unit."""
    public_folder(folder)
    months = [(year, month) for year in (2000, 2001, 2002) for month in range(1, 13)]
    rows = {
        "health": [f"{y}-{m:02d},LA-AT,{m},100456,Attapeu,5.5,25.5,54.3" for y, m in months],
        "disaster": [f"100.5,14.5,{y},{m:02d},150.5" for y, m in months],
        "agriculture": [f"{n},Thailand,THA,{1961 + n},{2 + n / 50},0.5" for n in range(36)],
    }[task]
    write(folder / MAIN[task], {"health": CHAP, "disaster": RAIN, "agriculture": FAO}[task], rows)
    return folder


Damage = Callable[[str, Path], None]


def _rows(change: Callable[[str, list[str]], list[str]]) -> Damage:
    """Damage to the data rows of the main file, given the task and all of them."""

    def damage(task: str, folder: Path) -> None:
        file = folder / MAIN[task]
        head, *rows = file.read_text(encoding="utf-8").splitlines()
        write(file, head, change(task, rows))

    return damage


def _field(column: dict[str, int], change: Callable[[str], str], only: int | None = None) -> Damage:
    """Damage to one column, in one row (0 is the first) or in all."""

    def changed(task: str, rows: list[str]) -> list[str]:
        result = []
        for number, row in enumerate(rows):
            fields = row.split(",")
            if only in (None, number):
                fields[column[task]] = change(fields[column[task]])
            result.append(",".join(fields))
        return result

    return _rows(changed)


def _bytes(change: Callable[[bytes], bytes], ending: str = "") -> Damage:
    def damage(task: str, folder: Path) -> None:
        file = folder / MAIN[task]
        content = change(file.read_bytes())
        file.unlink()
        file.with_name(file.name + ending).write_bytes(content)

    return damage


def _other(name: str, header: str, *rows: str) -> Damage:
    def damage(_: str, folder: Path) -> None:
        write(folder / name, header, rows)

    return damage


def _copied(task: str, folder: Path) -> None:
    file = folder / MAIN[task]
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))


def flood(began: str, ended: str, *, country: str = "Thailand", area: str = "7000") -> str:
    """A row of the flood archive."""
    return f"1,0,{country},0,100.6,14.4,{area},{began},{ended},News,4,44,Heavy rain,1.0"


def _flood(row: str) -> Damage:
    return _other("floods.csv", FLOODS, row)


# name -> (damage, what the message says); every one is tried on all three tasks
EVERYWHERE: dict[str, tuple[Damage, str]] = {
    "utf-16": (_bytes(lambda content: content.decode().encode("utf-16")), "row 1: is UTF-16"),
    "latin-1 in the middle": (
        _bytes(lambda content: content.replace(b"\n", b"\n", 4)[:-30] + b"\xe9" + content[-30:]),
        r"row 3\d: is not UTF-8 \(byte 0xe9\)",
    ),
    "thousands separators": (_field(VALUE, lambda value: f"1,{value}", 3), r"row 5: has \d fields, the header has"),
    "quoted thousands": (_field(VALUE, lambda _: '"1 234,5"', 3), r"row 5: has|row 5.*'1 234,5' is not a number"),
    "words for numbers": (_field(VALUE, lambda _: "none", 3), r"row 5, column '.*': 'none' is not a number"),
    "infinity": (_field(VALUE, lambda _: "1e999", 3), r"row 5, column '.*"),
    "below zero": (_field(VALUE, lambda value: f"-{value}", 3), r"row 5, column '.*': '-"),
    "a time that never was": (_field(DATE, lambda value: value[:-2] + "77777", 3), r"row 5, column"),
    "the same record twice": (_rows(lambda _, rows: [*rows, rows[0]]), r"row 38.* is there twice, first in row 2 "),
    "a unit 10 times as large": (
        _field(VALUE, lambda value: str(float(value) * 10)),
        r"column '.*': has the mean .* looks like another unit",
    ),
    "a unit 1000 times as large": (
        _field(VALUE, lambda value: str(float(value) * 1000)),
        r"column '.*': has the mean .* looks like another unit",
    ),
    "an open quote": (_rows(lambda _, rows: [*rows[:3], '"' + rows[3], *rows[4:]]), r"row 5: (is not CSV|has)"),
    "a header alone": (_rows(lambda *_: []), "has a header but no row"),
    "nothing at all": (_bytes(lambda _: b""), "is empty"),
    "binary junk": (_bytes(lambda content: random.Random(1).randbytes(len(content) * 9)), "row 1: is not"),
    "truncated gzip": (_bytes(lambda content: gzip.compress(content)[:-40], ".gz"), "is no whole gzip file"),
    "gzip that is none": (_bytes(lambda content: content, ".gz"), "is no whole gzip file"),
    "two copies": (_copied, "exists more than once"),
}
ALONE: dict[str, list[tuple[str, Damage, str]]] = {
    "health": [
        (
            "two countries in one file",
            _field({"health": 1}, lambda _: "TH-10", 9),
            r"row 11, column 'location': 'TH-10' follows locations of LA",
        ),
        (
            "a province under two accents",
            _other(
                "opendengue.csv",
                DENGUE,
                dengue("VNM", "Đắk Lắk", "2000-01-01", "2000-01-31", 5),
                dengue("VNM", "DAK  LAK", "2000-01-01", "2000-01-31", 6),
            ),
            r"opendengue\.csv, row 3, column 'dengue_total': 6 for DAK LAK is not the 5",
        ),
        (
            "an id under two cases",
            _field({"health": 1}, lambda value: value.replace("AT", "at"), 9),
            r"'LA-at' and 'LA-AT' look like one place",
        ),
        (
            "a week of two weeks across the years",
            _other("opendengue.csv", DENGUE, dengue("KHM", "", "2011-12-25", "2012-01-07", 5, period="Week")),
            r"opendengue\.csv, row 2, column 'calendar_end_date': .*does not end the week",
        ),
        ("thousands of inhabitants", _field({"health": 3}, lambda _: "100", None), r"column 'population'"),
        ("a count over the year", _field({"health": 2}, lambda _: "40000", 9), r"row 11.*more than a tenth of the pop"),
        ("weeks for months", _field({"health": 0}, lambda _: "2001W10", 9), r"row 11.*'2001W10' is not a month"),
    ],
    "disaster": [
        ("swapped dates", _flood(flood("2000-02-10", "2000-01-10")), r"floods\.csv, row 2.*before the flood began"),
        ("days first", _flood(flood("10-02-2000", "2000-03-10")), r"floods\.csv, row 2.*'10-02-2000' is not a date"),
        ("a day that never was", _flood(flood("2001-02-29", "")), r"floods\.csv, row 2.*'2001-02-29' is not a date"),
        ("a country misspelt", _flood(flood("2000-02-10", "", country="Tailand")), r"floods\.csv, row 2.*'Thailand'"),
        ("an area below zero", _flood(flood("2000-02-10", "", area="-1")), r"floods\.csv, row 2, column 'Area'"),
        (
            "a cell of two countries",
            _other("cells.csv", CELLS, "100.5,14.5,Laos,1,1,1", "100.5,14.5,Thailand,1,1,1"),
            r"cells\.csv, row 3.*twice",
        ),
        ("no cell on this earth", _field({"disaster": 0}, lambda _: "1005", 3), r"row 5, column 'x'"),
    ],
    "agriculture": [
        (
            "a harvest between years",
            _other("gdhy.csv", YIELDS, "100.5,14.5,3.5,,2.5,,2000.5"),
            r"gdhy\.csv, row 2.*2000\.5",
        ),
        ("a yield of a planet", _other("gdhy.csv", YIELDS, "100.5,14.5,3500,,2.5,,2000"), r"gdhy\.csv, row 2.*'3500"),
        ("a year of two digits", _field({"agriculture": 3}, lambda _: "61", 3), r"row 5.*'61' is not a year"),
        (
            "two countries under one code",
            _rows(lambda _, rows: [*rows, "99,Siam,THA,1961,2.5,"]),
            r"row 38, column 'Code': 'THA' has this year under another name",
        ),
    ],
}


def three_gigabytes_of_zeros(task: str, folder: Path) -> None:
    """A sparse file, which takes no room on the disk."""
    with (folder / MAIN[task]).open("wb") as file:
        file.truncate(3 * 2**30)


def bomb_of_zeros(task: str, folder: Path) -> None:
    """3 GiB of zeros behind a sound header, 3 MB of gzip."""
    _bomb(task, folder, bytes(2**26))


def bomb_of_one_line(task: str, folder: Path) -> None:
    """3 GiB without a line's end."""
    _bomb(task, folder, b"9" * 2**26)


def bomb_of_rows(task: str, folder: Path) -> None:
    """3 GiB of sound-looking rows."""
    row = (folder / MAIN[task]).read_bytes().splitlines()[-1] + b"\n"
    _bomb(task, folder, row * (2**26 // len(row)))


def _bomb(task: str, folder: Path, block: bytes) -> None:
    """Gzip members may follow each other: one block, 48 times."""
    file = folder / MAIN[task]
    head = gzip.compress(file.read_bytes())
    packed = gzip.compress(block, 6)
    file.unlink()
    with file.with_name(file.name + ".gz").open("wb") as bomb:
        bomb.write(head)
        for _ in range(48):
            bomb.write(packed)


BOMBS: dict[str, Damage] = {
    "zeros": three_gigabytes_of_zeros,
    "packed zeros": bomb_of_zeros,
    "one line": bomb_of_one_line,
    "rows": bomb_of_rows,
}
