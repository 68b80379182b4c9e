"""World prices of commodities by month: the World Bank's pink sheet, a column a commodity, as CSV or its own workbook.

Source: https://www.worldbank.org/en/research/commodity-markets, CC BY 4.0.
"""

import re
from pathlib import Path

import pandas as pd

from tasks.errors import DataError
from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.reading import header
from tasks.files.schema import TableSchema
from tasks.importers.contract import Format, Public
from tasks.sheets.sheet import WORKBOOKS, Sheet, ending_of, sheets

KNOWN = frozenset(("rice_thai5", "rice_viet5", "maize", "wheat", "crude", "palm_oil", "sugar", "soybeans"))
ENOUGH = 3  # of these, by which the table is known
SHEET = "monthly prices"  # of CMO-Historical-Data-Monthly.xlsx
TITLES = {  # of its columns -> names of series
    "crude oil, average": "crude",
    "maize": "maize",
    "palm oil": "palm_oil",
    "rice, thai 5%": "rice_thai5",
    "rice, thai 25%": "rice_thai25",
    "rice, viet namese 5%": "rice_viet5",
    "soybean oil": "soybean_oil",
    "soybeans": "soybeans",
    "sugar, world": "sugar",
    "urea": "urea",
    "wheat, us hrw": "wheat",
}
MONTH = re.compile(r"(\d{4})M(0[1-9]|1[0-2])")
MISSING = ("", "…", "...", "..")


def is_workbook(path: Path) -> bool:
    """Whether a file is called as the World Bank calls its workbook of monthly prices."""
    return ending_of(path) in WORKBOOKS and path.name.lower().startswith("cmo-historical-data-monthly")


def read_workbook(path: Path) -> Public:
    """The series of `TITLES` in the workbook's sheet of monthly prices, as `_read` gives them. Raises DataError."""
    sheet = next((each for each in sheets(path) if each.name.strip().lower() == SHEET), None)
    if sheet is None:
        raise DataError(
            f"{path} has no sheet {SHEET.title()!r}; take CMO-Historical-Data-Monthly.xlsx as it was downloaded"
        )
    titles = next((row for row in sheet.rows if len(set(map(_title, row)) & set(TITLES)) >= ENOUGH), None)
    if titles is None:
        raise DataError(f"{path}, sheet {sheet.name}: no row names {', '.join(list(TITLES)[:4])} and so on")
    names = {at: TITLES[_title(text)] for at, text in enumerate(titles) if _title(text) in TITLES}
    rows = [
        (f"{month[1]}-{month[2]}", name, price)
        for number, row in enumerate(sheet.rows, 1)
        if (month := MONTH.fullmatch(str(row[0]).strip()))
        for at, name in names.items()
        if (price := _price(sheet, number, name, row[at])) is not None
    ]
    table = pd.DataFrame(rows, columns=["time_period", "commodity", "price"])
    return Public(file=path, table=table.sort_values(["commodity", "time_period"], ignore_index=True))


def _title(cell: object) -> str:
    return str(cell).replace("*", "").strip().lower()


def _price(sheet: Sheet, row: int, name: str, cell: object) -> float | None:
    text = str(cell).strip()
    if text in MISSING:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?([eE][+-]?\d+)?", text):
        raise DataError(f"{sheet.file}, sheet {sheet.name}, row {row}, {name}: {text!r} is no price; leave it empty")
    return float(text)


def _read(path: Path) -> Public:
    """time_period (text), commodity, price: a row a price that is there. Raises DataError."""
    prices = {name: Column(kind="number", empty=True, low=0) for name in header(path) if name != "month"}
    table = read_table(path, TableSchema(columns={"month": Column(kind="month"), **prices}, keys=("month",)))
    long = table.melt(id_vars="month", var_name="commodity", value_name="price").dropna(subset="price")
    months = long["month"].dt.strftime("%Y-%m")
    long = pd.DataFrame({"time_period": months, "commodity": long["commodity"], "price": long["price"]})
    return Public(file=path, table=long.sort_values(["commodity", "time_period"], ignore_index=True))


FORMAT = Format(
    title="World Bank pink sheet",
    recognises=lambda columns: "month" in columns and len(KNOWN & columns) >= ENOUGH,
    read=_read,
    why_unused="it goes with market prices, and there are none",
)
