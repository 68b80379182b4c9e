"""Model, loss and what a model's output means."""

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from tasks.data import Array, Windows
from tasks.disaster import memory
from tasks.disaster.features import tokens, width
from tasks.disaster.settings import DisasterSettings
from tasks.models.choice import build
from tasks.models.model import Shape

CERTAIN = 1e-6  # probability of what never happened before, in a mix; a logit must stay finite


def build_model(settings: DisasterSettings, seed: int) -> nn.Module:
    """(inputs, dropout seed) -> (N, H, 1) logits; before training, those of the cell-month climatology."""
    groups = (*tokens(settings), *memory.tokens(settings, width(settings)))
    model = build(settings, Shape(tokens=groups, horizons=settings.horizons, levels=()), seed)
    return memory.WithHistory(model, settings.history) if settings.history else model


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean Bernoulli cross-entropy of logits (N, H, 1) for events (N, H) in {0, 1}; NaN targets do not count."""
    reported = ~torch.isnan(target)
    points = binary_cross_entropy_with_logits(output[..., 0], torch.where(reported, target, 0.0), reduction="none")
    return torch.where(reported, points, 0.0).sum() / reported.sum().clamp(min=1)


def output(forecast: Array, _: Windows) -> Array:
    """Probabilities (N, H, 1) -> logits: the way back of `forecast`; certainty is taken for all but certain."""
    return np.asarray(logit(np.clip(forecast, CERTAIN, 1 - CERTAIN)))


def forecast(output: Array, _: Windows) -> Array:
    """Logits (N, H, 1) -> probabilities (N, H, 1) float64."""
    return np.asarray(expit(output.astype(np.float64)))
