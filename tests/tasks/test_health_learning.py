"""A model of the right form, with plenty of records, comes within a tenth of the best possible dengue forecast."""

from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.data import Panel
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import weighted_interval_score
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS
from tasks.settings import Calendar
from tasks.windows import lagged, month_of_year

Array = NDArray[Any]
CENTURY = HealthSettings(calendar=Calendar(train_until="2069-12", validate_until="2079-12", test_until="2099-12"))
UPSTREAM = 3  # neighbours whose wave can arrive within three months
RAIN_LAG, HEAT_LAG = 3, 4  # months from weather to cases, from the docstring of the generator


def predictors(panel: Panel, place: int, ahead: int) -> Array:
    """(T, F) for forecasts of month t + ahead made in month t: season, waves under way, the weather behind them."""
    logs = np.log1p(panel.target)
    rain = np.log(panel.covariates["rainfall"] + 0.1)
    heat = panel.covariates["mean_temperature"]
    month = month_of_year(panel.periods)
    columns = [np.eye(12)[month], np.eye(12)[(month + ahead) % 12]]
    for near in range(max(0, place - UPSTREAM), place + 1):
        columns += [logs[near, :, None], lagged(rain, [RAIN_LAG])[near], lagged(heat, [HEAT_LAG])[near]]
    columns += [lagged(rain, [RAIN_LAG - ahead])[place], lagged(heat, [HEAT_LAG - ahead])[place]]
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("country", ["KHM", "LAO"])
def test_an_autoregression_with_a_century_of_records_nearly_reaches_the_oracle(tmp_path: Path, country: str) -> None:
    task = TASKS["health"]
    task.synthesize(tmp_path, country, 1, CENTURY)
    panel = task.read(tmp_path, country, CENTURY)
    windows = task.windows(panel, CENTURY).only("test")
    best = task.oracle(tmp_path, windows, CENTURY)
    assert best is not None
    logs = np.log1p(panel.target)
    trained = int(np.count_nonzero(panel.periods <= np.datetime64("2069-12")))
    at = (windows.origin - panel.periods[0]).astype(int)
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    forecast = np.full(best.shape, np.nan)
    for place in range(len(panel.places)):
        rows = windows.place == place
        for ahead in (1, 2, 3):
            table = predictors(panel, place, ahead)
            due = np.full(len(table), np.nan)
            due[:-ahead] = logs[place, ahead:]
            fit = np.flatnonzero(np.isfinite(table).all(axis=1) & np.isfinite(due))
            fit = fit[fit < trained - ahead]
            weights = np.linalg.lstsq(table[fit], due[fit], rcond=None)[0]
            spread = np.std(due[fit] - table[fit] @ weights)
            centre = table[at[rows]] @ weights
            forecast[rows, ahead - 1] = np.maximum(centre[:, None] + spread * normal, 0.0)
    mine = weighted_interval_score(forecast, np.log1p(windows.observed), np.array(LEVELS))
    theirs = weighted_interval_score(np.log1p(best), np.log1p(windows.observed), np.array(LEVELS))
    both = np.isfinite(mine) & np.isfinite(theirs)
    assert both.sum() > 1000
    ratio = mine[both].mean() / theirs[both].mean()
    assert 0.97 < ratio < 1.10
