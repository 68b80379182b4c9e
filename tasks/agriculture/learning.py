"""The model of the agriculture task, its loss, and the way back from model units to t/ha."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from tasks.agriculture.settings import AgricultureSettings
from tasks.agriculture.windowing import tokens
from tasks.data import Array, Windows
from tasks.evaluation.levels import LEVELS
from tasks.models.choice import build
from tasks.models.losses import pinball
from tasks.models.model import Shape


class EachIssueDate(nn.Module):
    """One model for all issue dates: `features` (N, H, F) -> (N, H, K), so that no date sees another's weather.

    model: `features` (N, F) -> (N, 1, K).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: scalar int64, or an int, of the dropout masks while training, None otherwise."""
        features = inputs["features"]
        forecast: Tensor = self.model({"features": features.flatten(0, 1)}, seed)
        return forecast.reshape(*features.shape[:2], forecast.shape[-1])


def build_model(settings: AgricultureSettings, seed: int) -> EachIssueDate:
    """(inputs, dropout seed) -> (N, 4, 23) quantiles in units of the spread; before training, a standard normal."""
    return EachIssueDate(build(settings, Shape(tokens=tokens(settings), horizons=1, levels=LEVELS), seed))


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean pinball loss over the 23 levels; harvests not reported do not count."""
    return pinball(output, target, LEVELS)


def output(forecast: Array, windows: Windows) -> Array:
    """Quantiles in t/ha (N, 4, 23) -> in units of the spread: the way back of `forecast`."""
    offset, spread = (windows.restore[name][:, None, None] for name in ("offset", "spread"))
    return np.asarray((forecast - offset) / spread)


def forecast(output: Array, windows: Windows) -> Array:
    """Quantiles in units of the spread -> t/ha, ascending and never below 0: (N, 4, 23) float64."""
    offset, spread = (windows.restore[name][:, None, None] for name in ("offset", "spread"))
    return np.sort(np.maximum(offset + spread * np.asarray(output, np.float64), 0.0), axis=-1)
