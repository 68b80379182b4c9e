"""Quantiles as the forecast hubs take them: one row a place, horizon and level.

Source: https://docs.hubverse.io/en/latest/user-guide/model-output.html
"""

from io import StringIO

import numpy as np

from tasks.files.csv_output import Rows
from tasks.products.forecast import Issued, Product, counted

COLUMNS = (
    "reference_date",
    "target",
    "horizon",
    "target_end_date",
    "location",
    "output_type",
    "output_type_id",
    "value",
)


def quantile_csv(issued: Issued, target: str) -> Product:
    """A model-output file of one round. reference_date and target_end_date are last days of months or weeks.

    The round is that of the newest record; horizon counts periods from it. A place whose records end earlier is
    forecast from its own last one, so it has fewer horizons: a round has no period that is over at its reference date.
    """
    file = StringIO()
    rows = Rows(file)
    rows.write(COLUMNS)
    reference, step = np.datetime64(issued.origin), issued.step
    for row, h in np.ndindex(issued.forecast.shape[:2]):
        due = issued.windows.due[row, h]
        if due <= reference:
            continue
        ahead = (due - reference).astype(int) // step.length
        task = (step.last_day(reference), target, ahead, step.last_day(due), issued.place(row))
        for level, value in zip(issued.levels, issued.forecast[row, h], strict=True):
            rows.write((*task, "quantile", f"{level:g}", f"{value:.3f}"))
    fewer = f"; fewer or none for {counted(len(issued.late), 'late place')}" if issued.late else ""
    summary = f"{len(issued.levels)} quantiles at {issued.forecast.shape[1]} horizons{fewer}"
    return Product(text=file.getvalue(), summary=summary)
