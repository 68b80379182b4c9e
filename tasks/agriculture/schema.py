"""The two national files of the task: `agriculture.csv` (yields) and, if there is any, `agriculture_weather.csv`.

agriculture.csv, one row a crop, place and harvest year (the convention of CY-Bench, https://cybench.agml.org):

    crop_name       one of CROPS; `rice_2` is the second rice of a year
    country_code    ISO 3166-1 alpha-3
    adm_id          the country_code itself: a row of the whole country (view `national`);
                    anything else: a province or a cell (view `cells`); a 1-degree cell is `<latitude>_<longitude>` of
                    its centre with one decimal, such as 20.5_93.5 or -9.5_124.5
    harvest_year    the calendar year in which the harvest month falls
    yield           tonnes per hectare, empty if not reported
    planting_month  1 to 12, optional; one crop calendar for all years of a place; both months or neither
    harvest_month   1 to 12, optional; the season runs from the planting month to the harvest month, both included,
                    and may cross New Year; the same month twice is a season of 12 months that ends in it;
                    without months the season is the calendar year, 1 to 12
    area            hectares or a share of the cell, optional; not used by the forecast
    observed        optional, 1 or 0; 0 marks a value that the statistics carried forward from the year before:
                    neither learnt from nor scored

agriculture_weather.csv, one row a place and month; a place without rows of its own takes its country's:

    time_period       YYYY-MM
    adm_id            an adm_id of agriculture.csv, or the country code
    rainfall          mm a month (mm a day times the days of the month), may be empty, as the three below
    mean_temperature  deg C, mean of the month
    spei              standardised precipitation-evapotranspiration index of the month
    nino34            Nino 3.4 anomaly of the month in K (not ONI, whose centred mean looks ahead)
"""

import pandas as pd

from tasks.files.columns import Column
from tasks.files.load import ENOUGH
from tasks.files.rules import one_of, whole_number
from tasks.files.schema import Rule, TableSchema

YIELDS, WEATHER = "agriculture.csv", "agriculture_weather.csv"
# Crop -> ends of the mean that a country's yields in t/ha can have, well beyond those of any country;
# in another unit it is 10 times off or more.
TYPICAL = {
    "rice": (0.6, 15),
    "rice_2": (0.6, 15),
    "maize": (0.5, 15),
    "wheat": (0.2, 12),
    "barley": (0.3, 12),
    "soybeans": (0.2, 8),
    "beans": (0.15, 6),
    "peas": (0.15, 8),
    "potatoes": (2, 75),
    "cassava": (2, 75),
    "cocoa_beans": (0.1, 5),
    "bananas": (2, 90),
}
CROPS = tuple(TYPICAL)
SHORT = ("rice", "rice_2", "maize", "soybeans", "beans", "peas")  # sown and harvested within seven months, as a rule
VARIABLES = ("rainfall", "mean_temperature", "spei", "nino34")


def _part_of_a_month(column: str) -> Rule:
    remedy = "Write a whole number from 1 (January) to 12"
    return whole_number(column, what="is not a month of the year", remedy=remedy)


def _changing(column: str) -> Rule:
    def broken(rows: pd.DataFrame) -> pd.Series:
        place = rows.groupby(["crop_name", "adm_id"], sort=False)[column]
        return rows[column].notna() & (rows[column] != place.transform("first"))

    return Rule(
        columns=("crop_name", "adm_id", column),
        broken=broken,
        shown=column,
        what="is not the month of the earlier years of this crop and place",
        remedy="Write one crop calendar for all years of a place",
    )


def _in_another_unit(rows: pd.DataFrame) -> pd.Series:
    """The first row of every crop whose mean, of ENOUGH values or more, no country reaches."""
    crops = rows.groupby("crop_name", sort=False)["yield"]
    low, high = (rows["crop_name"].map({crop: ends[side] for crop, ends in TYPICAL.items()}) for side in (0, 1))
    mean = crops.transform("mean")
    odd = (crops.transform("count") >= ENOUGH) & ((mean < low) | (mean > high))
    return odd & ~rows["crop_name"].duplicated()


def _unheard_of(rows: pd.DataFrame) -> pd.Series:
    """Yields far from any country's mean; the first of a place whose mean is far from it, though less."""
    low, high = (rows["crop_name"].map({crop: ends[side] for crop, ends in TYPICAL.items()}) for side in (0, 1))
    series = rows.groupby(["crop_name", "adm_id"], sort=False)["yield"]
    mean, first = series.transform("mean"), ~rows.duplicated(["crop_name", "adm_id"])
    whole = first & (series.transform("count") >= ENOUGH) & ((mean < 0.75 * low) | (mean > 1.25 * high))
    return whole | (rows["yield"] < low / 5) | (rows["yield"] > 1.25 * high)


def _no_cell(rows: pd.DataFrame) -> pd.Series:
    """Ids of two numbers that are no latitude and longitude."""
    known = rows["adm_id"].drop_duplicates()
    numbers = known.str.extract(r"^([+-]?\d+(?:\.\d+)?)_([+-]?\d+(?:\.\d+)?)$").astype(float)
    broken = known.str.fullmatch(r"[-+\d._]*_[-+\d._]*") & numbers.isna().any(axis=1)
    bad = known[(numbers[0].abs() > 90) | (numbers[1].abs() > 180) | broken]
    return rows["adm_id"].isin(bad)


def _months(rows: pd.DataFrame) -> pd.Series:
    """How many months each row's season has, the first and the last included."""
    return (rows["harvest_month"] - rows["planting_month"]) % 12 + 1


_LONG = Rule(
    columns=("crop_name", "adm_id", "planting_month", "harvest_month"),
    broken=lambda rows: (
        rows["crop_name"].isin(SHORT)
        & (_months(rows).groupby(rows["crop_name"]).transform("median") > 7)
        & ~rows.duplicated("crop_name")
    ),
    shown="harvest_month",
    what="ends a season of eight months or more in most places, which this crop rarely takes",
    remedy="Check that planting and harvest month are not exchanged",
)
_UNHEARD_OF = Rule(
    columns=("crop_name", "adm_id", "yield"),
    broken=_unheard_of,
    shown="yield",
    what="is a yield of this crop that no country has",
    remedy="Write tonnes per hectare (kg/ha over 1000, hg/ha over 10000); accept it in accepted.toml if it is right",
)
_CELLS = Rule(
    columns=("adm_id",),
    broken=_no_cell,
    shown="adm_id",
    what="has no latitude of -90 to 90 before a longitude of -180 to 180",
    remedy="Write the latitude first: 14.5_100.5",
)
YIELD_SCHEMA = TableSchema(
    columns={
        "crop_name": Column(kind="text"),
        "country_code": Column(kind="text"),
        "adm_id": Column(kind="text"),
        "harvest_year": Column(kind="year"),
        "yield": Column(
            kind="number",
            empty=True,
            low=0,
            high=120,
            unit="t/ha (kg/ha over 1000, hg/ha over 10000)",
            history="log",
            offset=0.05,
            spread=0.2,
        ),
        "planting_month": Column(kind="number", required=False, empty=True, low=1, high=12),
        "harvest_month": Column(kind="number", required=False, empty=True, low=1, high=12),
        "area": Column(kind="number", required=False, empty=True, low=0),
        "observed": Column(kind="number", required=False, low=0, high=1, unit="1, or 0 for a carried-forward value"),
    },
    keys=("crop_name", "adm_id", "harvest_year"),
    place="adm_id",
    rules=(
        _CELLS,
        one_of("crop_name", CROPS, what="is no crop of this task", remedy=f"Write one of {', '.join(CROPS)}"),
        Rule(
            columns=("observed",),
            broken=lambda rows: ~rows["observed"].isin([0, 1]),
            shown="observed",
            what="is neither 1 nor 0",
            remedy="Write 1, or 0 for a value carried forward from the year before",
        ),
        Rule(
            columns=("planting_month", "harvest_month"),
            broken=lambda rows: rows["planting_month"].isna() != rows["harvest_month"].isna(),
            shown="harvest_month",
            what="stands without its planting month, or the other way round",
            remedy="Write both months or neither",
        ),
        Rule(
            columns=("crop_name", "yield"),
            broken=_in_another_unit,
            shown="crop_name",
            what="has a mean yield that no country reaches, so it looks like another unit",
            remedy="Write tonnes per hectare (kg/ha over 1000, hg/ha over 10000)",
        ),
        _part_of_a_month("planting_month"),
        _part_of_a_month("harvest_month"),
        _changing("planting_month"),
        _changing("harvest_month"),
    ),
    doubts={"long-season": _LONG, "unheard-of": _UNHEARD_OF},
)

WEATHER_SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="month"),
        "adm_id": Column(kind="text"),
        "rainfall": Column(
            kind="number",
            required=False,
            empty=True,
            low=0,
            high=4000,
            typical=(15, 800),
            unit="mm per month (mm a day times the days of the month)",
            history="log",
            offset=30,
            index="rainfall",
        ),
        "mean_temperature": Column(
            kind="number",
            required=False,
            empty=True,
            low=-10,
            high=45,
            typical=(5, 40),
            unit="deg C (kelvin - 273.15)",
            history="plain",
            index="temperature",
        ),
        "spei": Column(
            kind="number",
            required=False,
            empty=True,
            low=-6,
            high=6,
            unit="standard deviations",
            history="plain",
            index="spei",
        ),
        "nino34": Column(
            kind="number",
            required=False,
            empty=True,
            low=-6,
            high=6,
            unit="an anomaly in K",
            history="plain",
            shared=True,
            index="nino34",
        ),
    },
    keys=("adm_id", "time_period"),
    place="adm_id",
    rules=(_CELLS,),
)
