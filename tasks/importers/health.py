"""health.csv: CHAP's table where a country has one, OpenDengue's counts elsewhere and after CHAP ends.

CHAP goes before because it has weather and population by province. Where rows have no weather of their own, ERA5's mean
over the country's people stands in; population stays empty.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tasks.errors import DataError
from tasks.health.records import FILE
from tasks.importers.chap import monthly
from tasks.importers.climate import HEAT_ON_PEOPLE, RAIN_ON_PEOPLE, first_of, series
from tasks.importers.contract import National, Public, PublicFiles, tally
from tasks.importers.counts import collect
from tasks.places.names import MEMBERS

WITHOUT_VALUE = "no value at all"
COLUMNS = [
    "time_period",
    "location",
    "disease_cases",
    "population",
    "rainfall",
    "mean_temperature",
    "mean_relative_humidity",
    "location_name",
]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Rows of a country's file from one source; `sources`, `records` and `dropped` as in National."""

    table: pd.DataFrame
    sources: tuple[Path, ...]
    records: int
    dropped: Mapping[str, int]


def assemble(public: PublicFiles) -> Iterator[National]:
    """One file a country that has any count. Raises DataError."""
    chap = {country: _from_chap(table) for country, table in _chap_tables(public).items()}
    counts, rows = pd.DataFrame({"country": []}), pd.DataFrame({"country": [], "file": [], "dropped": []})
    if dengue := list(public.get("opendengue", ())):
        counts, rows = collect(dengue, {country: part.table["time_period"].max() for country, part in chap.items()})
    for country in sorted(MEMBERS.values()):
        parts = [chap[country]] if country in chap else []
        if (own := rows["country"] == country).any():
            parts.append(_from_opendengue(country, counts[counts["country"] == country], rows[own], public))
        if parts:
            yield National(
                country=country,
                task="health",
                name=FILE,
                table=_written([part.table for part in parts if part.sources]),
                sources=tuple(source for part in parts for source in part.sources),
                records=sum(part.records for part in parts),
                dropped={reason: count for part in parts for reason, count in part.dropped.items()},
            )


def _chap_tables(public: PublicFiles) -> dict[str, Public]:
    """Country -> its CHAP table. Raises DataError for two tables of one country."""
    tables: dict[str, Public] = {}
    for table in public.get("chap", ()):
        if table.of in tables:
            raise DataError(
                f"{table.file} and {tables[table.of].file} are both of {table.of}; an importer does not guess which is "
                f"right. Keep one."
            )
        tables[table.of] = table
    return tables


def _from_chap(public: Public) -> _Part:
    table, records = monthly(public.table), len(public.table)
    dropped = {WITHOUT_VALUE: records - len(table)} if len(table) < records else {}
    return _Part(table=table, sources=(public.file,), records=records, dropped=dropped)


def _from_opendengue(country: str, counts: pd.DataFrame, rows: pd.DataFrame, public: PublicFiles) -> _Part:
    """counts, rows: of this country, as `collect` gives them."""
    if counts.empty:
        return _Part(table=pd.DataFrame(), sources=(), records=len(rows), dropped=tally(rows["dropped"]))
    climate = [first_of(public, names) for names in (RAIN_ON_PEOPLE, HEAT_ON_PEOPLE)]
    used = set(rows.loc[rows["dropped"] == "", "file"])
    files = [each.file for each in public["opendengue"] if str(each.file) in used]
    return _Part(
        table=_with_weather(counts, country, climate),
        sources=(*files, *(each.file for each in climate if each is not None)),
        records=len(rows),
        dropped=tally(rows["dropped"]),
    )


def _with_weather(counts: pd.DataFrame, country: str, climate: list[Public | None]) -> pd.DataFrame:
    rain, heat = (series(each, country) for each in climate)
    return pd.DataFrame(
        {
            "time_period": counts["month"],
            "location": counts["location"],
            "disease_cases": counts["cases"].astype("float64"),
            "rainfall": rain.reindex(counts["month"]).to_numpy(),
            "mean_temperature": heat.reindex(counts["month"]).to_numpy(),
        }
    )


def _written(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The columns in the file's order and form; those that no row has are left out, but for the required ones."""
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS)
    table = table.assign(
        time_period=table["time_period"].dt.strftime("%Y-%m"),
        disease_cases=table["disease_cases"].astype("Int64"),
        population=table["population"].astype("float64").round().astype("Int64"),
    )
    spare = [name for name in COLUMNS[6:] if table[name].isna().all()]
    return table.drop(columns=spare)
