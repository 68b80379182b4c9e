"""What differs between synthetic member states: cells, record, season, how much rain and how many floods.

The eleven profiles are only loosely like their namesakes; every record drawn from them is synthetic.
"""

from dataclasses import dataclass, replace

import numpy as np

from tasks.synthetic import draws


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One synthetic member state."""

    cells: int
    start: str  # first month on record, YYYY-MM
    corner: tuple[float, float]  # degrees east and north of the first cell's centre
    wettest: float  # month of the year the monsoon peaks, 0 = January; November to February south of the equator
    swing: float  # of rainfall over the year, 0 none to 1 a dry season without rain
    rain: float  # mm in an average month
    heat: float  # deg C, yearly mean
    floods: float  # share of cell-months with a flood where the season and the rain are middling


def _profile(
    cells: int,
    start: int,
    corner: tuple[float, float],
    climate: tuple[float, float, float, float],
    floods: float,
) -> Profile:
    wettest, swing, rain, heat = climate
    return Profile(
        cells=cells,
        start=f"{start}-01",
        corner=corner,
        wettest=wettest,
        swing=swing,
        rain=rain,
        heat=heat,
        floods=floods,
    )


PROFILES = {
    "BRN": _profile(1, 1985, (114.5, 4.5), (10, 0.35, 240, 27.5), 0.02),
    "KHM": _profile(6, 1985, (103.5, 11.5), (8, 0.80, 150, 27.5), 0.05),
    "IDN": _profile(20, 1979, (105.5, -8.5), (0, 0.60, 210, 26.5), 0.03),
    "LAO": _profile(6, 1985, (102.5, 17.5), (7, 0.85, 160, 24.0), 0.04),
    "MYS": _profile(9, 1979, (101.5, 2.5), (10, 0.30, 240, 27.0), 0.03),
    "MMR": _profile(15, 1985, (94.5, 17.5), (6.5, 0.90, 190, 25.0), 0.03),
    "PHL": _profile(9, 1979, (121.5, 13.5), (7, 0.50, 210, 26.5), 0.06),
    "SGP": _profile(1, 1979, (103.5, 1.5), (11, 0.25, 200, 27.5), 0.01),
    "THA": _profile(14, 1979, (99.5, 13.5), (8, 0.80, 130, 27.0), 0.05),
    "TLS": _profile(1, 1985, (125.5, -8.5), (1, 0.80, 120, 26.0), 0.02),
    "VNM": _profile(10, 1979, (105.5, 13.5), (8, 0.70, 160, 24.5), 0.05),
}


def profile_of(country: str) -> Profile:
    """The profile of a country or facility, see `draws.profile_of`."""
    return draws.profile_of(country, PROFILES, _country, _facility)


def _country(rng: np.random.Generator) -> Profile:
    return _profile(
        cells=int(rng.integers(1, 13)),
        start=int(rng.choice([1979, 1985])),
        corner=(float(rng.integers(-170, 160)) + 0.5, float(rng.integers(-40, 40)) + 0.5),
        climate=(rng.uniform(0, 12), rng.uniform(0.3, 0.9), rng.uniform(120, 240), rng.uniform(24, 28)),
        floods=rng.uniform(0.01, 0.06),
    )


def _facility(country: Profile, rng: np.random.Generator) -> Profile:
    """Two cells in the country's climate, with rain and floods of their own."""
    east, north = country.corner
    return replace(
        country,
        cells=2,
        corner=(east + float(rng.integers(0, 4)), north + float(rng.integers(0, 4))),
        rain=country.rain * rng.uniform(0.7, 1.3),
        floods=country.floods * rng.uniform(0.5, 1.5),
    )
