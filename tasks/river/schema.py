"""The two national files of the river task: `river.csv`, a row a gauge and day, and `river_gauges.csv`, a row a gauge.

Units and names of attributes are those of CAMELS-CH (Hoege et al. 2023, https://doi.org/10.5194/essd-15-5755-2023);
streamflow is a depth of water over the catchment, so that gauges of all sizes are on one scale.
"""

import pandas as pd

from tasks.files.columns import Column
from tasks.files.schema import Rule, TableSchema

RIVER, GAUGES = "river.csv", "river_gauges.csv"
DEPTH = "mm a day over the catchment (m3/s times 86.4 over the area in km2)"
SHARES = tuple(
    f"{cover}_perc"
    for cover in (
        *("flat_area", "steep_area", "crop", "grass", "scrub", "dwood", "mixed_wood", "ewood", "wetlands", "inwater"),
        *("ice", "loose_rock", "rock", "urban"),
    )
)
ROCKS = (
    *("unconsol_sediments", "siliciclastic_sedimentary", "mixed_sedimentary", "carbonate_sedimentary"),
    *("acid_plutonic", "metamorphics"),
)
AMOUNTS = {  # attribute -> unit; of CAMELS-CH, none of them computed from the flow
    **dict.fromkeys(("elev_mean", "elev_min", "elev_max"), "m above the sea"),
    "slope_mean": "degrees",
    **dict.fromkeys((*SHARES, *ROCKS), "per cent of the catchment"),
    "geo_porosity": "share, 0 to 1",
    "geo_log10_permeability": "log10 of m2",
    "bulk_dens": "g a cm3 of soil",
    "tot_avail_water": "mm of water that the soil holds for plants",
    "root_depth": "m of soil",
    "porosity": "per cent of the soil",
    "conductivity": "of soil saturated with water, as the source has it",
    "glac_area": "km2 of glaciers",
    "glac_vol": "km3 of glaciers",
    "dens_inhabitants": "inhabitants a km2",
    "num_reservoir": "reservoirs",
    "reservoir_cap": "1,000 m3 of all reservoirs",
    "hp_count": "hydropower plants",
    "hp_max_power": "MW of all hydropower plants",
}


def _more_than_rain(rows: pd.DataFrame) -> "pd.Series[bool]":
    """The first row of each gauge that carries more water than rain and snow brought, over the days that have both."""
    both = rows["streamflow"].notna() & rows["precipitation"].notna()
    mean = rows[both].groupby("gauge_id", sort=False)[["streamflow", "precipitation"]].mean()
    days = rows[both].groupby("gauge_id", sort=False).size()
    odd = mean.index[(mean["streamflow"] > 1.1 * mean["precipitation"]) & (days >= 365)]
    return rows["gauge_id"].isin(odd) & ~rows["gauge_id"].duplicated()


def _measure(low: float, high: float, typical: tuple[float, float], unit: str, required: bool = True) -> Column:
    return Column(kind="number", required=required, empty=True, low=low, high=high, typical=typical, unit=unit)


def _attribute(unit: str) -> Column:
    low = {"m above the sea": -500, "log10 of m2": -30}.get(unit, 0)
    high = {"per cent of the catchment": 100.5, "per cent of the soil": 100, "degrees": 90, "log10 of m2": 0}.get(
        unit, float("inf")
    )
    return Column(kind="number", required=False, empty=True, low=low, high=high, unit=unit)


RIVER_SCHEMA = TableSchema(
    columns={
        "date": Column(kind="date"),
        "gauge_id": Column(kind="text"),
        "streamflow": _measure(0, 1000, (0.01, 30), DEPTH),
        "precipitation": _measure(0, 2000, (0.05, 40), "mm a day, mean of the catchment"),
        "temperature": _measure(-60, 50, (-25, 35), "deg C, mean of the day (kelvin minus 273.15)"),
        "pet": _measure(-20, 40, (0.1, 15), "mm a day", required=False),
        "simulated_streamflow": _measure(0, 1000, (0.01, 30), DEPTH, required=False),
    },
    keys=("gauge_id", "date"),
    place="gauge_id",
    doubts={
        "more-than-rain": Rule(
            columns=("gauge_id", "streamflow", "precipitation"),
            broken=_more_than_rain,
            shown="gauge_id",
            what="carries more water than rain and snow bring",
            remedy="Check unit and area: water may come from a glacier, underground or by a canal",
        )
    },
)
GAUGES_SCHEMA = TableSchema(
    columns={
        "gauge_id": Column(kind="text"),
        "gauge_name": Column(kind="text", required=False, empty=True),
        "water_body_name": Column(kind="text", required=False, empty=True),
        "gauge_lat": Column(kind="number", low=-90, high=90, unit="degrees north"),
        "gauge_lon": Column(kind="number", low=-180, high=180, unit="degrees east"),
        "area": Column(kind="number", low=0.01, high=5e6, typical=(1, 1e6), unit="km2 of the catchment"),
        **{name: _attribute(unit) for name, unit in AMOUNTS.items()},
    },
    keys=("gauge_id",),
)
