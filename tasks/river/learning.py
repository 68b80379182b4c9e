"""The model of the river task, its loss, and the way back from roots of shares to mm/d."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tasks.data import Array, Windows
from tasks.models.choice import build
from tasks.models.losses import pinball
from tasks.models.model import Shape
from tasks.river.features import tokens
from tasks.river.settings import LEADS, LEVELS, RiverSettings

PARTS = (  # of the inputs, in the order of the tokens
    *("weather_days", "weather_weeks", "weather_months", "flow_days", "flow_weeks", "flow_months"),
    *("snow", "season", "gauge", "expected", "spread", "ahead"),
)
MOST = 1e3  # root of a share of the mean: a forecast stays a finite number


class Gathered(nn.Module):
    """Lays the gathered inputs side by side as `features` (N, F) for a model that knows no resolutions.

    model: `features` (N, F) -> (N, 7, K).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: scalar int64, or an int, of the dropout masks while training, None otherwise."""
        parts = [inputs[name].flatten(1) for name in PARTS if name in inputs]
        forecast: Tensor = self.model({"features": torch.cat(parts, dim=1)}, seed)
        return forecast


def build_model(settings: RiverSettings, seed: int) -> Gathered:
    """(inputs, dropout seed) -> (N, 7, 11) quantiles of the root's departure, which cannot cross; the seed decides."""
    return Gathered(build(settings, Shape(tokens=tokens(settings), horizons=LEADS, levels=LEVELS), seed))


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean pinball loss over the 11 levels; days without a measured flow do not count."""
    return pinball(output, target, LEVELS)


def output(forecast: Array, windows: Windows) -> Array:
    """Flow in mm/d (N, 7, 11) -> the model's unit: the way back of `forecast`."""
    centre, scale, unit = _restored(windows)
    return np.asarray((np.sqrt(forecast / unit) - centre) / scale)


def forecast(output: Array, windows: Windows) -> Array:
    """Departures from the root that was expected -> mm/d, ascending and never below 0: (N, 7, 11) float64."""
    centre, scale, unit = _restored(windows)
    root = np.clip(centre + scale * np.asarray(output, np.float64), 0.0, MOST)
    return np.sort(unit * np.square(root), axis=-1)


def _restored(windows: Windows) -> tuple[Array, Array, Array]:
    """Centre and scale, (N, 7, 1), and unit, (N, 1, 1)."""
    restore = windows.restore
    return restore["centre"][..., None], restore["scale"][..., None], restore["unit"][:, None, None]
