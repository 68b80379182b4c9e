"""The model of weekly dengue; its loss and its units are those of `tasks.health.learning`."""

import numpy as np
from torch import nn

from tasks.data import Array, Windows
from tasks.evaluation.levels import LEVELS
from tasks.health import learning
from tasks.health_weekly.features import tokens
from tasks.health_weekly.settings import HealthWeeklySettings
from tasks.models.choice import build
from tasks.models.model import Shape


def build_model(settings: HealthWeeklySettings, seed: int) -> nn.Module:
    """`features` (N, F) and `floor` (N,) -> (N, H, 23) quantiles in model units; the seed decides the weights."""
    return build(settings, Shape(tokens=tokens(settings), horizons=len(settings.horizons), levels=LEVELS), seed)


def forecast(output: Array, windows: Windows) -> Array:
    """Quantiles in model units -> whole cases, ascending and never below 0: (N, H, 23) float64.

    A quantile of a count is a count. In places with a case in few weeks, a median of .1 where nearly always nothing
    happens costs more than all else.
    """
    return np.asarray(np.rint(learning.forecast(output, windows)))
