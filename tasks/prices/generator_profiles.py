"""What differs between synthetic member states: markets, record, currency, how restless prices are.

The profiles are only loosely like their namesakes; every record drawn from them is synthetic.
"""

from dataclasses import dataclass, replace

import numpy as np

from tasks.synthetic import draws


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One synthetic member state."""

    markets: int
    start: str  # first month on record, YYYY-MM
    currency: str
    rice: float  # price of a kilogram of rice, local currency
    drift: float  # sd of the month's change that all prices of a commodity share, log price
    local: float  # sd of how far a market stands from its usual distance to the others, log price
    swing: float  # of prices over the year, log price
    uncollected: float  # share of prices that nobody collected


def _profile(
    markets: int, start: int, money: tuple[str, float], unrest: tuple[float, float, float], gaps: float
) -> Profile:
    drift, local, swing = unrest
    return Profile(
        markets=markets,
        start=f"{start}-01",
        currency=money[0],
        rice=money[1],
        drift=drift,
        local=local,
        swing=swing,
        uncollected=gaps,
    )


PROFILES = {
    "KHM": _profile(3, 2004, ("KHR", 1900), (0.030, 0.04, 0.04), 0.05),
    "LAO": _profile(2, 2006, ("LAK", 7000), (0.020, 0.03, 0.03), 0.04),
    "MMR": _profile(4, 2007, ("MMK", 500), (0.045, 0.07, 0.06), 0.08),
    "PHL": _profile(4, 2003, ("PHP", 40), (0.015, 0.02, 0.03), 0.01),
    "THA": _profile(1, 2003, ("THB", 17), (0.030, 0.03, 0.03), 0.01),
    "VNM": _profile(2, 2006, ("VND", 11000), (0.025, 0.02, 0.03), 0.03),
}


def profile_of(country: str) -> Profile:
    """The profile of a country or facility, see `draws.profile_of`."""
    return draws.profile_of(country, PROFILES, _country, _facility)


def _country(rng: np.random.Generator) -> Profile:
    return _profile(
        markets=int(rng.integers(1, 4)),
        start=int(rng.integers(2003, 2007)),
        money=("XTS", float(np.exp(rng.uniform(np.log(10), np.log(10_000))))),  # ISO 4217's code for tests
        unrest=(rng.uniform(0.015, 0.045), rng.uniform(0.02, 0.06), rng.uniform(0.02, 0.06)),
        gaps=rng.uniform(0, 0.08),
    )


def _facility(country: Profile, rng: np.random.Generator) -> Profile:
    """One market, which is more or less restless than the country's."""
    return replace(country, markets=1, local=country.local * rng.uniform(0.8, 1.4))
