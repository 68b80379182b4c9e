"""What a forecaster of rivers hands on: a table of quantiles, one row a gauge and day."""

from io import StringIO

import numpy as np

from tasks.errors import SettingError
from tasks.evaluation.distribution import mean
from tasks.files.csv_output import Rows
from tasks.products.forecast import AGES, Issued, Product
from tasks.river.settings import ISSUED

COLUMNS = ("gauge_id", "gauge_name", "date", "lead", "expected")


def table(issued: Issued) -> Product:
    """Flow in mm/d. expected: mean of the forecast. quantile columns are named by their levels.

    Raises SettingError for a model of perfect weather, which no day ahead has.
    """
    if issued.settings.mode != ISSUED:
        raise SettingError(
            f"the run's task.mode is {issued.settings.mode}: it needs the weather of the days ahead, so that it makes "
            f"no product; choose a run with task.mode={ISSUED}"
        )
    file = StringIO()
    rows = Rows(file)
    rows.write((*COLUMNS, *AGES, *(f"q{level:g}" for level in issued.levels)))
    expected, names = mean(issued.forecast, issued.levels), issued.panel.static["name"]
    for row, lead in np.ndindex(issued.forecast.shape[:2]):
        rows.write(
            (
                *(issued.place(row), str(names[issued.windows.place[row]]), issued.windows.due[row, lead], lead + 1),
                f"{expected[row, lead]:.3f}",
                *issued.ages(row),
                *(f"{value:.3f}" for value in issued.forecast[row, lead]),
            )
        )
    return Product(text=file.getvalue(), summary=f"flow in mm/d ({ISSUED}), {len(issued.levels)} quantiles each")


PRODUCTS = {"table": table}
