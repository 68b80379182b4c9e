"""What differs between synthetic member states: size, record, season, reporting, noise.

The eleven profiles are only loosely like their namesakes; every record drawn from them is synthetic.
"""

from dataclasses import dataclass, replace

import numpy as np

from tasks.synthetic import draws


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One synthetic member state."""

    provinces: int
    start: str  # first month on record, YYYY-MM
    wettest: float  # month of the year the monsoon peaks, 0 = January; November to February south of the equator
    swing: float  # of rainfall over the year, 0 none to 1 a dry season without rain
    rain: float  # mm in an average month
    heat: float  # deg C, yearly mean
    people: float  # in a middling province
    reported: float  # share of all infections that reach the national file
    noise: float  # sd of a month's surprise, log scale
    unreported: float  # share of province-months that were never handed in


def _profile(
    provinces: int,
    start: int,
    climate: tuple[float, float, float, float],
    people: float,
    reporting: tuple[float, float],
    noise: float,
) -> Profile:
    wettest, swing, rain, heat = climate
    reported, unreported = reporting
    return Profile(
        provinces=provinces,
        start=f"{start}-01",
        wettest=wettest,
        swing=swing,
        rain=rain,
        heat=heat,
        people=people,
        reported=reported,
        noise=noise,
        unreported=unreported,
    )


PROFILES = {
    "BRN": _profile(2, 1998, (10, 0.35, 240, 27.5), 160e3, (0.60, 0.02), 0.40),
    "KHM": _profile(7, 1996, (8, 0.80, 150, 27.5), 1.0e6, (0.25, 0.04), 0.36),
    "IDN": _profile(14, 1993, (0, 0.60, 210, 26.5), 6.0e6, (0.30, 0.05), 0.30),
    "LAO": _profile(6, 1998, (7, 0.90, 160, 24.0), 400e3, (0.20, 0.06), 0.38),
    "MYS": _profile(7, 1995, (10, 0.30, 240, 27.0), 1.8e6, (0.50, 0.01), 0.30),
    "MMR": _profile(8, 1999, (6.5, 0.95, 190, 25.0), 2.5e6, (0.12, 0.06), 0.38),
    "PHL": _profile(10, 1994, (7, 0.50, 210, 26.5), 3.0e6, (0.30, 0.03), 0.34),
    "SGP": _profile(1, 1990, (11, 0.25, 200, 27.5), 4.2e6, (0.70, 0.00), 0.28),
    "THA": _profile(12, 1991, (8, 0.80, 130, 27.0), 2.0e6, (0.60, 0.01), 0.28),
    "TLS": _profile(3, 2001, (1, 0.80, 120, 26.0), 250e3, (0.15, 0.06), 0.42),
    "VNM": _profile(9, 1994, (8, 0.70, 160, 24.5), 2.2e6, (0.40, 0.02), 0.32),
}


def profile_of(country: str) -> Profile:
    """The profile of a country or facility, see `draws.profile_of`."""
    return draws.profile_of(country, PROFILES, _country, _facility)


def _country(rng: np.random.Generator) -> Profile:
    return _profile(
        provinces=int(rng.integers(1, 11)),
        start=int(rng.integers(1990, 2002)),
        climate=(rng.uniform(0, 12), rng.uniform(0.3, 0.95), rng.uniform(120, 240), rng.uniform(24, 28)),
        people=float(np.exp(rng.uniform(np.log(2e5), np.log(5e6)))),
        reporting=(rng.uniform(0.1, 0.7), rng.uniform(0, 0.06)),
        noise=rng.uniform(0.28, 0.42),
    )


def _facility(country: Profile, rng: np.random.Generator) -> Profile:
    """A few catchments: fewer people, a record that began when the clinic did, and a noise of its own."""
    first = int(country.start[:4])
    return replace(
        country,
        provinces=int(rng.integers(2, 5)),
        start=f"{int(rng.integers(first, first + 8))}-01",
        people=float(np.exp(rng.uniform(np.log(5e4), np.log(5e5)))),
        reported=country.reported * rng.uniform(0.7, 1.3),
        noise=country.noise * rng.uniform(0.8, 1.4),
    )
