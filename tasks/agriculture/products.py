"""What a forecaster of harvests hands on: one row a crop and place."""

from io import StringIO
from typing import Any

import numpy as np

from tasks.agriculture.seasons import ISSUES, YEAR, issued_before_harvest
from tasks.agriculture.windowing import SHORTFALL
from tasks.evaluation.distribution import chance_up_to, mean
from tasks.files.csv_output import Rows
from tasks.products.forecast import AGES, Issued, Outlook, Product

COLUMNS = (
    "crop_name",
    "country_code",
    "adm_id",
    "harvest_year",
    "issue",
    "issue_month",
    "expected",
    "trend",
    "shortfall_probability",
    "warned",
    *AGES,
)
BEFORE = f"before {ISSUES[0]}"


def table(issued: Issued) -> Product:
    """The newest forecast of each harvest: t/ha, of the latest issue date whose season is on record.

    expected: mean of the forecast. trend: a line through the ten harvests before. shortfall_probability: that the
    harvest stays more than 10 % below the trend. quantile columns are named by their levels.
    """
    file = StringIO()
    rows = Rows(file)
    rows.write((*COLUMNS, *(f"q{level:g}" for level in issued.levels)))
    windows, threshold = issued.windows, issued.windows.threshold
    assert threshold is not None, "the windows of this task know what a shortfall is"
    chance = chance_up_to(issued.forecast, issued.levels, threshold)
    expected = mean(issued.forecast, issued.levels)
    for row in range(len(windows)):
        due = windows.due[row, 0]
        stage, month = _stage(issued, row)
        at = max(stage, 0)
        adm, _, crop = issued.place(row).rpartition("/")
        values = (expected[row, at], threshold[row, at] / SHORTFALL)
        warned = int(chance[row, at] >= issued.cost_loss)
        rows.write(
            (
                *(crop, issued.panel.country, adm, str(due)[:4], ISSUES[stage] if stage >= 0 else BEFORE, month),
                *(f"{value:.4f}" for value in (*values, chance[row, at])),
                *(warned, *issued.ages(row), *(f"{value:.4f}" for value in issued.forecast[row, at])),
            )
        )
    return Product(text=file.getvalue(), summary=f"yields in t/ha, {len(issued.levels)} quantiles each")


def outlook(issued: Issued) -> Outlook:
    """The chance of a harvest more than 10 % below its trend, as of the last issue date that the records reach."""
    threshold = issued.windows.threshold
    assert threshold is not None, "the windows of this task know what a shortfall is"
    chance = chance_up_to(issued.forecast, issued.levels, threshold)
    shown = np.zeros(chance.shape, bool)
    for row in range(len(chance)):
        shown[row, max(_stage(issued, row)[0], 0)] = True
    return Outlook(chance=chance, shown=shown, below=True)


def _stage(issued: Issued, row: int) -> tuple[int, Any]:
    """The last issue date that the weather on record has reached, -1 before the first, and its month or the last known.

    Without weather, the last harvest before is what is known last.
    """
    static, at = issued.panel.static, int(issued.windows.place[row])
    planting, harvest = (static[name][at : at + 1] for name in ("planting_month", "harvest_month"))
    months = issued.windows.due[row, 0].astype("datetime64[Y]").astype("datetime64[M]") + (int(harvest[0]) - 1)
    dates = months - issued_before_harvest(planting, harvest)[0]
    until = static["weather_until"][at]
    if np.isnat(until):
        until = months - YEAR
    reached = int((dates <= until).sum())
    return reached - 1, dates[reached - 1] if reached else until


PRODUCTS = {"table": table}
