"""Market prices of the World Food Programme, in the layout of a country's file on HDX or cut to several countries.

A country's file does not name its country; its name does (wfp_food_prices_lao.csv). `usdprice` is not read: it converts
all years at one rate. Rows flagged `forecast` are no records of a market. Later editions repeat months of earlier ones.
Source: https://data.humdata.org/organization/wfp, CC BY IGO.
"""

import re
from pathlib import Path

from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.reading import header, stem_of
from tasks.files.rules import one_of
from tasks.files.schema import TableSchema
from tasks.importers.contract import Format, Public
from tasks.places.countries import CODES
from tasks.prices.schema import PRICES_SCHEMA, SERIES

NEEDED = frozenset(("date", *SERIES, "priceflag", "price", "usdprice"))
_OTHER = Column(kind="text", empty=True)


def _read(path: Path) -> Public | None:
    """country, month, the columns of prices.csv and priceflag; None where nothing says whose prices they are.

    Raises DataError.
    """
    names = header(path)
    named = re.search(r"(?:^|_)([a-z]{3})(?:$|[_.])", stem_of(path).lower().removeprefix("wfp_food_prices"))
    code = named[1].upper() if named and named[1].upper() in CODES else ""
    if "iso3" not in names and not code:
        return None
    wanted = {**PRICES_SCHEMA.columns, "date": Column(kind="date"), "iso3": Column(kind="text")}
    wanted |= {"priceflag": Column(kind="text")}
    schema = TableSchema(
        columns={name: wanted.get(name, _OTHER) for name in names},
        keys=(),
        rules=(one_of("iso3", CODES, what="is no ISO 3166-1 alpha-3 country code", remedy="Write a code such as VNM"),),
    )
    table = read_table(path, schema)
    country = table.get("iso3", code)
    table = table.assign(country=country, month=table["date"].dt.strftime("%Y-%m"))
    return Public(file=path, table=table[[name for name in table if name in wanted or name in ("country", "month")]])


FORMAT = Format(
    title="WFP market prices",
    recognises=lambda columns: columns >= NEEDED,
    read=_read,
    why_unused="the name of a country's file must end in its code: wfp_food_prices_lao.csv",
)
