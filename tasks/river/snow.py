"""Snow by elevation bands and degree days: how much of the weather is water that can run off.

A band is colder than the catchment's mean by LAPSE a kilometre. Precipitation below freezing lies as snow; above it,
snow melts by DEGREE mm a degree and day. What one day's weather says is known at its end, so a store holds nothing
later.
Source of the degree-day model: Hock (2003), https://doi.org/10.1016/S0022-1694(03)00257-9.
"""

import numpy as np

from tasks.data import Array

LAPSE = 6.5  # K a kilometre
DEGREE = 3.0  # mm a K and day


def melt(rain: Array, temperature: Array, bands: Array) -> tuple[Array, Array]:
    """Snow of each band and water that reaches the ground: (P, T), (P, T), (P, B) -> (P, T, B) and (P, T), mm.

    rain, temperature: without NaN. Bands are equally large.
    """
    store = np.zeros(bands.shape)
    snow, water = np.zeros((*rain.shape, bands.shape[1]), np.float32), np.zeros(rain.shape)
    for day in range(rain.shape[1]):
        warmth = temperature[:, day, None] - LAPSE * bands
        falls = np.where(warmth < 0, rain[:, day, None], 0.0)
        store += falls
        melted = np.minimum(store, DEGREE * np.maximum(warmth, 0.0))
        store -= melted
        snow[:, day] = store
        water[:, day] = (rain[:, day, None] - falls + melted).mean(axis=1)
    return snow, water
