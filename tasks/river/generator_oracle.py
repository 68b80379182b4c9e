"""The best possible forecast of a synthetic country, from its true stores and its true laws of weather.

With perfect weather the stores of the days ahead are known, and the error of measurement alone is left. Otherwise they
are those of DRAWS courses of the weather, the same for all windows.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np

from tasks.data import Array, Windows
from tasks.river.generator import ERROR, MEMORY, TRUTH, Truth, evaporation, flow, season, step, weather
from tasks.river.settings import LEADS, LEVELS, PERFECT, RiverSettings
from tasks.river.snow import DEGREE, LAPSE
from tasks.synthetic.truth import is_synthetic, load, rows_of

DRAWS, SEED = 100, 1
SLICE = 500  # windows at a time


def oracle(folder: Path, windows: Windows, settings: RiverSettings) -> Array | None:
    """(N, 7, 11) quantiles of measured flow, or None where the folder holds real records.

    Raises DataError when the truth file belongs to other records.
    """
    if not is_synthetic(folder, TRUTH):
        return None
    truth = load(folder, TRUTH, Truth)
    place, at = rows_of(truth.places, windows), (windows.origin - truth.first).astype(np.int64)
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    said = np.zeros((len(place), LEADS, len(LEVELS)))
    for start in range(0, len(place), SLICE):
        rows = slice(start, start + SLICE)
        flows = _courses(truth, place[rows], at[rows], settings.mode == PERFECT)
        if settings.mode == PERFECT:
            said[rows] = flows * np.exp(ERROR * normal)
            continue
        errors = np.random.default_rng(SEED).standard_normal(flows.shape[1:])
        said[rows] = np.moveaxis(np.quantile(flows * np.exp(ERROR * errors), LEVELS, axis=-1), 0, -1)
    return said


def _courses(truth: Truth, place: Array, at: Array, known: bool) -> Array:
    """(N, 7, D) flows of the days ahead under D courses of the weather; the one that came, where it is known."""
    ahead = np.arange(1, LEADS + 1)
    if known:
        due = np.minimum(at[:, None] + ahead, len(truth.rain) - 1)
        rain, warm = truth.rain[due][:, None], truth.warm[due][:, None]
    else:
        rngs = np.random.default_rng(SEED).spawn(2)
        rain, surprise = weather(np.zeros(DRAWS), LEADS, list(rngs))
        decay = (truth.warm[at][:, None] * MEMORY**ahead)[:, None]
        warm = decay + surprise
        rain = np.broadcast_to(rain, warm.shape)
    days = season(truth.first + at[:, None] + ahead)[:, None]
    temperature = truth.heat[place][:, None, None] + days + warm
    snow = np.repeat(truth.snow[place, at][:, None], warm.shape[1], axis=1).astype(np.float64)
    fast, slow = (np.repeat(each[place, at][:, None], warm.shape[1], axis=1) for each in (truth.fast, truth.slow))
    flows = np.zeros((len(place), LEADS, warm.shape[1]))
    for lead in range(LEADS):
        falls = truth.share[place][:, None] * rain[..., lead]
        snow, water = _melted(snow, falls, temperature[..., lead], truth.bands[place][:, None])
        fast, slow = step(fast, slow, water, evaporation(temperature[..., lead]))
        flows[:, lead] = flow(fast, slow)
    return flows


def _melted(snow: Array, rain: Array, temperature: Array, bands: Array) -> tuple[Array, Array]:
    """A day of `snow.melt`: (N, D, B), (N, D), (N, D), (N, 1, B)."""
    warmth = temperature[..., None] - LAPSE * bands
    lies = np.where(warmth < 0, rain[..., None], 0.0)
    melted = np.minimum(snow + lies, DEGREE * np.maximum(warmth, 0.0))
    return snow + lies - melted, (rain[..., None] - lies + melted).mean(axis=-1)
