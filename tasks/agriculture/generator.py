"""Synthetic national files: yields and weather, and the truth that the oracle forecasts from."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.agriculture.generator_harvest import HEAT_SD, LEAD, RAIN_SD, Truth, draw, usual_rain, yields
from tasks.agriculture.generator_oracle import TRUTH
from tasks.agriculture.generator_profiles import Profile, profile_of
from tasks.agriculture.seasons import YEAR
from tasks.agriculture.settings import AgricultureSettings
from tasks.errors import SettingError
from tasks.synthetic.draws import generators
from tasks.synthetic.truth import refuse_real_records, write

CELL_CROPS = ("rice", "rice_2", "maize")
CELLS_SINCE = 1981


def synthesize(folder: Path, country: str, seed: int, settings: AgricultureSettings) -> None:
    """Write the synthetic records of a country for the view of the settings, to the end of the run's calendar.

    The same (country, seed, view, calendar) gives the same bytes, whatever other countries are drawn before or after.
    Raises SettingError for a country that is no code, a negative seed or a calendar that ends before the record
    starts; DataError where the folder already holds records that are not synthetic.
    """
    profile, rngs = profile_of(country), generators(country, seed, 4)
    first = profile.start if settings.view == "national" else CELLS_SINCE
    years = int(settings.calendar.cuts()[2].astype("datetime64[Y]").astype(int)) + 1970 - first + 1
    if years < 2:
        raise SettingError(
            f"task.calendar.test_until is {settings.calendar.test_until}, but the synthetic records of {country} start "
            f"in {first}; choose {first + 1}-12 or later"
        )
    refuse_real_records(folder, TRUTH)
    areas, places = _places(profile, country, settings)
    truth = draw(profile, places, areas, first, years, rngs[:3])
    texts = _yields(profile, country, truth, rngs[3]), _weather(profile, areas, truth)
    write(folder, TRUTH, truth, [text.encode() for text in texts])


def _places(profile: Profile, country: str, settings: AgricultureSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Areas with weather of their own, and the places: an area and a crop."""
    if settings.view == "national":
        return (country,), tuple(f"{country}/{crop}" for crop in profile.crops)
    cells = tuple(f"{country}-{number:02d}" for number in range(1, profile.cells + 1))
    return cells, tuple(f"{cell}/{crop}" for cell in cells for crop in CELL_CROPS)


def _yields(profile: Profile, country: str, truth: Truth, rng: np.random.Generator) -> str:
    lines = ["crop_name,country_code,adm_id,harvest_year,yield,planting_month,harvest_month,observed\n"]
    luck = rng.random((truth.anomaly.shape[1], len(truth.places))).T
    harvests = yields(truth)
    for p, place in enumerate(truth.places):
        adm, _, crop = place.rpartition("/")
        months = f"{truth.planting[p]},{truth.harvest[p]}"
        before = ""
        for t, harvest in enumerate(harvests[p]):
            carried = bool(before) and luck[p, t] > 1 - profile.carried
            value = before if carried else "" if luck[p, t] < profile.gaps else f"{harvest:.4f}"
            lines.append(f"{crop},{country},{adm},{truth.first + t},{value},{months},{int(not carried)}\n")
            before = value
    return "".join(lines)


def _weather(profile: Profile, areas: tuple[str, ...], truth: Truth) -> str:
    months = np.datetime64(f"{truth.first}-01", "M") - LEAD + np.arange(truth.weather.shape[2])
    season: NDArray[np.int64] = months.astype(np.int64) % YEAR
    usual = usual_rain(profile, season)
    rain = np.maximum(usual * (1 + RAIN_SD * truth.weather[:, 0]), 0.0)
    heat = profile.heat + 2 * profile.swing * np.cos(2 * np.pi * (season - 4) / YEAR) + HEAT_SD * truth.weather[:, 1]
    lines = ["time_period,adm_id,rainfall,mean_temperature\n"]
    for a, area in enumerate(areas):
        lines += [f"{month},{area},{rain[a, m]:.1f},{heat[a, m]:.2f}\n" for m, month in enumerate(months)]
    return "".join(lines)
