"""prices.csv of every country that has market prices, and with it prices_world.csv."""

from collections.abc import Iterator

import pandas as pd

from tasks.errors import DataError
from tasks.importers.contract import National, PublicFiles, one, tally
from tasks.prices.schema import PRICES, PRICES_SCHEMA, SERIES, WORLD

FORECAST = "forecasts, by their flag"
NONE = "no price"
COPY = "copies of another row"
KEYS = ["country", "month", *SERIES]


def assemble(public: PublicFiles) -> Iterator[National]:
    """Both files of every country. Raises DataError for two prices of one series and month."""
    tables = public.get("wfp", ())
    if not tables:
        return
    rows = pd.concat([each.table.assign(file=str(each.file), row=each.table.index) for each in tables])
    rows = rows.reset_index(drop=True).assign(dropped="")
    _drop(rows, rows["priceflag"].str.contains("forecast"), FORECAST)
    _drop(rows, rows["price"].isna(), NONE)
    _refuse_rivals(rows)
    kept = rows[rows["dropped"] == ""]
    _drop(rows, kept.duplicated(KEYS).reindex(rows.index, fill_value=False), COPY)
    world = one(public, "pink_sheet")
    for country, own in rows.groupby("country", sort=True):
        used = own[own["dropped"] == ""]
        yield National(
            country=str(country),
            task="prices",
            name=PRICES,
            table=_written(used),
            sources=tuple(each.file for each in tables if str(each.file) in set(used["file"])),
            records=len(own),
            dropped=tally(own["dropped"]),
        )
        if world is not None and len(used):
            yield National(
                country=str(country),
                task="prices",
                name=WORLD,
                table=world.table,
                sources=(world.file,),
                records=len(world.table),
            )


def _drop(rows: pd.DataFrame, which: "pd.Series[bool]", reason: str) -> None:
    rows.loc[which & (rows["dropped"] == ""), "dropped"] = reason


def _refuse_rivals(rows: pd.DataFrame) -> None:
    kept = rows[rows["dropped"] == ""]
    first = kept.groupby(KEYS, dropna=False)[["price", "file", "row"]].transform("first")
    for at in kept.index[kept["price"] != first["price"]]:
        mine, other = kept.loc[at].to_dict(), first.loc[at].to_dict()
        raise DataError(
            f"{mine['file']}, row {mine['row']}, column 'price': {mine['price']:g} for {mine['commodity']!r} at "
            f"{mine['market']!r} in {mine['month']} is not the {other['price']:g} of {other['file']}, row "
            f"{other['row']}. Keep one."
        )


def _written(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of prices.csv; a market's place is the one of its last row."""
    rows = rows.sort_values([*SERIES, "month"], ignore_index=True).rename(columns={"month": "time_period"})
    table = rows[[name for name in PRICES_SCHEMA.columns if name in rows]]
    where = [name for name in ("admin1", "admin2", "latitude", "longitude") if name in table]
    last = table.sort_values("time_period", kind="stable").groupby("market")[where].last()
    return table.assign(**{name: table["market"].map(last[name]) for name in where})
