"""Synthetic weather whose every warning is known exactly: a linear system under a Gaussian sky.

    rain[p, t]  = normal[p, month of t] * (1 + VARIATION * z[p, t]), floored at 0
    z[:, t + 1] = OWN z[:, t] + COUNTRY mean(z[:, t]) - NINO nino[t - 1] - DIPOLE dipole[t - 1] + innovation
    P(flood begins in p, t) = Phi(floods[p, month of t] + FLOOD z[p, t])

The two indices have unit variance and are the same for every country of a seed; nino swings with a period of CYCLE
months (AR(2)), dipole is AR(1). The state at an origin is z with the indices of the last months before, which is all
that is published by then: nothing is hidden, so the future given the record is Gaussian and known in closed form. z has
a standard deviation of about 1, and rain reaches the floor below -4.
What one country could teach another stands in the constants here; what differs stands in `generator_profiles`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tasks.disaster.generator_profiles import Profile

Array = NDArray[np.float64]

OWN, COUNTRY = 0.35, 0.25  # shares of last month's anomaly that stay in the cell, and that come from the country's mean
NINO, DIPOLE = 0.25, 0.15  # effect of one degree: a warm Pacific dries the region
CYCLE, DAMPING = 42, 0.97  # months of a swing of nino, share of it left a month later
NINO_MEMORY = (2 * DAMPING * float(np.cos(2 * np.pi / CYCLE)), -(DAMPING**2))  # of one and two months before
DIPOLE_MEMORY = 0.75
NOISE = 0.65  # sd of a month's surprise
TOGETHER = 0.5  # share of a surprise's variance that all cells of a country have in common
VARIATION = 0.24  # of monthly rain for z = 1
FLOOD = 0.6  # effect of z = 1 on the normal score of a flood
SEASON_OF_FLOODS = 0.5  # the same for the height of the monsoon
EPOCH = np.datetime64("1960-01", "M")  # the indices of every seed start here; 19 years of burn-in


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of one synthetic country, P cells, S = P + 3 states and T months.

    first: first month on record. normal: (P, 12) mm by month of the year. floods: (P, 12) normal scores.
    transition, covariance: (S, S). state: (S, T): z, nino of one and of two months before, dipole of one before.
    """

    places: tuple[str, ...]
    first: np.datetime64
    normal: Array
    floods: Array
    transition: Array
    covariance: Array
    state: Array


def draw(
    profile: Profile, places: tuple[str, ...], months: int, rngs: list[np.random.Generator], indices: Array
) -> Truth:
    """Draw `months` of weather from two generators: cells, surprises. indices: (3, months), the state's last rows.

    Months are drawn one after another, so a longer record begins with the shorter one.
    """
    cells = len(places)
    transition, covariance = dynamics(cells)
    surprises = rngs[1].standard_normal((months, cells)) @ np.linalg.cholesky(covariance[:cells, :cells]).T
    state = np.zeros((cells + 3, months))
    state[cells:] = indices
    state[:cells, 0] = surprises[0]
    for month in range(1, months):
        state[:cells, month] = (transition @ state[:, month - 1])[:cells] + surprises[month]
    wet = np.cos(2 * np.pi * (np.arange(12) - profile.wettest - rngs[0].normal(0, 0.3, cells)[:, None]) / 12)
    return Truth(
        places=places,
        first=np.datetime64(profile.start, "M"),
        normal=profile.rain * rngs[0].uniform(0.7, 1.4, cells)[:, None] * (1 + profile.swing * wet),
        floods=float(ndtri(profile.floods)) + rngs[0].normal(0, 0.2, cells)[:, None] + SEASON_OF_FLOODS * wet,
        transition=transition,
        covariance=covariance,
        state=state,
    )


def dynamics(cells: int) -> tuple[Array, Array]:
    """Transition and innovation covariance (S, S) of the state."""
    transition = np.zeros((cells + 3, cells + 3))
    transition[:cells, :cells] = OWN * np.eye(cells) + COUNTRY / cells
    transition[:cells, cells:] = (-NINO, 0, -DIPOLE)
    transition[cells:, cells:] = np.array([[*NINO_MEMORY, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, DIPOLE_MEMORY]])
    covariance = np.zeros_like(transition)
    covariance[:cells, :cells] = NOISE**2 * (TOGETHER + (1 - TOGETHER) * np.eye(cells))
    covariance[cells, cells], covariance[-1, -1] = surprise()
    return transition, covariance


def surprise() -> tuple[float, float]:
    """Variance of a month's surprise of nino and of dipole that gives them unit variance (Box and Jenkins, 1970)."""
    first, second = NINO_MEMORY
    nino = (1 + second) * ((1 - second) ** 2 - first**2) / (1 - second)
    return nino, 1 - DIPOLE_MEMORY**2


def oceans(rng: np.random.Generator, months: int) -> Array:
    """(2, months) Nino 3.4 and dipole from EPOCH on, deg C."""
    fresh = rng.standard_normal((months, 2)) * np.sqrt(surprise())
    nino, dipole = np.zeros(months), np.zeros(months)
    for month in range(2, months):
        nino[month] = NINO_MEMORY[0] * nino[month - 1] + NINO_MEMORY[1] * nino[month - 2] + fresh[month, 0]
        dipole[month] = DIPOLE_MEMORY * dipole[month - 1] + fresh[month, 1]
    return np.stack([nino, dipole])


def rain(truth: Truth) -> Array:
    """(P, T) mm."""
    cells, months = len(truth.places), truth.state.shape[1]
    season = (truth.first + np.arange(months)).astype(np.int64) % 12
    return np.maximum(truth.normal[:, season] * (1 + VARIATION * truth.state[:cells]), 0.0)
