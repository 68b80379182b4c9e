"""Forecasts of synthetic countries, issued without a federation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.data import Windows
from tasks.products.forecast import Issued, newest
from tasks.task import Task

SENT = datetime(2026, 3, 1, 9, 30, tzinfo=timezone(timedelta(hours=7)))
assert SENT.astimezone(UTC).hour == 2


def forecast(task: Task, settings: Any, windows: Windows) -> Any:
    """What an untrained model says."""
    inputs = {name: torch.from_numpy(values) for name, values in windows.inputs.items()}
    with torch.no_grad():
        output = task.build_model(settings, 1).eval()(inputs, None)
    return task.forecast(output.numpy().astype(np.float64), windows)


def issue(task: Task, folder: Path, country: str = "VNM", **chosen: Any) -> Issued:
    """The newest forecast of the records in a folder, which are synthesized where there are none."""
    settings = chosen.pop("settings", task.settings())
    if not (folder / task.file).exists():
        task.synthesize(folder, country, 1, settings)
    panel = (task.upcoming or task.read)(folder, country, settings)
    windows = newest(task.windows(panel, settings))
    issued = Issued(
        model="first",
        settings=settings,
        panel=panel,
        windows=windows,
        forecast=forecast(task, settings, windows),
        levels=task.levels,
        sent=SENT,
        sender="met.example.org",
        cost_loss=0.2,
        samples=200,
        seed=1,
    )
    return replace(issued, **chosen)
