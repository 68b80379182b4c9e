"""Forecasts of synthetic countries, issued without a federation."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.data import Windows
from tasks.products.forecast import Issued, period_of
from tasks.products.newest import last_on_record, newest
from tasks.task import Task
from tasks.time_step import STEPS

BANGKOK = timezone(timedelta(hours=7))


def forecast(task: Task, settings: Any, windows: Windows) -> Any:
    """What an untrained model says."""
    inputs = {name: torch.from_numpy(values) for name, values in windows.inputs.items()}
    with torch.no_grad():
        output = task.build_model(settings, 1).eval()(inputs, None)
    return task.forecast(output.numpy().astype(np.float64), windows)


def issue(task: Task, folder: Path, country: str = "VNM", **chosen: Any) -> Issued:
    """The newest forecast of the records in a folder, which are synthesized where there are none, sent a day later.

    until: the last month that is read.
    """
    settings = chosen.pop("settings", task.settings())
    if not (folder / task.file).exists():
        task.synthesize(folder, country, 1, settings)
    assert task.upcoming is not None
    panel = task.upcoming(folder, country, settings, chosen.pop("until", None))
    last = last_on_record(panel, task.reported(panel))
    as_of = period_of(last.max(), panel.step)
    age = task.largest_age(settings)
    chosen_windows = newest(task.windows(panel, settings), last, as_of, age, step=panel.step)
    windows = chosen_windows.windows
    issued = Issued(
        model="first",
        settings=settings,
        panel=panel,
        windows=windows,
        forecast=forecast(task, settings, windows),
        levels=task.levels,
        sent=datetime.fromisoformat(f"{STEPS[panel.step].last_day(as_of) + 1}T09:30:00").replace(tzinfo=BANGKOK),
        as_of=as_of,
        left_out=chosen_windows.left_out,
        sender="met.example.org",
        cost_loss=0.2,
        samples=200,
        seed=1,
    )
    return replace(issued, **chosen)
