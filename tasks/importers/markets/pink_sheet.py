"""World prices of commodities by month: the World Bank's pink sheet, a column a commodity.

Source: https://www.worldbank.org/en/research/commodity-markets, CC BY 4.0.
"""

from pathlib import Path

import pandas as pd

from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.reading import header
from tasks.files.schema import TableSchema
from tasks.importers.contract import Format, Public

KNOWN = frozenset(("rice_thai5", "rice_viet5", "maize", "wheat", "crude", "palm_oil", "sugar", "soybeans"))
ENOUGH = 3  # of these, by which the table is known


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
