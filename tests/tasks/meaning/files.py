"""Small sound national files of every task, and single faults to put into them."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

Row = dict[str, str]
Edit = Callable[[list[Row]], None]
YEARS = range(2000, 2008)
SEASON = (40, 25, 30, 45, 90, 150, 220, 260, 240, 150, 80, 50)
PLACES = {"TH-10": 8.0, "TH-50": 3.0, "TH-83": 1.0, "TH-90": 2.0}


def health() -> list[Row]:
    """Four provinces in eight years, cases 25 to 2,500 a month."""
    noise = np.random.default_rng(1).uniform(0.8, 1.25, (4, 8, 12))
    return [
        {
            "time_period": f"{year}-{month:02d}",
            "location": place,
            "disease_cases": f"{SEASON[month - 1] * size * noise[p, y, month - 1]:.0f}",
            "population": f"{600_000 * size + 9_000 * y:.0f}",
            "rainfall": f"{SEASON[month - 1] * noise[p, -y, month - 1]:.1f}",
            "mean_temperature": f"{27 + 2 * np.sin(month / 2) + noise[p, y, -month]:.2f}",
        }
        for p, (place, size) in enumerate(PLACES.items())
        for y, year in enumerate(YEARS)
        for month in range(1, 13)
    ]


def disaster() -> list[Row]:
    """Two cells in eight years."""
    noise = np.random.default_rng(2).uniform(0.8, 1.25, (2, 8, 12))
    return [
        {
            "time_period": f"{year}-{month:02d}",
            "location": f"E10{c}.5N014.5",
            "longitude": f"10{c}.5",
            "latitude": "14.5",
            "rainfall": f"{SEASON[month - 1] * noise[c, y, month - 1]:.1f}",
            "flood": "0",
            "nino34": f"{np.sin(y + month / 6):.2f}",
        }
        for c in range(2)
        for y, year in enumerate(YEARS)
        for month in range(1, 13)
    ]


def agriculture() -> list[Row]:
    """Two cells and the nation in thirty harvests."""
    noise = np.random.default_rng(3).uniform(0.9, 1.1, (3, 30))
    return [
        {
            "crop_name": "rice",
            "country_code": "THA",
            "adm_id": place,
            "harvest_year": str(1981 + year),
            "yield": f"{(2 + year / 30) * noise[p, year]:.3f}",
        }
        for p, place in enumerate(("14.5_100.5", "15.5_100.5", "THA"))
        for year in range(30)
    ]


def prices() -> list[Row]:
    """Rice at two markets in five years, and oil at the first."""
    noise = np.random.default_rng(4).uniform(0.95, 1.05, (3, 60))
    return [
        {
            "time_period": f"{2010 + month // 12}-{month % 12 + 1:02d}",
            "market": market,
            "commodity": goods,
            "unit": "KG",
            "pricetype": "Retail",
            "currency": "THB",
            "price": f"{(20 + month / 6) * noise[m, month]:.2f}",
            "latitude": f"{14 + m % 2}.5",
            "longitude": "100.5",
        }
        for m, (market, goods) in enumerate((("Bangkok", "Rice"), ("Nan", "Rice"), ("Bangkok", "Oil")))
        for month in range(60)
    ]


SOUND: dict[str, Callable[[], list[Row]]] = {
    "health.csv": health,
    "disaster.csv": disaster,
    "agriculture.csv": agriculture,
    "prices.csv": prices,
}


def written(folder: Path, name: str, edit: Edit | None = None) -> Path:
    """The sound file, edited, in Thailand's folder."""
    rows = SOUND[name]()
    if edit is not None:
        edit(rows)
    file = folder / "THA" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


def put(row: int, column: str, value: str) -> Edit:
    """A value in a row as an editor counts it."""
    return lambda rows: rows[row - 2].update({column: value})


def change(row: int, column: str, how: Callable[[str], str]) -> Edit:
    """A value made of the one that stands there."""
    return lambda rows: rows[row - 2].update({column: how(rows[row - 2][column])})


def every(column: str, how: Callable[[str], str], first: int = 2, last: int = 10_000) -> Edit:
    """All values of a column in rows first to last."""

    def edit(rows: list[Row]) -> None:
        for row in rows[first - 2 : last - 1]:
            row[column] = how(row[column])

    return edit


def of_period(column: str, period: str, how: Callable[[str], str]) -> Edit:
    """A column of all places in one month."""

    def edit(rows: list[Row]) -> None:
        for row in rows:
            if row["time_period"] == period:
                row[column] = how(row[column])

    return edit


def times(factor: float, digits: int = 2) -> Callable[[str], str]:
    return lambda value: f"{float(value) * factor:.{digits}f}"


def total(name: str, places: tuple[str, ...] = tuple(PLACES), months: int = 10_000) -> Edit:
    """Rows of a further place with the sum of places, in the first months."""

    def edit(rows: list[Row]) -> None:
        parts = [[row for row in rows if row["location"] == place] for place in places]
        for each in list(zip(*parts, strict=True))[:months]:
            cases = sum(int(row["disease_cases"]) for row in each)
            rows.append({**each[0], "location": name, "disease_cases": str(cases), "population": ""})

    return edit


def running(first: int, missing: int = 0) -> Edit:
    """The counts of twelve rows cumulated, one of them left out if it is named."""

    def edit(rows: list[Row]) -> None:
        counted = 0
        for row in rows[first - 2 : first + 10]:
            counted += int(row["disease_cases"])
            row["disease_cases"] = str(counted)
        if missing:
            rows[missing - 2]["disease_cases"] = ""

    return edit


def moved(column: str, first: int, last: int, months: int) -> Edit:
    """A column of rows first to last shifted by months."""

    def edit(rows: list[Row]) -> None:
        values = [row[column] for row in rows[first - 2 : last - 1]]
        for row, value in zip(rows[first - 2 : last - 1], np.roll(values, months), strict=True):
            row[column] = str(value)

    return edit


def one_rain(rows: list[Row]) -> None:
    """The country's rain in every place, with another value in one row."""
    for row in rows:
        row["rainfall"] = f"{SEASON[int(row['time_period'][5:]) - 1] + int(row['time_period'][3])}"
    rows[40]["rainfall"] = "93.7"


def wet_and_dry(rows: list[Row]) -> None:
    """Six wet cells and six dry ones; the second of the wet ones, from row 98, in cm: as dry as the dry ones."""
    months = [row for row in rows if row["longitude"] == "100.5"]
    noise = np.random.default_rng(5).uniform(0.9, 1.1, (12, len(months)))
    dry = (102, *range(111, 117))
    rows[:] = [
        {
            **row,
            "location": f"E{cell}.5N014.5",
            "longitude": f"{cell}.5",
            "rainfall": f"{float(row['rainfall']) * (0.1 if cell in dry else 1) * noise[at, month]:.1f}",
        }
        for at, cell in enumerate((*range(101, 107), *range(111, 117)))
        for month, row in enumerate(months)
    ]
