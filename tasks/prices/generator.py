"""Synthetic national files: `prices.csv`, and the truth that the oracle forecasts from.

    log price[s, t] = gap[s] + season[c, month of t] + common[c, t] + local[s, t]

s is a series of commodity c in a market. common is a random walk that all markets of the country share; local an AR(1)
with MEMORY: a market that is dear for its usual distance to the others becomes cheaper again. Both are Gaussian.
MEMORY is what one country can teach another; what differs stands in `generator_profiles`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.prices.generator_profiles import Profile, profile_of
from tasks.prices.schema import PRICES
from tasks.settings import TaskSettings
from tasks.synthetic.draws import generators, months_on_record
from tasks.synthetic.truth import TruthFile, refuse_real_records, write

Array = NDArray[np.float64]
TRUTH = TruthFile(name="prices.oracle.npz", records=(PRICES,))
MEMORY = 0.7  # share of a market's distance that is left a month later
COMMODITIES = ("Rice", "Maize", "Oil (palm)")
WORTH = (1.0, 0.6, 2.5)  # of rice


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of one synthetic country, P series and T months.

    first: first month on record. season: (P, 12) by month of the year. level, local: (P, T); level is gap
    and common walk.
    drift, spread: sd of a month's step of the walk, and of `local`, log price.
    """

    places: tuple[str, ...]
    first: np.datetime64
    season: Array
    level: Array
    local: Array
    drift: float
    spread: float


def synthesize(folder: Path, country: str, seed: int, settings: TaskSettings) -> None:
    """Write the synthetic records of a country, from its profile's first month to the end of the run's calendar.

    The same (country, seed, calendar) gives the same bytes, whatever other countries are drawn before or after.
    Raises SettingError for a country that is no code, a negative seed or a calendar that ends before the record
    starts; DataError where the folder already holds records that are not synthetic.
    """
    profile, rngs = profile_of(country), generators(country, seed, 4)
    months = months_on_record(country, profile.start, settings.calendar)
    refuse_real_records(folder, TRUTH)
    truth = draw(profile, months, rngs[:3])
    write(folder, TRUTH, truth, [_national_file(profile, truth, rngs[3]).encode()])


def draw(profile: Profile, months: int, rngs: list[np.random.Generator]) -> Truth:
    """The course of all prices. A longer record begins with the shorter one's months."""
    lasting, walks, markets = rngs
    kinds = np.repeat(np.arange(len(COMMODITIES)), profile.markets)
    base = np.log(profile.rice * np.array(WORTH))[kinds] + 0.1 * lasting.standard_normal(len(kinds))
    dearest = lasting.uniform(0, 12, len(COMMODITIES))[kinds]
    season = profile.swing * np.cos(2 * np.pi * (np.arange(12) - dearest[:, None]) / 12)
    common = profile.drift * walks.standard_normal((months, len(COMMODITIES))).cumsum(axis=0).T[kinds]
    surprises = markets.standard_normal((months, len(kinds)))
    local = np.zeros((months, len(kinds)))
    local[0] = surprises[0]
    for month in range(1, months):
        local[month] = MEMORY * local[month - 1] + np.sqrt(1 - MEMORY**2) * surprises[month]
    return Truth(
        places=tuple(
            _series(profile, kind, market) for kind in range(len(COMMODITIES)) for market in _markets(profile)
        ),
        first=np.datetime64(profile.start, "M"),
        season=season,
        level=base[:, None] + common,
        local=profile.local * local.T,
        drift=profile.drift,
        spread=profile.local,
    )


def log_prices(truth: Truth) -> Array:
    """(P, T)."""
    months = (truth.first.astype(np.int64) + np.arange(truth.level.shape[1])) % 12
    return np.asarray(truth.level + truth.season[:, months] + truth.local)


def _markets(profile: Profile) -> list[str]:
    return [f"Market {number}" for number in range(1, profile.markets + 1)]


def _series(profile: Profile, kind: int, market: str) -> str:
    return f"{market}/{COMMODITIES[kind]}/KG/Retail/{profile.currency}"


def _national_file(profile: Profile, truth: Truth, rng: np.random.Generator) -> str:
    prices = np.exp(log_prices(truth))
    gaps = profile.uncollected > rng.random(prices.T.shape).T
    lines = ["time_period,market,commodity,unit,pricetype,currency,price\n"]
    for row, place in enumerate(truth.places):
        names = place.replace("/", ",")
        lines += [
            f"{truth.first + month},{names},{'' if gaps[row, month] else format(price, '.6g')}\n"
            for month, price in enumerate(prices[row])
        ]
    return "".join(lines)
