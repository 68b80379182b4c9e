"""Synthetic national files: `river.csv`, `river_gauges.csv`, and the truth that the oracle forecasts from.

A catchment is two linear stores under snow. Rain and melt of `snow.melt`, less part of the evapotranspiration, fill a
fast store and a slow one; each gives a share of itself a day. What is measured is their sum times a log-normal error.
Rain falls on a day or does not, whatever the day before; temperature has a season and a memory of a day. All catchments
of a country have the same weather, stronger or weaker. The model of the catchment is what countries can teach another.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.errors import SettingError
from tasks.places.facilities import is_facility
from tasks.river.schema import GAUGES, RIVER
from tasks.river.snow import melt
from tasks.settings import TaskSettings
from tasks.synthetic.draws import draws_of, generators
from tasks.synthetic.truth import TruthFile, refuse_real_records, write

Array = NDArray[np.float64]
TRUTH = TruthFile(name="river.oracle.npz", records=(RIVER, GAUGES))
FIRST = np.datetime64("2002-01-01", "D")
QUICK, DRAIN, SEEP, THIRST = 0.5, 0.45, 0.03, 0.3  # share to the fast store; shares that leave a day; of evaporation
ERROR = 0.05  # sd of the log of what is measured over what flows
WET, SHOWER = 0.4, 8.0  # chance of rain on a day, and its mean in mm
SWING, MEMORY, WARMTH = 10.0, 0.8, 2.5  # of temperature over the year, K; of a day; sd of a day's surprise, K
LAPSE_SPAN = 600.0  # m from the mean elevation to either end


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of one synthetic country, P gauges and T days from `first` on.

    share: (P,) of the country's rain. heat: (P,) mean temperature, deg C. bands: (P, 5), see `records`.
    rain: (T,) of the country, mm. warm: (T,) anomaly of temperature, K. snow: (P, T, 5), fast, slow: (P, T), mm at the
    end of a day.
    """

    places: tuple[str, ...]
    first: np.datetime64
    share: Array
    heat: Array
    bands: Array
    rain: Array
    warm: Array
    snow: Array
    fast: Array
    slow: Array


def synthesize(folder: Path, country: str, seed: int, settings: TaskSettings) -> None:
    """Write the synthetic records of a country, from 2002 to the end of the run's calendar.

    The same (country, seed, calendar) gives the same bytes. Raises SettingError for a negative seed or a calendar that
    ends before 2004; DataError where the folder already holds records that are not synthetic.
    """
    days = int((settings.calendar.cuts()[2] - FIRST).astype(int)) + 1
    if days < 2 * 365:
        raise SettingError(
            f"task.calendar.test_until is {settings.calendar.test_until}, but synthetic rivers begin in 2002; "
            f"choose 2003-12-31 or later"
        )
    rngs = generators(country, seed, 3)
    refuse_real_records(folder, TRUTH)
    truth = draw(country, days, rngs[:2])
    write(folder, TRUTH, truth, [_flow(truth, rngs[2]).encode(), _gauges(truth).encode()])


def draw(country: str, days: int, rngs: list[np.random.Generator]) -> Truth:
    """The weather of a country and what its catchments hold at the end of every day."""
    lasting = draws_of(country)
    gauges = 1 if is_facility(country) else 2
    share, heat = lasting.uniform(0.7, 1.4, gauges), lasting.uniform(5, 12, gauges)
    middle = np.linspace(-0.8, 0.8, 5) * LAPSE_SPAN / 1000
    bands = np.repeat(middle[None], gauges, axis=0)
    rain, warm = weather(np.zeros(()), days, rngs)
    temperature = heat[:, None] + season(FIRST + np.arange(days)) + warm
    snow, water = melt(share[:, None] * rain, temperature, bands)
    fast, slow = np.zeros((gauges, days)), np.zeros((gauges, days))
    stores = np.full(gauges, 5.0), np.full(gauges, 40.0)
    for day in range(days):
        stores = step(*stores, water[:, day], evaporation(temperature[:, day]))
        fast[:, day], slow[:, day] = stores
    return Truth(
        places=tuple(f"{country}-{number}" for number in range(1, gauges + 1)),
        first=FIRST,
        share=share,
        heat=heat,
        bands=bands,
        rain=rain,
        warm=warm,
        snow=snow,
        fast=fast,
        slow=slow,
    )


def weather(warm: Array, days: int, rngs: list[np.random.Generator]) -> tuple[Array, Array]:
    """Rain of the country and anomaly of temperature of so many days after one of `warm`: (..., D) each."""
    wet, heat = rngs
    shape = (*warm.shape, days)
    rain = np.where(wet.random(shape) < WET, wet.exponential(SHOWER, shape), 0.0)
    surprise = WARMTH * heat.standard_normal(shape)
    anomaly = np.zeros(shape)
    for day in range(days):
        warm = MEMORY * warm + surprise[..., day]
        anomaly[..., day] = warm
    return rain, anomaly


def season(periods: NDArray[np.datetime64]) -> Array:
    """Of temperature, K: warmest in the middle of July."""
    day = (periods - periods.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    return np.asarray(-SWING * np.cos(2 * np.pi * (day - 14) / 365.25))


def evaporation(temperature: Array) -> Array:
    """Potential evapotranspiration, mm/d."""
    return np.asarray(np.maximum(0.0, 0.15 * (temperature + 3)))


def step(fast: Array, slow: Array, water: Array, pet: Array) -> tuple[Array, Array]:
    """What two stores hold a day later."""
    gain = np.maximum(water - THIRST * pet, 0.0)
    return (1 - DRAIN) * (fast + QUICK * gain), (1 - SEEP) * (slow + (1 - QUICK) * gain)


def flow(fast: Array, slow: Array) -> Array:
    """What flowed on the day at whose end the stores hold this, mm."""
    return np.asarray(fast * DRAIN / (1 - DRAIN) + slow * SEEP / (1 - SEEP))


def _flow(truth: Truth, rng: np.random.Generator) -> str:
    days = truth.first + np.arange(len(truth.rain))
    measured = flow(truth.fast, truth.slow) * np.exp(ERROR * rng.standard_normal(truth.fast.T.shape).T)
    missing = rng.random(measured.T.shape).T < 0.01
    lines = ["date,gauge_id,streamflow,precipitation,temperature,pet\n"]
    for row, place in enumerate(truth.places):
        temperature = truth.heat[row] + season(days) + truth.warm
        pet, rain = evaporation(temperature), truth.share[row] * truth.rain
        lines += [
            f"{day},{place},{'' if missing[row, t] else format(measured[row, t], '.4f')},{rain[t]:.2f},"
            f"{temperature[t]:.2f},{pet[t]:.2f}\n"
            for t, day in enumerate(days)
        ]
    return "".join(lines)


def _gauges(truth: Truth) -> str:
    lines = ["gauge_id,gauge_name,gauge_lat,gauge_lon,area,elev_mean,elev_min,elev_max\n"]
    for row, place in enumerate(truth.places):
        middle = 2000 - 150 * truth.heat[row]
        ends = f"{middle - LAPSE_SPAN:.0f},{middle + LAPSE_SPAN:.0f}"
        lines.append(f"{place},Synthetic river {row + 1},47.0,{8 + 0.1 * row:.1f},100,{middle:.0f},{ends}\n")
    return "".join(lines)
