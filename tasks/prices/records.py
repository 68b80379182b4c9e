"""National file -> Panel of the price task."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data import Array, Panel
from tasks.errors import DataError
from tasks.files.grid import grid
from tasks.files.load import read_table
from tasks.prices.schema import PRICES, PRICES_SCHEMA, SERIES
from tasks.prices.settings import PricesSettings
from tasks.windows import lagged

log = logging.getLogger(__name__)
NON_FOOD = "non-food"  # the category of wages, fuel and the like
SLIP, MONTHS, LEAST = 3.0, 12, 3  # times the median of a year's prices, of at least so many, that no price is
NAMED = 3  # slips that the log names


def read_panel(folder: Path, country: str, _: PricesSettings, until: np.datetime64 | None = None) -> Panel:
    """Prices of food (P, T) in the currency and unit of each series, whose id is its five names.

    A price that is more than three times the median of the twelve months before it, or less than a third, is taken for
    a slip: unknown, and named in the log. What is compared with lies before it, so that no forecast knows a correction
    that came later. Rows of the category `non-food` are left out.
    static: `group` (P,), the same number where commodity, unit, price type and currency are the same.
    until: the last month that is read. Raises DataError.
    """
    file = folder / PRICES
    table = read_table(file, PRICES_SCHEMA, until)
    if "category" in table:
        table = table[table["category"].fillna("") != NON_FOOD]
    if table.empty:
        raise DataError(f"{file}: holds no price of food. Write rows of a category other than {NON_FOOD!r}.")
    named = table.assign(series=table[list(SERIES)].agg("/".join, axis=1))
    cells = grid(named, ("price",), file=file, place="series")
    prices = np.where(cells.values["price"] > 0, cells.values["price"], np.nan)
    slips = slipped(prices)
    _log(file, cells.places, cells.periods, slips)
    return Panel(
        country=country,
        periods=cells.periods,
        places=cells.places,
        target=np.where(slips, np.nan, prices),
        static={"group": _groups(named, cells.places)},
    )


def slipped(prices: Array) -> Array:
    """(P, T) True where a price is far from the median of the months before it."""
    before = lagged(prices, range(1, MONTHS + 1))
    known = np.isfinite(before).sum(axis=-1)
    middle = np.nanmedian(np.where(known[..., None] > 0, before, 1.0), axis=-1)
    far = np.abs(np.log(prices) - np.log(middle)) > np.log(SLIP)
    return np.asarray(far & (known >= LEAST))


def _groups(table: pd.DataFrame, places: tuple[str, ...]) -> Array:
    first = table.drop_duplicates("series").set_index("series").reindex(list(places))
    return np.asarray(first.groupby(list(SERIES[1:]), sort=True).ngroup().to_numpy(), np.int64)


def _log(file: Path, places: tuple[str, ...], periods: Array, slips: Array) -> None:
    found = [f"{places[place]} {periods[at]}" for place, at in np.argwhere(slips)]
    if found:
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        log.warning(
            "%s: taken for slips and left out, more than %g times or less than 1/%g of the year before: %s%s",
            *(file, SLIP, SLIP, ", ".join(found[:NAMED]), more),
        )
