"""disaster.csv: CPC rain of every cell of a country, flood onsets of the DFO archive, and what the country shares.

A flood marks the cells that its circle covers in the countries it names: Thailand's archive is not Malaysia's.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tasks.disaster.schema import RECORDS, cell_id
from tasks.importers.cells import by_country
from tasks.importers.climate import HEAT, RAIN, SPEI, first_of, series
from tasks.importers.contract import National, Public, PublicFiles, one
from tasks.importers.indices import index
from tasks.places.names import MEMBERS

DEGREE = 111.2  # km along a meridian
RADIUS = (0.75, 3.0)  # degrees; below, a flood would fall between the centres of cells; above, the area is a guess
ELSEWHERE = "floods that cover no cell of the country"
EARLY = "floods outside the months of the rain table"


def assemble(public: PublicFiles) -> Iterator[National]:
    """One file a country with a cell; a country with floods alone gets an empty table. Raises DataError."""
    cpc, archive = one(public, "cpc"), one(public, "dfo")
    if cpc is None:
        return
    cells = one(public, "cells")
    rain = by_country(cells, cpc)
    months = {"year": rain["year"].astype("int64"), "month": rain["mo"].astype("int64"), "day": 1}
    rain = rain.assign(month=pd.to_datetime(pd.DataFrame(months, index=rain.index)).astype("datetime64[s]"))
    shared = _shared(public)
    sources = [each for each in (cpc, cells, archive, *(table for table, _ in shared.values())) if each is not None]
    for country in sorted(MEMBERS.values()):
        own = rain[rain["country"] == country]
        floods = archive.table[archive.table["country"] == country] if archive else None
        records = len(own) + (0 if floods is None else len(floods))
        if not records:
            continue
        flood, dropped = _floods(own, floods, archive)
        table = _table(own, flood, {name: series_of[country] for name, (_, series_of) in shared.items()})
        yield National(
            country=country,
            task="disaster",
            name=RECORDS,
            table=table,
            sources=tuple(each.file for each in sources) if len(own) else (),
            records=records,
            dropped=dropped,
        )


def _shared(public: PublicFiles) -> "dict[str, tuple[Public | None, dict[str, pd.Series[float]]]]":
    """Column -> its file and, by country, month -> value."""
    shared = {}
    for name, order in (("national_rainfall", RAIN), ("national_temperature", HEAT), ("spei", SPEI)):
        table = first_of(public, order)
        shared[name] = (table, {country: series(table, country) for country in MEMBERS.values()})
    for name, file in (("nino34", "nino34"), ("dipole", "iod")):
        table, values = index(public, file)
        shared[name] = (table, dict.fromkeys(MEMBERS.values(), values))
    return shared


def _table(rain: pd.DataFrame, flood: "pd.Series[int]", shared: "dict[str, pd.Series[float]]") -> pd.DataFrame:
    """In the order of the public file. Columns of which nothing is known are left out, but for the required ones."""
    ids = {(x, y): cell_id(x, y) for x, y in rain[["x", "y"]].drop_duplicates().itertuples(index=False)}
    table = pd.DataFrame(
        {
            "time_period": rain["month"].dt.strftime("%Y-%m"),
            "location": [ids[each] for each in zip(rain["x"], rain["y"], strict=True)],
            "longitude": rain["x"],
            "latitude": rain["y"],
            "rainfall": rain["prec"],
            "flood": flood,
        }
    )
    for name, values in shared.items():
        if len(values):
            table[name] = values.reindex(rain["month"]).to_numpy()
    return table


def _floods(
    rain: pd.DataFrame, floods: pd.DataFrame | None, archive: Public | None
) -> "tuple[pd.Series[int], dict[str, int]]":
    """For every row of rain 1, 0 or missing where nobody kept a record; and reason -> floods that mark no row."""
    flood = pd.Series(pd.NA, index=rain.index, dtype="Int64")
    if archive is None or floods is None:
        return flood, {}
    first, last = (_month(archive.table["Began"].agg(end)) for end in ("min", "max"))
    flood[rain["month"].between(first, last)] = 0
    dropped = {ELSEWHERE: 0, EARLY: 0}
    by_month = dict(list(rain.groupby("month")))
    centres = rain[["x", "y"]].drop_duplicates()
    for began, *circle in floods[["Began", "long", "lat", "Area"]].to_numpy(dtype=object):
        if not near(centres, *circle).any():
            dropped[ELSEWHERE] += 1
        elif (there := by_month.get(_month(began))) is None:
            dropped[EARLY] += 1
        else:
            flood[there.index[near(there, *circle)]] = 1
    return flood, {reason: count for reason, count in dropped.items() if count}


def near(cells: pd.DataFrame, longitude: float, latitude: float, area: float) -> pd.Series:
    """Cells whose centre lies in the flood's circle, of radius sqrt(area / pi), clipped to RADIUS."""
    radius = np.clip(np.sqrt(area / np.pi) / DEGREE, *RADIUS)
    east = (cells["x"] - longitude) * np.cos(np.radians((cells["y"] + latitude) / 2))
    inside: pd.Series = east**2 + (cells["y"] - latitude) ** 2 <= radius**2
    return inside


def _month(day: pd.Timestamp) -> pd.Timestamp:
    return day.to_period("M").to_timestamp()
