"""What a forecaster of prices hands on: hub quantiles, and the chances of ALPS's stages."""

from io import StringIO
from typing import Any

import numpy as np

from tasks.evaluation.distribution import chance_up_to
from tasks.files.csv_output import Rows
from tasks.prices.alps import STAGES, WARNED, usual_course
from tasks.prices.schema import SERIES
from tasks.prices.walk import origins, walk_60
from tasks.prices.windowing import threshold
from tasks.products import hubverse
from tasks.products.forecast import AGES, Issued, Outlook, Product

TARGET = "monthly market price"
COLUMNS = (
    *("series", "month", "expected", "usual"),
    *(f"{stage}_probability" for stage in STAGES),
    *(f"walk_{stage}_probability" for stage in STAGES),
    "warned",
    *AGES,
)


def quantiles(issued: Issued) -> Product:
    """The hubverse file; a location is a series: market, commodity, unit, price type and currency."""
    return hubverse.quantile_csv(issued, TARGET)


def outlook(issued: Issued) -> Outlook:
    """The chance of an ALPS alert for every series and month."""
    limit = issued.windows.threshold
    assert limit is not None, "the windows of this task know what an alert is"
    chance = 1 - chance_up_to(issued.forecast, issued.levels, limit)
    return Outlook(chance=chance, shown=np.ones(chance.shape, bool))


def alps(issued: Issued) -> Product:
    """One row a series and month: the chance of each stage or a worse one, by the forecast and by the walk alone.

    expected: the median. usual: the price that trend and season give. Empty where ALPS does not count the series.
    """
    windows, at = issued.windows, origins(issued.panel, issued.windows)
    course, deviation = usual_course(issued.panel.target, issued.panel.periods)
    walk = walk_60(issued.panel, windows, issued.settings)
    limits = {stage: threshold(course, deviation, least)[windows.place, at] for stage, least in STAGES.items()}
    chances = [
        1 - chance_up_to(each, issued.levels, limits[stage]) for each in (issued.forecast, walk) for stage in STAGES
    ]
    file, middle = StringIO(), issued.levels.index(0.5)
    rows = Rows(file)
    rows.write(COLUMNS)
    for row, lead in np.ndindex(issued.forecast.shape[:2]):
        values = (issued.forecast[row, lead, middle], course[windows.place[row], at[row], lead])
        shares = [chance[row, lead] for chance in chances]
        warned = int(shares[list(STAGES).index(WARNED)] >= issued.cost_loss)
        rows.write(
            (
                *(issued.place(row), windows.due[row, lead]),
                *(_text(value, ".6g") for value in values),
                *(_text(share, ".4f") for share in shares),
                *(warned, *issued.ages(row)),
            )
        )
    return Product(
        text=file.getvalue(), summary=f"chances of ALPS stages ({', '.join(SERIES)}), next to the walk's own"
    )


def _text(value: Any, form: str) -> str:
    return format(value, form) if np.isfinite(value) else ""


PRODUCTS = {"hubverse": quantiles, "table": alps}
