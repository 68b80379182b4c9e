"""Quantiles as the forecast hubs take them: one row a place, horizon and level.

Source: https://docs.hubverse.io/en/latest/user-guide/model-output.html
"""

from io import StringIO

from tasks.files.csv_output import Rows
from tasks.products.forecast import Issued, Product, last_day

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
    """A model-output file. reference_date and target_end_date are last days of months, horizon counts months."""
    file = StringIO()
    rows = Rows(file)
    rows.write(COLUMNS)
    reference, (count, horizons, _) = last_day(issued.origin), issued.forecast.shape
    for row in range(count):
        for h in range(horizons):
            task = (reference, target, h + 1, last_day(issued.windows.due[row, h]), issued.place(row))
            for level, value in zip(issued.levels, issued.forecast[row, h], strict=True):
                rows.write((*task, "quantile", f"{level:g}", f"{value:.3f}"))
    return Product(text=file.getvalue(), summary=f"{len(issued.levels)} quantiles at {horizons} horizons")
