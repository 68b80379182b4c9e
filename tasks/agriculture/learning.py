"""Model, loss and what a model's output means."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tasks.agriculture.settings import AgricultureSettings
from tasks.agriculture.situations import width
from tasks.levels import LEVELS
from tasks.models.mlp import Perceptron
from tasks.task import Array, Windows


class EachIssueDate(nn.Module):
    """One perceptron for all issue dates: `features` (N, H, F) -> (N, H, K), so that no date sees another's weather."""

    def __init__(self, perceptron: Perceptron) -> None:
        super().__init__()
        self.perceptron = perceptron

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | None = None) -> Tensor:
        """seed: scalar int64 of the dropout masks while training, None otherwise."""
        features = inputs["features"]
        forecast: Tensor = self.perceptron({"features": features.flatten(0, 1)}, seed)
        return forecast.reshape(*features.shape[:2], len(self.perceptron.levels))


def build_model(settings: AgricultureSettings, seed: int) -> EachIssueDate:
    """(inputs, dropout seed) -> (N, 4, 23) quantiles in units of the spread; before training, a standard normal."""
    perceptron = Perceptron(
        features=width(settings),
        horizons=1,
        levels=LEVELS,
        hidden=settings.hidden,
        dropout=settings.dropout,
        seed=seed,
    )
    return EachIssueDate(perceptron)


def mean_pinball(output: Tensor, target: Tensor) -> Tensor:
    """Mean pinball loss of quantiles (N, H, 23) for targets (N, H); NaN targets do not count, zero if none is left.

    Source: Koenker and Bassett (1978), https://doi.org/10.2307/1913643
    """
    levels = torch.tensor(LEVELS, dtype=output.dtype, device=output.device)
    reported = ~torch.isnan(target)
    error = torch.where(reported, target, 0.0)[..., None] - output
    points = torch.maximum(levels * error, (levels - 1) * error).mean(dim=-1)
    return torch.where(reported, points, 0.0).sum() / reported.sum().clamp(min=1)


def tonnes(output: Array, windows: Windows) -> Array:
    """Quantiles in units of the spread (N, 4, 23) -> t/ha, at least 0."""
    offset, spread = (windows.restore[name][:, None, None] for name in ("offset", "spread"))
    return np.asarray(np.maximum(offset + spread * output.astype(np.float64), 0.0))
