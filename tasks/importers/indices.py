"""Ocean indices by month: Nino 3.4 and the Indian Ocean dipole, anomalies in deg C.

The published dipole series begins with a line of years (1870 2025) that extracts take for January 1870: a first row
beyond any anomaly, followed by its month once more, is left out.
Source: NOAA PSL, https://psl.noaa.gov/gcos_wgsp/Timeseries/ and https://www.cpc.ncep.noaa.gov/data/indices/
"""

from pathlib import Path

import pandas as pd

from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.schema import Rule, TableSchema
from tasks.importers.climate import series
from tasks.importers.contract import Format, Public, PublicFiles, one

BOUND = 6.0  # K; the largest anomaly on record is under 3


def _schema(name: str) -> TableSchema:
    def stray(rows: pd.DataFrame) -> pd.Series:
        repeated = rows.duplicated(["year", "month"], keep=False)
        first: pd.Series = (rows.index == rows.index.min()) & (rows[name].abs() > BOUND) & repeated
        return first

    return TableSchema(
        columns={
            "year": Column(kind="number", low=1800, high=2099),
            "month": Column(kind="number", low=1, high=12),
            name: Column(kind="number", empty=True),
            "date": Column(kind="text", empty=True),
        },
        keys=(),
        rules=(
            Rule(
                columns=(name,),
                broken=lambda rows: (rows[name].abs() > BOUND) & ~stray(rows),
                shown=name,
                what="is no anomaly in deg C",
                remedy="Write the anomaly, or leave it empty if it is missing",
            ),
            Rule(
                columns=("year", "month", name),
                broken=lambda rows: rows[~stray(rows)].duplicated(["year", "month"]).reindex(rows.index).eq(True),
                shown="month",
                what="stands there twice for its year",
                remedy="Keep one row a month",
            ),
        ),
    )


def _format(name: str, title: str) -> Format:
    schema = _schema(name)

    def read(path: Path) -> Public:
        """month, value."""
        table = read_table(path, schema)
        table = table[table[name].abs() <= BOUND]
        parts = {part: table[part].astype("int64") for part in ("year", "month")}
        months = pd.to_datetime(pd.DataFrame({**parts, "day": 1})).astype("datetime64[s]")
        return Public(file=path, table=pd.DataFrame({"month": months, "value": table[name]}))

    return Format(
        title=title,
        columns=frozenset(schema.columns),
        read=read,
        why_unused="it is used with the rain of cells or with yields, and there are none",
    )


NINO34 = _format("nino34", "Nino 3.4 anomaly")
DIPOLE = _format("iod", "Indian Ocean dipole")


def index(public: PublicFiles, name: str) -> "tuple[Public | None, pd.Series[float]]":
    """The file, if there is one, and month -> anomaly."""
    table = one(public, name)
    return table, table.table.set_index("month")["value"] if table else series(None, "")
