"""A longer memory: SPEI and the indices of the oceans, month by month, in addition to the lags that `features` has.

The oceans swing over years. All cells of a country share these series, so that decades of months are few independent
values: they come at a fifth of their size, which makes a model learn slowly from them. Single months of the cell's own
rain did harm on years before the test (docs/results/disaster.md). Copied into every window, 48 months would be many
times the record, so they are gathered when a batch is read.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tasks.data import Array, Panel
from tasks.disaster.features import LATE
from tasks.disaster.gauges import country_mean
from tasks.disaster.indices import LIMIT
from tasks.disaster.schema import INDICES
from tasks.disaster.settings import DisasterSettings
from tasks.gathered_windows import Lagged
from tasks.models.tokens import consecutive
from tasks.windows import lagged

SERIES = len(INDICES)
SCALE = 0.2  # of what enters the model


def series(panel: Panel) -> Array:
    """(P, T, S) float32 of what is published when each month ends; 0, what is usual, where it is unknown."""
    late = [lagged(country_mean(panel.covariates[name]), (LATE,))[..., 0] for name in INDICES]
    table = np.stack([np.broadcast_to(each, panel.target.shape) for each in late], axis=-1)
    return np.asarray(SCALE * np.nan_to_num(np.clip(table, -LIMIT, LIMIT)), np.float32)


def remembered(panel: Panel, settings: DisasterSettings) -> Lagged:
    """The last `settings.history` months of the series, the origin's own last: (N, M, S) once gathered.

    Months before the first on record are 0.
    """
    before = ((0, 0), (settings.history - 1, 0), (0, 0))
    return Lagged(values=np.pad(series(panel), before), lags=np.arange(settings.history))


def tokens(settings: DisasterSettings, first: int) -> tuple[tuple[int, ...], ...]:
    """A group of columns a month, after the `first` columns of other features."""
    return tuple(tuple(first + column for column in group) for group in consecutive([SERIES] * settings.history))


class WithHistory(nn.Module):
    """A model of `features` (N, F + M S) that is given `features` (N, F) and `history` (N, M, S), or longer."""

    def __init__(self, model: nn.Module, months: int) -> None:
        super().__init__()
        self.model, self.months = model, months

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: as of the model."""
        features = torch.cat([inputs["features"], inputs["history"][:, -self.months :].flatten(1)], dim=1)
        output: Tensor = self.model({**inputs, "features": features}, seed)
        return output
