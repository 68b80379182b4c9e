"""A small sheet, written as lines, and a mapping of one by weeks."""

from pathlib import Path

from tasks.mapping.mapping import Mapping
from tasks.sheets.sheet import Sheet

Lines = tuple[str, ...]
WEEKS = Mapping(
    task="health",
    country="THA",
    columns={"location": "Place", "disease_cases": "Cases"},
    year="Year",
    week="Week",
    weeks="iso",
)


def sheet(*lines: str) -> Sheet:
    rows = [line.split(";") for line in lines]
    width = max(map(len, rows))
    return Sheet(
        file=Path("bulletin.csv"), name="", rows=tuple(tuple(row) + ("",) * (width - len(row)) for row in rows)
    )
