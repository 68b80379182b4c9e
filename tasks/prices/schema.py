"""The national files of the prices task: `prices.csv`, a row a market, commodity and month, and `prices_world.csv`.

Columns are those of the World Food Programme's price data (https://data.humdata.org/organization/wfp, CC BY IGO).
Prices stand in local currency: conversions with one rate for all years are no record of a market.
"""

from tasks.files.columns import Column
from tasks.files.schema import TableSchema

PRICES, WORLD = "prices.csv", "prices_world.csv"
SERIES = ("market", "commodity", "unit", "pricetype", "currency")  # what names a series of prices

_TEXT = Column(kind="text", required=False, empty=True)

PRICES_SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="month"),
        **{name: Column(kind="text") for name in SERIES},
        "price": Column(
            kind="number",
            empty=True,
            low=0,
            high=1e9,
            unit="the price of one unit in the currency of the row",
            history="log",
            offset=0.01,
            spread=0.2,
            yearly=4,
        ),
        "category": _TEXT,
        "admin1": _TEXT,
        "admin2": _TEXT,
        "latitude": Column(kind="number", required=False, empty=True, low=-90, high=90, unit="degrees north"),
        "longitude": Column(kind="number", required=False, empty=True, low=-180, high=180, unit="degrees east"),
    },
    keys=("time_period", *SERIES),
    place="market",
)
WORLD_SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="month"),
        "commodity": Column(kind="text"),
        "price": Column(
            kind="number",
            low=0,
            high=1e6,
            unit="US dollars, of the unit of its source",
            history="log",
            comparable=False,
        ),
    },
    keys=("time_period", "commodity"),
    place="commodity",
)
