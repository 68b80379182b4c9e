"""The model of the health task, its loss, and the way back from model units to cases."""

import numpy as np
from torch import Tensor, nn

from tasks.data import Array, Windows
from tasks.evaluation.levels import LEVELS
from tasks.health.features import tokens
from tasks.health.settings import HealthSettings
from tasks.models.choice import build
from tasks.models.losses import pinball
from tasks.models.model import Shape

MOST = np.log1p(1e9)  # more people than live in the region: a forecast stays a finite number


def build_model(settings: HealthSettings, seed: int) -> nn.Module:
    """`features` (N, F) and `floor` (N,) -> (N, H, 23) quantiles in model units; the seed decides the weights."""
    return build(settings, Shape(tokens=tokens(settings), horizons=settings.horizons, levels=LEVELS), seed)


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean pinball loss over the 23 levels; months not reported do not count."""
    return pinball(output, target, LEVELS)


def output(forecast: Array, windows: Windows) -> Array:
    """Cases (N, H, 23) -> quantiles in model units: the way back of `forecast`."""
    last, scale = (windows.restore[name][:, None, None] for name in ("last", "scale"))
    return np.asarray((np.log1p(forecast) - last) / scale)


def forecast(output: Array, windows: Windows) -> Array:
    """Quantiles in model units -> cases, ascending and never below 0: (N, H, 23) float64."""
    last, scale = (windows.restore[name][:, None, None] for name in ("last", "scale"))
    logs = np.clip(last + scale * np.asarray(output, np.float64), 0.0, MOST)
    return np.sort(np.expm1(logs), axis=-1)
