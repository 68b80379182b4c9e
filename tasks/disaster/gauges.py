"""Rainfall as if the gauges had stayed the same.

Gauge analyses drift where stations close and open: in Myanmar the one of NOAA CPC caught .6 of the reanalysis' rain
about 1980, .2 about 2000 and .5 after 2010. Against its own past, such a country would be in drought for years and
then never again. Each month is therefore rescaled by what the last months say about the gauges, never by later ones.
"""

import numpy as np

from tasks.data import Array
from tasks.windows import lagged, trailing_mean

WINDOW = 24  # months: two whole years, so that the season cancels
LEAST = 12
YEARS = 5  # without a reanalysis: the gauges' own usual year


def steady(rainfall: Array, national: Array) -> Array:
    """(P, T) rainfall in mm and the country's reanalysis (NaN where unknown) -> (P, T) rescaled rainfall.

    With a reanalysis: times reanalysis / country mean of the gauges over the last WINDOW months. Without: divided by
    the median of the country's last YEARS yearly means, so that a year of drought does not pass for a lost gauge; the
    result is then a share of the usual month instead of mm. NaN for the first months, whose gauges have no past.
    """
    gauged, modelled = country_mean(rainfall), country_mean(national)
    if np.isfinite(modelled).any():
        both = np.where(np.isfinite(gauged) & np.isfinite(modelled), 1.0, np.nan)
        factor = _per(trailing_mean(modelled * both, WINDOW, LEAST), trailing_mean(gauged * both, WINDOW, LEAST))
    else:
        yearly = lagged(trailing_mean(gauged, 12, LEAST), range(0, 12 * YEARS, 12))
        factor = _per(np.ones_like(gauged), _median(yearly))
    return rainfall * factor


def country_mean(values: Array) -> Array:
    """Mean over the places whose value is known: (P, T) -> (1, T), NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=0, keepdims=True)
    total = np.where(known, values, 0.0).sum(axis=0, keepdims=True)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _median(yearly: Array) -> Array:
    """Median of the known values along the last axis; NaN without any."""
    known = np.isfinite(yearly).any(axis=-1)
    middle = np.full(known.shape, np.nan)
    middle[known] = np.nanmedian(yearly[known], axis=-1)
    return middle


def _per(above: Array, below: Array) -> Array:
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)
