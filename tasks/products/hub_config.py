"""What a hub needs to read a forecast: its configuration, schema v6, and what was observed so far.

A hub keeps them as hub-config/tasks.json, hub-config/target-data.json and target-data/time-series.csv.
Source: https://docs.hubverse.io/en/latest/user-guide/hub-config.html and .../target-data.html
"""

import json
from io import StringIO
from typing import Any

import numpy as np

from tasks.files.csv_output import Rows
from tasks.products.forecast import Issued, Product, counted

SCHEMAS = "https://raw.githubusercontent.com/hubverse-org/schemas/main/v6.0.0"


def tasks_json(issued: Issued, target: str) -> Product:
    """The round of this forecast: the tasks that `hubverse.quantile_csv` answers."""
    step, origin = issued.step, np.datetime64(issued.origin)
    dues = sorted({due for due in issued.windows.due.ravel() if due > origin})
    ids: dict[str, Any] = {
        "reference_date": _optional([str(step.last_day(origin))]),
        "target": {"required": [target], "optional": None},
        "horizon": _optional(sorted({int((due - origin).astype(int)) // step.length for due in dues})),
        "target_end_date": _optional([str(step.last_day(due)) for due in dues]),
        "location": _optional(sorted(issued.place(row) for row in range(len(issued.windows)))),
    }
    quantile = {
        "output_type_id": {"required": list(issued.levels)},
        "is_required": True,
        "value": {"type": "double", "minimum": 0},
    }
    metadata = {
        "target_id": target,
        "target_name": target,
        "target_units": "count",
        "target_keys": {"target": target},
        "description": f"New cases of the {issued.panel.step} that ends on target_end_date.",
        "target_type": "continuous",
        "is_step_ahead": True,
        "time_unit": issued.panel.step,
    }
    tasks = {"task_ids": ids, "output_type": {"quantile": quantile}, "target_metadata": [metadata]}
    round_ = {
        "round_id_from_variable": True,
        "round_id": "reference_date",
        "model_tasks": [tasks],
        "submissions_due": {"relative_to": "reference_date", "start": 0, "end": 7 * step.length},
    }
    content = {
        "schema_version": f"{SCHEMAS}/tasks-schema.json",
        "rounds": [round_],
        "output_type_id_datatype": "double",
        "derived_task_ids": ["target_end_date"],
    }
    return Product(text=json.dumps(content, indent=1) + "\n", summary=f"a round of {counted(len(dues), 'end date')}")


def target_data_json(issued: Issued) -> Product:  # noqa: ARG001
    """What `time_series_csv` holds: a count a place and end date, with the day as of which it was known."""
    content = {
        "schema_version": f"{SCHEMAS}/target-data-schema.json",
        "observable_unit": ["target_end_date", "target", "location"],
        "date_col": "target_end_date",
        "versioned": True,
    }
    return Product(text=json.dumps(content, indent=1) + "\n", summary="the columns of the time series")


def time_series_csv(issued: Issued, target: str) -> Product:
    """What was on record when the forecast was made; periods without a report have no row."""
    panel, file = issued.panel, StringIO()
    rows = Rows(file)
    rows.write(("target_end_date", "target", "location", "as_of", "observation"))
    last = issued.step.last_day(issued.as_of)
    for place, period in zip(*np.nonzero(np.isfinite(panel.target)), strict=True):
        end = issued.step.last_day(panel.periods[period])
        rows.write((end, target, panel.places[place], last, f"{panel.target[place, period]:.0f}"))
    known = int(np.isfinite(panel.target).sum())
    return Product(text=file.getvalue(), summary=f"{known:,} counts, as of {last}")


def _optional(values: list[Any]) -> dict[str, Any]:
    return {"required": None, "optional": values}
