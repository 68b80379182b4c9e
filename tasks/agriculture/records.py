"""National files -> Panel of the agriculture task."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.agriculture.schema import CROPS, VARIABLES, WEATHER, WEATHER_SCHEMA, YIELD_SCHEMA, YIELDS
from tasks.agriculture.seasons import KNOWN_LATER, PHASES, YEAR, phase_means
from tasks.agriculture.settings import AgricultureSettings
from tasks.data import Array, Panel
from tasks.errors import DataError
from tasks.files.grid import Grid, grid
from tasks.files.load import read_table
from tasks.files.reading import SUFFIXES

NEVER = np.datetime64("NaT", "M")


def read_panel(folder: Path, country: str, settings: AgricultureSettings) -> Panel:
    """Yields in t/ha (P, T), a place being `<adm_id>/<crop_name>`, a period the December of a harvest year.

    covariates: `<variable>_<phase>` for every variable and phase 0 to 3, the phase's mean in the file's unit, standing
    at the harvest year it belongs to; phase k becomes known at issue date k. All NaN where there is no weather file.
    static: `crop`, an index into CROPS; `planting_month` and `harvest_month`, 1 to 12; `weather_until`, the last month
    on record of all the weather that the settings name, NaT where there is none.
    Raises DataError.
    """
    return _read(folder, country, settings, 0, None)


def read_upcoming(
    folder: Path, country: str, settings: AgricultureSettings, until: np.datetime64 | None = None
) -> Panel:
    """As `read_panel`, with the harvest after the last on record: no yield yet, the weather of its season so far.

    until: the last month of weather that is read; of harvests, those of the years that ended by then.
    """
    return _read(folder, country, settings, 1, until)


def _read(folder: Path, country: str, settings: AgricultureSettings, more: int, until: np.datetime64 | None) -> Panel:
    """The panel with `more` harvests after the last one on record."""
    file = folder / YIELDS
    table = _chosen(read_table(file, YIELD_SCHEMA, until), country, settings, file)
    cells = grid(table, ("yield", "observed"), file=file, place="place", period="period", every=YEAR)
    carried_forward = cells.values["observed"] == 0
    static = _static(table, cells.places)
    periods = np.concatenate([cells.periods, cells.periods[-1] + YEAR * np.arange(1, more + 1)])
    years = periods.astype("datetime64[Y]").astype(np.int64) + 1970
    adm = [place.rpartition("/")[0] for place in cells.places]
    weather = _weather(folder / WEATHER, country, adm, until)
    seasons, last = _seasons(weather, country, adm, years, static, settings.weather)
    return Panel(
        country=country,
        periods=periods,
        places=cells.places,
        target=np.pad(
            np.where(carried_forward, np.nan, cells.values["yield"]), ((0, 0), (0, more)), constant_values=np.nan
        ),
        covariates=seasons,
        static={**static, "weather_until": last},
    )


def _chosen(table: pd.DataFrame, country: str, settings: AgricultureSettings, file: Path) -> pd.DataFrame:
    """The rows of the view, with the columns `place` and `period`."""
    foreign = table.index[table["country_code"] != country]
    if len(foreign):
        raise DataError(
            f"{file}, row {foreign[0]}, column 'country_code': {table.at[foreign[0], 'country_code']!r} is not "
            f"{country}. Keep one country a folder."
        )
    national = table["adm_id"] == country
    chosen = table[national if settings.view == "national" else ~national]
    if chosen.empty:
        whose = f"of adm_id {country}" if settings.view == "national" else f"of an adm_id other than {country}"
        raise DataError(
            f"{file}: holds no row {whose}, which task.view={settings.view} reads. Choose the other view, or leave "
            f"{country} out of the run."
        )
    months = [f"{year:.0f}-12" for year in chosen["harvest_year"]]
    return chosen.assign(
        place=chosen["adm_id"] + "/" + chosen["crop_name"], period=np.array(months, "datetime64[M]").astype("M8[s]")
    )


def _static(table: pd.DataFrame, places: tuple[str, ...]) -> Mapping[str, Array]:
    calendars = table.drop_duplicates("place").set_index("place").reindex(list(places))
    months = {}
    for name, usual in (("planting_month", 1), ("harvest_month", 12)):
        column = calendars[name].fillna(usual) if name in calendars else pd.Series(usual, index=calendars.index)
        months[name] = column.to_numpy(np.int64)
    crop = np.array([CROPS.index(place.rpartition("/")[2]) for place in places], dtype=np.int64)
    return {"crop": crop, **months}


def _weather(file: Path, country: str, adm: list[str], until: np.datetime64 | None) -> Grid | None:
    """Monthly weather of the country and its places; None where there is no file."""
    if not any(file.with_suffix(suffix).exists() for suffix in SUFFIXES):
        return None
    table = read_table(file, WEATHER_SCHEMA, until)
    chosen = table[table["adm_id"].isin({country, *adm})]
    if chosen.empty:
        raise DataError(
            f"{file}: holds no row of adm_id {country} or of a place in {YIELDS}. Write the same adm_id in both files."
        )
    return grid(chosen, VARIABLES, file=file, place="adm_id")


def _seasons(
    months: Grid | None,
    country: str,
    adm: list[str],
    years: Array,
    static: Mapping[str, Array],
    wanted: Sequence[str],
) -> tuple[dict[str, Array], Array]:
    """Phase means (P, T) of every variable, and (P,) the last month of the wanted ones.

    A place without weather of its own takes its country's.
    """
    names = [(variable, f"{variable}_{phase}", phase) for variable in VARIABLES for phase in range(PHASES)]
    if months is None:
        return {name: np.full((len(adm), len(years)), np.nan) for _, name, _ in names}, np.full(len(adm), NEVER)
    rows = {place: row for row, place in enumerate(months.places)}
    row = np.array([rows.get(each, rows.get(country, -1)) for each in adm])
    means, until = {}, []
    for variable in VARIABLES:
        own = np.where(row[:, None] >= 0, months.values[variable][row], np.nan)
        calendar, late = (years, static["planting_month"], static["harvest_month"]), KNOWN_LATER.get(variable, 0)
        means[variable] = phase_means(own, months.periods[0], *calendar, late=late)
        if variable in wanted and np.isfinite(own).any():
            until.append(_last(np.isfinite(own), months.periods) + late)
    last = np.min(until, axis=0) if until else np.full(len(adm), NEVER)
    return {name: means[variable][..., phase] for variable, name, phase in names}, last


def _last(known: Array, periods: Array) -> Array:
    """(P, M) -> (P,) the last known month; NaT where none is."""
    at = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), periods[at], NEVER)
