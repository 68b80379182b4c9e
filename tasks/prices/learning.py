"""The model of the price task: a departure from the country's own random walk, its loss, and the way back to prices."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tasks.data import Array, Windows
from tasks.evaluation.levels import LEVELS
from tasks.models.choice import build
from tasks.models.losses import pinball
from tasks.models.model import Shape
from tasks.prices.features import tokens
from tasks.prices.settings import LEADS, PricesSettings

KINDS = 3  # of departure: shift, spread, skew
MOST = 1.5  # log of the most by which a side of the walk is stretched or shrunk
ENDS = (-20.0, 30.0)  # log price: a forecast stays a finite number
LOW, HIGH, NORMAL = LEVELS.index(0.1), LEVELS.index(0.9), 2.563  # distance of the two in a standard normal


class Departure(nn.Module):
    """Shift, spread and skew over a walk: `features` (N, F), `walk` (N, H, K), `gate` (N,) -> (N, H, K).

    The shift is in widths of the walk; the sides above and below it are stretched. Each is multiplied by the gate, so
    that a series whose price hardly ever moves keeps its walk. Before training it is the walk. Quantiles cannot cross.
    model: `features` (N, F) -> (N, 3 H, 1).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: scalar int64, or an int, of the dropout masks while training, None otherwise."""
        walk = inputs["walk"]
        raw = self.model({"features": inputs["features"]}, seed).reshape(walk.shape[0], len(LEADS), KINDS)
        shift, spread, skew = (inputs["gate"][:, None, None] * raw).unbind(dim=-1)
        width = (walk[..., HIGH] - walk[..., LOW]) / NORMAL
        above, below = (_stretch(side)[..., None] for side in (spread + skew, spread - skew))
        departed: Tensor = (shift * width)[..., None] + walk * torch.where(walk > 0, above, below)
        return departed


def _stretch(raw: Tensor) -> Tensor:
    return torch.exp(MOST * torch.tanh(raw / MOST))


def build_model(settings: PricesSettings, seed: int) -> Departure:
    """(inputs, dropout seed) -> (N, 3, 23) quantiles of the change in units of the country; the seed decides."""
    return Departure(build(settings, Shape(tokens=tokens(), horizons=KINDS * len(LEADS), levels=()), seed))


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean pinball loss over the 23 levels; prices not collected do not count."""
    return pinball(output, target, LEVELS)


def output(forecast: Array, windows: Windows) -> Array:
    """Prices (N, 3, 23) -> changes in units of the country: the way back of `forecast`."""
    last, unit = (windows.restore[name][:, None, None] for name in ("last", "unit"))
    return np.asarray((np.log(forecast) - last) / unit)


def forecast(output: Array, windows: Windows) -> Array:
    """Changes in units of the country -> prices, ascending: (N, 3, 23) float64."""
    last, unit = (windows.restore[name][:, None, None] for name in ("last", "unit"))
    return np.sort(np.exp(np.clip(last + unit * np.asarray(output, np.float64), *ENDS)), axis=-1)
