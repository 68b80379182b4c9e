"""Synthetic national files: `health.csv`, and the truth that the oracle forecasts from."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.health.generator_epidemic import LEAD, Array, Truth, draw, latent, month_of_year, reports
from tasks.health.generator_oracle import TRUTH
from tasks.health.generator_profiles import Profile, profile_of
from tasks.settings import TaskSettings
from tasks.synthetic.draws import generators, months_on_record
from tasks.synthetic.truth import refuse_real_records, write

HEADER = (
    "time_period,location,disease_cases,population,rainfall,mean_temperature,mean_relative_humidity,location_name\n"
)


def synthesize(folder: Path, country: str, seed: int, settings: TaskSettings) -> None:
    """Write the synthetic records of a country, from its profile's first month to the end of the run's calendar.

    The same (country, seed, calendar) gives the same bytes, whatever other countries are drawn before or after.
    Raises SettingError for a country that is no code, a negative seed or a calendar that ends before the record
    starts; DataError where the folder already holds records that are not synthetic.
    """
    profile, rngs = profile_of(country), generators(country, seed, 5)
    months = months_on_record(country, profile.start, settings.calendar)
    refuse_real_records(folder, TRUTH)
    truth = draw(country, profile, months, rngs[:4])
    write(folder, TRUTH, truth, [_national_file(profile, truth, _gaps(profile, months, rngs[4])).encode()])


def _gaps(profile: Profile, months: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(P, T) True where a month was never handed in; a quarter of a year is lost at a time."""
    ends = rng.random((months + 2, profile.provinces)) < profile.unreported / 3
    return (ends[:-2] | ends[1:-1] | ends[2:]).T


def _national_file(profile: Profile, truth: Truth, gaps: NDArray[np.bool_]) -> str:
    cases = reports(latent(truth), truth.people[:, None])
    months = truth.first + np.arange(cases.shape[1])
    rainfall, temperature, humidity = _weather(profile, truth, month_of_year(months))
    lines = [
        f"{month},{place},{'' if gaps[p, t] else int(cases[p, t])},{truth.people[p]:.0f},{rainfall[p, t]:.1f},"
        f"{temperature[p, t]:.2f},{humidity[p, t]:.1f},Synthetic province {p + 1}\n"
        for p, place in enumerate(truth.places)
        for t, month in enumerate(months)
    ]
    return HEADER + "".join(lines)


def _weather(profile: Profile, truth: Truth, season: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    """(P, T) each: rainfall in mm a month, temperature in deg C, relative humidity in per cent."""
    wet = np.cos(2 * np.pi * (season - profile.wettest) / 12)
    hot = np.cos(2 * np.pi * (season - profile.wettest + 4) / 12)  # the hottest month comes before the rains
    rain, heat = truth.rain[:, LEAD:], truth.heat[:, LEAD:]
    rainfall = profile.rain * (1 + profile.swing * wet) * np.exp(0.4 * rain - 0.08)  # 0.08: the mean stays
    temperature = profile.heat + 3 * profile.swing * hot + 0.7 * heat
    humidity = np.clip(75 + 12 * profile.swing * wet + 3 * rain, 0, 100)
    return rainfall, temperature, humidity
