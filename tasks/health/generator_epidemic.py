"""A synthetic epidemic whose every forecast is known exactly.

    log1p(reported[p, t]) = base[p, month of t] + RAIN * r[p, t - 3] + HEAT * w[p, t - 4] + u[p, t]
    base = level + seasonal cycle + log(share of infections reported)
    u[:, t] = transition @ u[:, t - 1] + innovation,     innovation ~ N(0, covariance)

r and w are standardised anomalies of log rainfall and temperature, AR(1) with CLIMATE_MEMORY. In u each province keeps
part of its own last month and takes part of its upstream neighbour's: waves leave the first province, the capital, and
travel down the list. The report is expm1, rounded and kept within 0 and a tenth of the people: monotone, so quantiles
pass through it unharmed.
What one country could teach another stands in the constants here; what differs stands in `generator_profiles`.

Source of the shape: Cummings et al. (2004), https://doi.org/10.1038/nature02225 (waves out of the capital);
Lowe et al. (2018), https://doi.org/10.1371/journal.pmed.1002613 (climate leading dengue by months).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.health.generator_profiles import Profile

Array = NDArray[np.float64]

OWN, UPSTREAM = 0.6, 0.3  # shares of last month's u that stay, and that arrive from the neighbour
TOGETHER = 0.3  # share of a surprise's variance that all provinces of a country have in common
RAIN, HEAT = 0.3, 0.25  # effect of one standard deviation, log scale
RAIN_LAG, HEAT_LAG = 3, 4  # months; at 3 or more, a forecast of 1 to 3 months needs no forecast of the weather
LEAD = 4  # months of weather kept from before the record: the longest lag
CLIMATE_MEMORY = 0.5
CLIMATE_TOGETHER = 0.8  # weather systems are wider than provinces
INCIDENCE = 4e-4  # infections a person and month in a middling month
BURN_IN = 60  # months; 0.9 ** 60 < 0.002 of any start remains


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of one synthetic country, P places and T months; everything a perfect forecaster could know.

    first: first month on record. people: (P,). base: (P, 12) by month of the year. transition, covariance: (P, P).
    wave: (P, T) u. rain, heat: (P, LEAD + T) anomalies, the record's first month at column LEAD.
    """

    places: tuple[str, ...]
    first: np.datetime64
    people: Array
    base: Array
    transition: Array
    covariance: Array
    wave: Array
    rain: Array
    heat: Array


def draw(country: str, profile: Profile, months: int, rngs: list[np.random.Generator]) -> Truth:
    """Draw `months` of an epidemic from four generators: provinces, waves, rain, heat.

    Each generator draws month by month, so a longer record begins with the shorter one.
    """
    provinces = profile.provinces
    people = np.rint(profile.people * np.exp(rngs[0].normal(0, 0.6, provinces)))
    transition, covariance = dynamics(provinces, profile.noise)
    return Truth(
        places=tuple(f"{country}-{number:02d}" for number in range(1, provinces + 1)),
        first=np.datetime64(profile.start, "M"),
        people=people,
        base=_base(profile, people, rngs[0]),
        transition=transition,
        covariance=covariance,
        wave=waves(transition, covariance, months, rngs[1]),
        rain=_anomalies(provinces, LEAD + months, rngs[2]),
        heat=_anomalies(provinces, LEAD + months, rngs[3]),
    )


def latent(truth: Truth) -> Array:
    """(P, T) log1p of reports before they are rounded."""
    months = truth.wave.shape[1]
    return np.asarray(
        truth.base[:, month_of_year(truth.first + np.arange(months))]
        + RAIN * truth.rain[:, LEAD - RAIN_LAG :][:, :months]
        + HEAT * truth.heat[:, LEAD - HEAT_LAG :][:, :months]
        + truth.wave
    )


def reports(logs: Array, people: Array) -> Array:
    """Log1p -> whole counts, at most a tenth of the people. Monotone: a quantile of `logs` is one of the counts."""
    return np.asarray(np.rint(np.clip(np.expm1(logs), 0.0, people // 10)))


def dynamics(provinces: int, noise: float, own: float = OWN, upstream: float = UPSTREAM) -> tuple[Array, Array]:
    """Transition and innovation covariance of u; the capital, fed by nobody, keeps its neighbour's share itself."""
    transition = own * np.eye(provinces) + upstream * np.eye(provinces, k=-1)
    transition[0, 0] = own + upstream
    covariance = noise**2 * (TOGETHER * np.ones((provinces, provinces)) + (1 - TOGETHER) * np.eye(provinces))
    return transition, covariance


def month_of_year(months: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """0 = January."""
    return months.astype("datetime64[M]").astype(np.int64) % 12


def _base(profile: Profile, people: Array, rng: np.random.Generator) -> Array:
    """(P, 12): cases follow the monsoon by about two months, a little earlier or later in each province."""
    provinces = len(people)
    level = np.log(people * INCIDENCE * profile.reported) + rng.normal(0, 0.4, provinces)
    peak = profile.wettest + 2 + rng.normal(0, 0.5, provinces)
    phase = 2 * np.pi * (np.arange(12) - peak[:, None]) / 12
    height = (0.4 + 0.7 * profile.swing) * rng.uniform(0.8, 1.2, provinces)[:, None]
    return np.asarray(level[:, None] + height * (np.cos(phase) + 0.25 * np.cos(2 * phase)))


def waves(transition: Array, covariance: Array, months: int, rng: np.random.Generator) -> Array:
    """(P, months) of u, the state of the epidemic, after a burn-in."""
    surprises = rng.standard_normal((BURN_IN + months, len(covariance))) @ np.linalg.cholesky(covariance).T
    wave = np.zeros_like(surprises)
    for month in range(1, len(surprises)):
        wave[month] = transition @ wave[month - 1] + surprises[month]
    return np.asarray(wave[BURN_IN:].T)


def _anomalies(provinces: int, months: int, rng: np.random.Generator) -> Array:
    """(P, months) of unit variance: AR(1) in time, one part common to all provinces."""
    fresh = rng.standard_normal((months, provinces + 1))
    fresh = np.sqrt(CLIMATE_TOGETHER) * fresh[:, :1] + np.sqrt(1 - CLIMATE_TOGETHER) * fresh[:, 1:]
    anomalies: Array = fresh.copy()  # the first month is already of unit variance
    for month in range(1, months):
        anomalies[month] = CLIMATE_MEMORY * anomalies[month - 1] + np.sqrt(1 - CLIMATE_MEMORY**2) * fresh[month]
    return anomalies.T
