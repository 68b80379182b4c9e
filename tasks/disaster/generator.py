"""Synthetic national files: `disaster.csv`, and the truth that the oracle forecasts from."""

from pathlib import Path

import numpy as np
from scipy.special import ndtr

from tasks.disaster.generator_oracle import TRUTH
from tasks.disaster.generator_profiles import Profile, profile_of
from tasks.disaster.generator_weather import EPOCH, FLOOD, Array, Truth, draw, oceans, rain
from tasks.disaster.schema import cell_id
from tasks.settings import TaskSettings
from tasks.synthetic.draws import generators, months_on_record
from tasks.synthetic.truth import refuse_real_records, write

HEADER = (
    "time_period,location,longitude,latitude,rainfall,flood,national_rainfall,national_temperature,spei,nino34,dipole\n"
)
ARCHIVE = np.datetime64("1985-01", "M")  # floods before are unknown, as in the archive of the field
OCEANS = 1  # part of the seed that all countries share; countries have the number of their code


def synthesize(folder: Path, country: str, seed: int, settings: TaskSettings) -> None:
    """Write the synthetic records of a country, from its profile's first month to the end of the run's calendar.

    The same (country, seed, calendar) gives the same bytes, whatever other countries are drawn before or after, and
    for every hazard. Raises SettingError for a country that is no code, a negative seed or a calendar that ends before
    the record starts; DataError where the folder already holds records that are not synthetic.
    """
    profile, rngs = profile_of(country), generators(country, seed, 3)
    months = months_on_record(country, profile.start, settings.calendar)
    refuse_real_records(folder, TRUTH)
    before = int((np.datetime64(profile.start, "M") - EPOCH).astype(int))
    indices = oceans(np.random.default_rng([seed, OCEANS]), before + months)
    centres = cells(profile)
    places = tuple(cell_id(*centre) for centre in centres)
    known = np.stack([indices[0, before - 1 : -1], indices[0, before - 2 : -2], indices[1, before - 1 : -1]])
    truth = draw(profile, places, months, rngs[:2], known)
    write(folder, TRUTH, truth, [_national_file(profile, centres, truth, indices[:, before:], rngs[2]).encode()])


def cells(profile: Profile) -> list[tuple[float, float]]:
    """Longitude and latitude of every cell: a block of neighbours, four a row, sorted as their ids are."""
    east, north = profile.corner
    block = [(east + number % 4, north + number // 4) for number in range(profile.cells)]
    return sorted(block, key=lambda centre: cell_id(*centre))


def _national_file(
    profile: Profile, centres: list[tuple[float, float]], truth: Truth, indices: Array, rng: np.random.Generator
) -> str:
    fallen = np.round(rain(truth), 2)
    months = truth.first + np.arange(fallen.shape[1])
    floods = _floods(truth, rng)
    national = fallen.mean(axis=0)
    anomaly = truth.state[: len(centres)].mean(axis=0)
    season = np.cos(2 * np.pi * (months.astype(np.int64) % 12 - profile.wettest + 4) / 12)
    heat = profile.heat + 3 * profile.swing * season - 0.5 * anomaly  # the hottest month comes before the rains
    lines = []
    for p, (east, north) in enumerate(centres):
        for t, month in enumerate(months):
            lines.append(
                f"{month},{truth.places[p]},{east},{north},{fallen[p, t]:.2f},"
                f"{floods[p, t] if month >= ARCHIVE else ''},{national[t]:.4f},{heat[t]:.2f},{anomaly[t]:.2f},"
                f"{indices[0, t]:.3f},{indices[1, t]:.3f}\n"
            )
    return HEADER + "".join(lines)


def _floods(truth: Truth, rng: np.random.Generator) -> Array:
    """(P, T) in {0, 1}, one draw a cell and month, given the month's rain."""
    count, months = len(truth.places), truth.state.shape[1]
    season = (truth.first + np.arange(months)).astype(np.int64) % 12
    chance = ndtr(truth.floods[:, season] + FLOOD * truth.state[:count])
    return np.where(chance > rng.random((months, count)).T, 1, 0)
