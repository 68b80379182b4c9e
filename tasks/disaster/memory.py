"""A longer memory: the months before an origin one by one, in addition to the sums and lags of `features`.

Off by default: on years before the test it did not help (docs/results/disaster.md); other records may differ.
Copied into every window, 48 months of six series would be hundreds of times the record, so they are gathered when a
batch is read.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tasks.data import Array, Panel
from tasks.disaster.events import Course
from tasks.disaster.features import LATE, anomaly
from tasks.disaster.gauges import country_mean
from tasks.disaster.indices import LIMIT
from tasks.disaster.schema import INDICES
from tasks.disaster.settings import DisasterSettings
from tasks.gathered_windows import Lagged
from tasks.models.tokens import consecutive
from tasks.windows import lagged

SERIES = 3 + len(INDICES)  # the cell's rain, the country's rain and temperature, each index


def series(panel: Panel, course: Course, settings: DisasterSettings) -> Array:
    """(P, T, S) float32 of what is known when each month ends, about unit size; 0, what is usual, where unknown."""
    shape = panel.target.shape
    rain = course.index(1)[:, : shape[1]]
    late = [lagged(country_mean(panel.covariates[name]), (LATE,))[..., 0] for name in INDICES]
    parts = [rain, country_mean(rain), anomaly(panel, settings, "national_temperature"), *late]
    table = np.stack([np.broadcast_to(each[:, : shape[1]], shape) for each in parts], axis=-1)
    return np.asarray(np.nan_to_num(np.clip(table, -LIMIT, LIMIT)), np.float32)


def remembered(panel: Panel, course: Course, settings: DisasterSettings) -> Lagged:
    """The last `settings.history` months of the series, the origin's own last: (N, M, S) once gathered.

    Months before the first on record are 0.
    """
    before = ((0, 0), (settings.history - 1, 0), (0, 0))
    return Lagged(values=np.pad(series(panel, course, settings), before), lags=np.arange(settings.history))


def tokens(settings: DisasterSettings, first: int) -> tuple[tuple[int, ...], ...]:
    """A group of columns a month, after the `first` columns of other features."""
    return tuple(tuple(first + column for column in group) for group in consecutive([SERIES] * settings.history))


class WithHistory(nn.Module):
    """A model of `features` (N, F + M S) that is given `features` (N, F) and `history` (N, M, S)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: as of the model."""
        features = torch.cat([inputs["features"], inputs["history"].flatten(1)], dim=1)
        output: Tensor = self.model({**inputs, "features": features}, seed)
        return output
