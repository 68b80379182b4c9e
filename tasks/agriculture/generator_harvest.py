"""Synthetic harvests whose every forecast is known exactly.

    yield[p, t] = level[p] + growth[p] * t + spread[p] * (OWN * a[p, t] + sum over months b of weight[p, b] . z[b])

a is AR(1) of unit variance with memory MEMORY: soils, prices, pests. z are monthly anomalies of rain and temperature,
AR(1) with CLIMATE_MEMORY. The weights make the sum a weighted sum of the standardised phase means of the season, with
the weights RESPONSE: what one country can teach another. What differs stands in `generator_profiles`.

Weather decides about a third of the variance around the trend, most of it in the middle of the season.
Source of the third: Ray et al. (2015), https://doi.org/10.1038/ncomms6989
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.agriculture.generator_profiles import SEASONS, Profile
from tasks.agriculture.seasons import PHASES, YEAR, issued_before_harvest, season_months

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

RESPONSE = np.array([[0.12, 0.25, 0.25, 0.08], [-0.08, -0.12, -0.25, -0.08]])  # rainfall, temperature; phases 0 to 3
OWN = 0.8
MEMORY = 0.3
CLIMATE_MEMORY = 0.3
TOGETHER = 0.7  # share of the weather's variance that all places of a country have in common
RAIN_SD, HEAT_SD = 0.25, 0.8  # a standard deviation of z: share of the month's usual rain; deg C
LEAD = 2 * YEAR  # months of weather kept from before the first harvest year: the longest season starts a year earlier
BURN_IN = 20


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of one synthetic country: P places, T years, A areas with weather, M = LEAD + 12 T months.

    first: first harvest year. area: (P,) row of the place's weather. planting, harvest: (P,) months 1 to 12.
    level, growth, spread: (P,) t/ha. weights: (P, 2, 12) by months before harvest. anomaly: (P, T) a.
    weather: (A, 2, M) z from January of the year `first` - 2 on.
    """

    places: tuple[str, ...]
    first: int
    area: Whole
    planting: Whole
    harvest: Whole
    level: Array
    growth: Array
    spread: Array
    weights: Array
    anomaly: Array
    weather: Array


def draw(
    profile: Profile,
    places: tuple[str, ...],
    areas: tuple[str, ...],
    first: int,
    years: int,
    rngs: list[np.random.Generator],
) -> Truth:
    """Draw `years` of harvests of `<area>/<crop>` places from three generators: places, anomalies, weather.

    Each generator draws year by year or month by month, so a longer record begins with the shorter one.
    """
    crops = [SEASONS[place.rpartition("/")[2]] for place in places]
    planting = np.array([(crop[0] - 1 + profile.later) % YEAR + 1 for crop in crops])
    harvest = np.array([(crop[1] - 1 + profile.later) % YEAR + 1 for crop in crops])
    level = np.array([crop[2] for crop in crops]) * np.exp(rngs[0].normal(0, 0.3, len(places)))
    return Truth(
        places=places,
        first=first,
        area=np.array([areas.index(place.rpartition("/")[0]) for place in places]),
        planting=planting,
        harvest=harvest,
        level=level,
        growth=level * rngs[0].uniform(0.0, 0.025, len(places)),
        spread=level * profile.noise * rngs[0].uniform(0.8, 1.2, len(places)),
        weights=_weights(profile, planting, harvest),
        anomaly=autoregressive(rngs[1].standard_normal((BURN_IN + years, len(places))), MEMORY)[BURN_IN:].T,
        weather=_weather(len(areas), LEAD + YEAR * years, rngs[2]),
    )


def yields(truth: Truth) -> Array:
    """(P, T) t/ha, at least 0."""
    years = np.arange(truth.anomaly.shape[1])
    month = at_harvest(truth, truth.first + years)[..., None] - np.arange(YEAR)
    season = truth.weather[truth.area[:, None, None], :, month]  # (P, T, 12, 2)
    response = np.einsum("ptbv,pvb->pt", season, truth.weights)
    trend = truth.level[:, None] + truth.growth[:, None] * years
    return np.asarray(np.maximum(trend + truth.spread[:, None] * (OWN * truth.anomaly + response), 0.0))


def at_harvest(truth: Truth, years: Whole) -> Whole:
    """Column in the weather of the harvest month of every place: (T,) years -> (P, T)."""
    return np.asarray((years - truth.first) * YEAR + LEAD + truth.harvest[:, None] - 1)


def usual_rain(profile: Profile, month: Whole) -> Array:
    """mm in a month of the year, 0 = January; the wettest comes in the middle of the first rice season."""
    return np.asarray(profile.rain * (1 + profile.swing * np.cos(2 * np.pi * (month - 7 - profile.later) / YEAR)))


def autoregressive(fresh: Array, memory: float) -> Array:
    """AR(1) of unit variance along the first axis from standard normal draws."""
    series = fresh.copy()
    for step in range(1, len(fresh)):
        series[step] = memory * series[step - 1] + np.sqrt(1 - memory**2) * fresh[step]
    return series


def _weights(profile: Profile, planting: Whole, harvest: Whole) -> Array:
    """(P, 2, 12): RESPONSE of each phase, as weights of z that give the phase's mean in the file unit variance."""
    before, ends = np.arange(YEAR), issued_before_harvest(planting, harvest)
    phase = (ends[:, :, None] > before).sum(axis=1)
    within = before < season_months(planting, harvest)[:, None]
    rain = usual_rain(profile, (harvest[:, None] - 1 - before) % YEAR)
    together = CLIMATE_MEMORY ** np.abs(before[:, None] - before)
    weights = np.zeros((len(harvest), 2, YEAR))
    for variable, size in enumerate((rain, np.ones_like(rain))):
        for number in range(PHASES):
            part = np.where(within & (phase == number), size, 0.0)
            variance = np.einsum("pa,ab,pb->p", part, together, part)
            weights[:, variable] += (
                RESPONSE[variable, number] * part / np.sqrt(np.where(variance > 0, variance, 1))[:, None]
            )
    return weights


def _weather(areas: int, months: int, rng: np.random.Generator) -> Array:
    """(A, 2, months) of unit variance, one part common to all areas."""
    fresh = rng.standard_normal((months, areas + 1, 2))
    fresh = np.sqrt(TOGETHER) * fresh[:, :1] + np.sqrt(1 - TOGETHER) * fresh[:, 1:]
    return autoregressive(fresh, CLIMATE_MEMORY).transpose(1, 2, 0)
