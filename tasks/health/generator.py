"""Invented national files: `health.csv`, and beside it the truth that the oracle forecasts from."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError, SettingError
from tasks.files.atomic import write_atomically
from tasks.health.generator_epidemic import LEAD, Array, Truth, draw, latent, month_of_year, reports
from tasks.health.generator_oracle import ORACLE, dump
from tasks.health.generator_profiles import Profile, profile_of
from tasks.health.records import FILE
from tasks.settings import TaskSettings

HEADER = (
    "time_period,location,disease_cases,population,rainfall,mean_temperature,mean_relative_humidity,location_name\n"
)


def synthesize(folder: Path, country: str, seed: int, settings: TaskSettings) -> None:
    """Write the invented records of a country, from its profile's first month to the end of the run's calendar.

    The same (country, seed, calendar) gives the same bytes, whatever other countries are drawn before or after.
    Raises SettingError for a country that is no code, a negative seed or a calendar that ends before the record
    starts; DataError where the folder already holds records that were not invented.
    """
    if seed < 0:
        raise SettingError(f"seed is {seed}; choose 0 or more")
    profile = profile_of(country)
    months = int((settings.calendar.months()[2] - np.datetime64(profile.start, "M")).astype(int)) + 1
    if months < 1:
        raise SettingError(
            f"task.calendar.test_until is {settings.calendar.test_until}, before the invented records of {country} "
            f"start; choose {profile.start} or later"
        )
    if (folder / FILE).exists() and not (folder / ORACLE).exists():
        raise DataError(f"{folder / FILE} was not invented and stays as it is; choose another folder")
    rngs = np.random.default_rng([seed, int.from_bytes(country.encode(), "big")]).spawn(5)
    truth = draw(country, profile, months, rngs[:4])
    records = _national_file(profile, truth, _gaps(profile, months, rngs[4])).encode()
    write_atomically(folder / ORACLE, dump(truth, records))  # first: records without an oracle count as real
    write_atomically(folder / FILE, records)


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
        f"{temperature[p, t]:.2f},{humidity[p, t]:.1f},Invented province {p + 1}\n"
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
