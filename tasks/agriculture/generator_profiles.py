"""What differs between synthetic member states: crops, cells, length of record, season, noise.

The eleven profiles are only loosely like their namesakes; every record drawn from them is synthetic.
"""

from dataclasses import dataclass, replace

import numpy as np

from tasks.agriculture.schema import CROPS
from tasks.synthetic import draws

# (planting, harvest) months north of the equator and a middling yield in t/ha; some seasons cross New Year.
SEASONS = {
    "rice": (6, 11, 3.2),
    "rice_2": (12, 4, 4.1),
    "maize": (5, 9, 2.8),
    "wheat": (11, 3, 1.2),
    "barley": (11, 3, 1.8),
    "soybeans": (6, 9, 1.3),
    "beans": (10, 1, 0.8),
    "peas": (10, 1, 0.7),
    "potatoes": (10, 2, 12.0),
    "cassava": (4, 2, 14.0),
    "cocoa_beans": (1, 12, 0.6),
    "bananas": (1, 12, 11.0),
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One synthetic member state."""

    crops: tuple[str, ...]  # of the national view; cells grow rice, second rice and maize
    cells: int
    start: int  # first harvest year of the national view; cells are seen from 1981 on
    later: int  # months by which its seasons come later than SEASONS
    swing: float  # of rainfall over the year, 0 none to 1 a dry season without rain
    rain: float  # mm in an average month
    heat: float  # deg C, yearly mean
    noise: float  # sd of a harvest around its trend, as a share of the yield
    gaps: float  # share of harvests that were not reported
    carried: float  # share of harvests for which the statistics repeat the year before


def _profile(
    crops: str, cells: int, start: int, later: int, climate: tuple[float, float, float], quality: tuple[float, ...]
) -> Profile:
    swing, rain, heat = climate
    noise, gaps, carried = quality
    return Profile(
        crops=tuple(crops.split()),
        cells=cells,
        start=start,
        later=later,
        swing=swing,
        rain=rain,
        heat=heat,
        noise=noise,
        gaps=gaps,
        carried=carried,
    )


_EIGHT = "rice maize soybeans beans potatoes cassava cocoa_beans bananas"
PROFILES = {
    "BRN": _profile("rice cassava bananas", 2, 1980, 2, (0.35, 240, 27.5), (0.12, 0.02, 0.05)),
    "KHM": _profile("rice maize soybeans beans cassava bananas", 8, 1970, 0, (0.80, 150, 27.5), (0.12, 0.04, 0.04)),
    "IDN": _profile(_EIGHT, 20, 1961, 5, (0.60, 210, 26.5), (0.05, 0.01, 0.02)),
    "LAO": _profile(
        "rice maize soybeans beans potatoes cassava bananas", 7, 1975, 0, (0.90, 160, 24), (0.11, 0.03, 0.03)
    ),
    "MYS": _profile("rice maize cassava cocoa_beans bananas", 6, 1961, 2, (0.30, 240, 27), (0.07, 0.01, 0.06)),
    "MMR": _profile(
        "rice maize wheat soybeans beans peas potatoes cassava", 14, 1965, 0, (0.95, 190, 25), (0.07, 0.03, 0.04)
    ),
    "PHL": _profile(_EIGHT, 7, 1961, 0, (0.50, 210, 26.5), (0.06, 0.01, 0.02)),
    "SGP": _profile("cassava bananas", 1, 1980, 1, (0.25, 200, 27.5), (0.14, 0.03, 0.06)),
    "THA": _profile(f"{_EIGHT} wheat barley", 13, 1961, 0, (0.80, 130, 27), (0.06, 0.01, 0.01)),
    "TLS": _profile("rice maize beans cassava", 2, 1980, 5, (0.80, 120, 26), (0.14, 0.04, 0.07)),
    "VNM": _profile(
        "rice maize soybeans beans potatoes cassava bananas", 9, 1965, 0, (0.70, 160, 24.5), (0.07, 0.02, 0.01)
    ),
}


def profile_of(country: str) -> Profile:
    """The profile of a country or facility, see `draws.profile_of`."""
    return draws.profile_of(country, PROFILES, _country, _facility)


def _country(rng: np.random.Generator) -> Profile:
    return _profile(
        " ".join(sorted(rng.choice(CROPS, size=rng.integers(2, 10), replace=False))),
        int(rng.integers(1, 15)),
        int(rng.integers(1961, 1981)),
        int(rng.integers(0, 12)),
        (rng.uniform(0.25, 0.95), rng.uniform(120, 240), rng.uniform(24, 28)),
        (rng.uniform(0.05, 0.14), rng.uniform(0, 0.04), rng.uniform(0, 0.07)),
    )


def _facility(country: Profile, rng: np.random.Generator) -> Profile:
    """One district: its country's crops, two cells, and a noise of its own."""
    return replace(
        country,
        cells=2,
        start=country.start + int(rng.integers(0, 10)),
        noise=country.noise * rng.uniform(0.8, 1.4),
    )
