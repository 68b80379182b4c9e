"""Samples as CHAP takes them from a model: one row a period and place, one column a sample.

A week is written by its first and last day, 2003-12-29/2004-01-04.

Source: https://github.com/dhis2-chap/chap-core (predictions of an external model)
"""

from hashlib import blake2b
from io import StringIO
from typing import Any

from tasks.evaluation.distribution import draw
from tasks.files.csv_output import Rows
from tasks.products.forecast import Issued, Product


def samples_csv(issued: Issued) -> Product:
    """Draws from the forecast quantiles of each place and period.

    The seed of a place and period is of the run's seed and their names, so the draws of one place do not depend on
    which others are forecast. A sample is no course of the periods: the forecast says nothing of how these hang
    together.
    """
    file = StringIO()
    rows = Rows(file)
    rows.write(("time_period", "location", *(f"sample_{number}" for number in range(issued.samples))))
    for row in range(len(issued.windows)):
        for h, due in enumerate(issued.windows.due[row]):
            place = issued.place(row)
            text = f"{issued.seed}\x1f{place}\x1f{due}".encode()
            seed = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
            drawn = draw(issued.forecast[row, h], issued.levels, issued.samples, seed)
            rows.write((_period(issued, due), place, *(f"{value:.3f}" for value in drawn)))
    return Product(
        text=file.getvalue(),
        summary=f"{issued.samples} samples of each place and {issued.panel.step}, seed {issued.seed}",
    )


def _period(issued: Issued, due: Any) -> str:
    return str(due) if issued.panel.step == "month" else f"{issued.step.first_day(due)}/{due}"
