"""The national files of the prices task, in a clerk's words."""

from tasks.files.table import MONTH, NationalTable
from tasks.prices.schema import PRICES, PRICES_SCHEMA, WORLD, WORLD_SCHEMA

TABLES = {
    PRICES: NationalTable(
        title="Food prices, one row a market, commodity and month",
        schema=PRICES_SCHEMA,
        place="market",
        meaning={
            "time_period": MONTH,
            "market": "name of the market, one spelling throughout",
            "commodity": "what is sold, with its quality: Rice (glutinous, unmilled)",
            "unit": "of which the price is: KG, L, 1.6 KG, Day",
            "pricetype": "Retail, Wholesale or Farm Gate",
            "currency": "ISO 4217 code of the local currency: LAK",
            "price": "in that currency, as it was seen; empty if nobody collected it; no forecast, no conversion",
            "category": "group of the commodity",
            "admin1": "province of the market",
            "admin2": "district of the market",
            "latitude": "of the market, degrees north",
            "longitude": "of the market, degrees east",
        },
        example="2004-12,Pakse,Rice (ordinary),KG,Retail,LAK,6500,cereals and tubers,Champasack,Pakse,15.12,105.8",
    ),
    WORLD: NationalTable(
        title="World prices, the same in every country, one row a commodity and month",
        schema=WORLD_SCHEMA,
        place="commodity",
        meaning={
            "time_period": MONTH,
            "commodity": "name of the series: rice_thai5, crude, maize",
            "price": "US dollars, of the unit of its source",
        },
        example="2004-12,rice_thai5,276.2",
    ),
}
