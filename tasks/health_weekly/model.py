"""The model of weekly dengue; its loss and its units are those of `tasks.health.learning`."""

from torch import nn

from tasks.evaluation.levels import LEVELS
from tasks.health_weekly.features import tokens
from tasks.health_weekly.settings import HealthWeeklySettings
from tasks.models.choice import build
from tasks.models.model import Shape


def build_model(settings: HealthWeeklySettings, seed: int) -> nn.Module:
    """`features` (N, F) and `floor` (N,) -> (N, H, 23) quantiles in model units; the seed decides the weights."""
    return build(settings, Shape(tokens=tokens(settings), horizons=len(settings.horizons), levels=LEVELS), seed)
