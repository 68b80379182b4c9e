"""A country's newest forecast as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from federation.api.process import restored
from federation.api.words import words_of
from federation.composition.compose import jobs
from federation.verbs.forecast import ForecastSettings, issued_of
from tasks.products.forecast import Issued
from tasks.task import Task


def forecast(folder: Path, country: str, data: Path, keys: Mapping[str, Any]) -> pd.DataFrame:
    """Of the run in this folder. Raises as `issued_of` does."""
    known = {"run": folder.name, "runs": folder.parent, "country": country, "data": data}
    with restored():
        [job] = jobs("forecast", words_of((), {**keys, **known}), ForecastSettings)
        return table(*issued_of(job.settings))


def table(task: Task, issued: Issued) -> pd.DataFrame:
    """A line for a place, a horizon and a quantile level; `level` is missing where the value is a probability."""
    horizons = task.horizons(issued.settings)
    levels = issued.levels or (np.nan,)
    lines = [
        {
            "place": issued.place(row),
            "origin": str(issued.windows.origin[row]),
            "period": str(issued.windows.due[row, step]),
            "horizon": horizon,
            "level": level,
            "value": float(issued.forecast[row, step, at]),
        }
        for row in range(len(issued.windows))
        for step, horizon in enumerate(horizons)
        for at, level in enumerate(levels)
    ]
    return pd.DataFrame(lines)
