"""The national file of this task, `disaster.csv`: one row a 1-degree cell and month.

    time_period           YYYY-MM
    location              cell id of `cell_id`: its centre, such as E100.5N014.5 or E120.5S008.5
    longitude, latitude   of the centre, degrees east and north (south is negative); the same in every row of a cell
    rainfall              mm in the whole month, gauge analysis of the cell; empty = not reported
    flood                 1 = a flood that covers the cell began in this month, 0 = none did, empty = nobody kept a
                          record (all months before the archive starts); an event counts once, where it began
    national_rainfall     mm in the whole month, country mean of a reanalysis (ERA5), which has no gauges that drift
    national_temperature  deg C, country mean of the month (ERA5)
    spei                  standardised precipitation-evapotranspiration index of the country, no unit
    nino34, dipole        Nino 3.4 and Indian Ocean dipole anomaly of the month, deg C; not ONI, a centred mean

The last five columns are optional and repeat the same value in every cell of a month. Every value stands in the row of
the month it describes. Rainfall, floods, national rainfall and national temperature of a month count as known when it
ends, the three indices a month later; `features` sees to that, the file must not shift them.
A cell has one country; a cell that several share belongs to the one with most of it.
"""

from collections.abc import Callable

import pandas as pd

from tasks.files.columns import Column
from tasks.files.schema import Rule, TableSchema

RECORDS = "disaster.csv"
WEATHER = ("national_rainfall", "national_temperature")  # known when the month ends
INDICES = ("spei", "nino34", "dipole")  # published in the month after

_MM = "mm in the whole month (mm a day times the days of the month)"


def _index(name: str) -> Column:
    unit = "the index, about -4 to 4"
    return Column(
        kind="number",
        required=False,
        empty=True,
        low=-10,
        high=10,
        unit=unit,
        history="plain",
        shared=True,
        index=name,
    )


def _moves(axis: str) -> Callable[[pd.DataFrame], pd.Series]:
    def broken(rows: pd.DataFrame) -> pd.Series:
        return rows[axis] != rows.groupby("location")[axis].transform("first")

    return broken


def _other_cell(rows: pd.DataFrame) -> pd.Series:
    """Rows whose id is not that of their coordinates."""
    cells = rows[["location", "longitude", "latitude"]].drop_duplicates().dropna()
    centres = zip(cells["longitude"].tolist(), cells["latitude"].tolist(), strict=True)
    bad = cells[cells["location"] != [cell_id(*centre) for centre in centres]]
    keys = pd.MultiIndex.from_frame(rows[list(cells.columns)])
    return pd.Series(keys.isin(pd.MultiIndex.from_frame(bad)) if len(bad) else False, index=rows.index)


SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="month"),
        "location": Column(kind="text"),
        "longitude": Column(kind="number", low=-180, high=180, unit="degrees east of the cell's centre"),
        "latitude": Column(kind="number", low=-90, high=90, unit="degrees north of the cell's centre"),
        "rainfall": Column(
            kind="number",
            empty=True,
            low=0,
            high=5000,
            typical=(20, 1000),
            unit=_MM,
            history="log",
            offset=30,
            spread=0.25,
        ),
        "flood": Column(
            kind="number", empty=True, low=0, high=1, unit="1 if a flood began, 0 if none did, nothing if unknown"
        ),
        "national_rainfall": Column(
            kind="number",
            required=False,
            empty=True,
            low=0,
            high=5000,
            typical=(20, 1000),
            unit=_MM,
            history="log",
            offset=30,
            shared=True,
            index="rainfall",
        ),
        "national_temperature": Column(
            kind="number",
            required=False,
            empty=True,
            low=-50,
            high=50,
            typical=(5, 40),
            unit="degrees Celsius",
            history="plain",
            shared=True,
            index="temperature",
        ),
        "spei": _index("spei"),
        "nino34": _index("nino34"),
        "dipole": _index("dipole"),
    },
    keys=("time_period", "location"),
    place="location",
    rules=(
        Rule(
            columns=("flood",),
            broken=lambda rows: rows["flood"].notna() & ~rows["flood"].isin((0, 1)),
            shown="flood",
            what="is neither 0 nor 1",
            remedy="Write 1 if a flood began in this month, 0 if none did, nothing if unknown",
        ),
        *(
            Rule(
                columns=("location", axis),
                broken=_moves(axis),
                shown=axis,
                what=f"is another {axis} than in the cell's first row",
                remedy="Write one centre for each cell",
            )
            for axis in ("longitude", "latitude")
        ),
        Rule(
            columns=("location", "longitude", "latitude"),
            broken=_other_cell,
            shown="location",
            what="is not the id of the cell with this row's longitude and latitude",
            remedy="Write the cell's centre: E100.5N014.5 for longitude 100.5, latitude 14.5",
        ),
    ),
)


def cell_id(longitude: float, latitude: float) -> str:
    """The id of the cell with this centre: (100.5, 14.5) -> 'E100.5N014.5', (-75.5, -8.5) -> 'W075.5S008.5'."""
    return f"{'EW'[longitude < 0]}{abs(longitude):05.1f}{'NS'[latitude < 0]}{abs(latitude):05.1f}"
