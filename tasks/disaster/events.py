"""What happened and what is usual: everything that labels, features, baselines and the oracle share."""

from dataclasses import dataclass

import numpy as np

from tasks.data import Array, Panel
from tasks.disaster.gauges import steady
from tasks.disaster.indices import gamma, index, quantile, summed
from tasks.disaster.records import measured
from tasks.disaster.reference import usual
from tasks.disaster.settings import DisasterSettings

DRY = -1.0  # SPI-3 below is a moderate drought: McKee et al. (1993)
EXTREME = 0.95  # share of a cell's reference months with less rain than an extreme one


@dataclass(frozen=True, kw_only=True)
class Course:
    """A country on its calendar, the H months after the last one on record included (NaN there): T + H columns.

    until: last month of the years that say what is usual. periods: (T + H,). rainfall: (P, T + H) of steady gauges.
    months, threshold: the rain of that many months against (P, T + H) makes a drought or an extreme; floods: 0, NaN.
    event: (P, T + H) in {0, 1}, NaN where it is unknown.
    """

    until: np.datetime64
    periods: Array
    rainfall: Array
    months: int
    threshold: Array
    event: Array

    def usual(self, months: int) -> Array:
        """(4, P, T + H) distribution of the rain of that many months at each time of the year."""
        return gamma(summed(self.rainfall, months), self.periods, self.until)

    def index(self, months: int) -> Array:
        """(P, T + H) SPI over that many months."""
        return index(summed(self.rainfall, months), self.usual(months))


def follow(panel: Panel, settings: DisasterSettings) -> Course:
    """The course of a country: its events as its reference years define them."""
    until = settings.reference()
    periods = np.arange(panel.periods[0], panel.periods[-1] + 1 + settings.horizons)
    rainfall = measured(panel, "rainfall")
    if settings.steady:
        rainfall = steady(rainfall, panel.covariates["national_rainfall"])
    rainfall = extended(rainfall, settings.horizons)
    if settings.hazard == "drought":
        fallen = summed(rainfall, 3)
        months, threshold = 3, quantile(gamma(fallen, periods, until), DRY)
        event = _where_known(fallen < threshold, fallen, threshold)
    elif settings.hazard == "rain":
        months, threshold = 1, usual(rainfall, periods, until, _extreme, cycle=1)[0]
        event = _where_known(rainfall > threshold, rainfall, threshold)
    else:
        months, threshold = 0, np.full(rainfall.shape, np.nan)
        event = extended(measured(panel, "flood"), settings.horizons)
    return Course(until=until, periods=periods, rainfall=rainfall, months=months, threshold=threshold, event=event)


def extended(values: Array, periods: int) -> Array:
    """(P, T) -> (P, T + periods), NaN at the end."""
    return np.pad(values, ((0, 0), (0, periods)), constant_values=np.nan)


def _extreme(history: Array) -> Array:
    """(P, Y) -> (1, P) percentile of the known values."""
    known = np.isfinite(history).any(axis=1)
    extreme = np.full((1, len(history)), np.nan)
    if known.any():
        extreme[0, known] = np.nanquantile(history[known], EXTREME, axis=1)
    return extreme


def _where_known(event: Array, *needed: Array) -> Array:
    return np.where(np.isfinite(needed).all(axis=0), event.astype(np.float64), np.nan)
