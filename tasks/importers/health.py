"""health.csv: CHAP's table where a country has one, OpenDengue's counts elsewhere and after CHAP ends.

CHAP goes before because it has weather and population by province. Where rows have no weather of their own, ERA5's mean
over the country's people stands in; population stays empty.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from tasks.errors import DataError
from tasks.health.records import FILE
from tasks.importers.chap import monthly
from tasks.importers.climate import HEAT_ON_PEOPLE, RAIN_ON_PEOPLE, first_of, series
from tasks.importers.contract import Found, National, Public, tally
from tasks.importers.counts import collect
from tasks.places.names import MEMBERS

MUTE = "no value at all"
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


def assemble(found: Found) -> Iterator[National]:
    """One file a country that has any count. Raises DataError."""
    chap = _by_country(found.get("chap", ()))
    ready = {country: monthly(public.table) for country, public in chap.items()}
    dengue = list(found.get("opendengue", ()))
    counts, rows = pd.DataFrame({"country": []}), pd.DataFrame({"country": [], "file": [], "dropped": []})
    if dengue:
        counts, rows = collect(dengue, {code: table["time_period"].max() for code, table in ready.items()})
    for country in sorted(MEMBERS.values()):
        own, reasons = rows[rows["country"] == country], {}
        parts, sources, records = [], [], len(own)
        if country in chap:
            parts.append(ready[country])
            sources.append(chap[country].file)
            records += len(chap[country].table)
            reasons = {MUTE: mute} if (mute := len(chap[country].table) - len(ready[country])) else {}
        if (counts["country"] == country).any():
            climate = [first_of(found, names) for names in (RAIN_ON_PEOPLE, HEAT_ON_PEOPLE)]
            parts.append(_with_weather(counts[counts["country"] == country], country, climate))
            used = set(own.loc[own["dropped"] == "", "file"])
            sources += [each.file for each in dengue if str(each.file) in used]
            sources += [each.file for each in climate if each is not None]
        if records:
            yield National(
                country=country,
                task="health",
                name=FILE,
                table=_written(parts),
                sources=tuple(sources),
                records=records,
                dropped={**reasons, **tally(own["dropped"])},
            )


def _by_country(tables: Sequence[Public]) -> dict[str, Public]:
    chosen: dict[str, Public] = {}
    for table in tables:
        if table.of in chosen:
            raise DataError(
                f"{table.file} and {chosen[table.of].file} are both of {table.of}; which is right is not for an "
                f"importer to guess. Keep one."
            )
        chosen[table.of] = table
    return chosen


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


def _written(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The columns in the file's order and form; those that no row has are left out, but for the required ones."""
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)
    table = table.assign(
        time_period=table["time_period"].dt.strftime("%Y-%m"),
        disease_cases=table["disease_cases"].astype("Int64"),
        population=table["population"].astype("float64").round().astype("Int64"),
    )
    spare = [name for name in COLUMNS[6:] if table[name].isna().all()]
    return table.drop(columns=spare)
