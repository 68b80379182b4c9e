"""A finished run's model on a country's own records: the newest forecast they allow. Nothing is sent anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call

from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.errors import CheckpointError, ConfigError
from federation.settings.schema import Settings
from tasks.data import Windows
from tasks.errors import DataError
from tasks.models.weights import built, trainable
from tasks.products.forecast import Issued, newest
from tasks.registry import TASKS
from tasks.settings import TaskSettings
from tasks.task import Task

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ForecastRequest:
    """Whose forecast, when and how it is handed on; see `Issued`. cost_loss: None takes the run's."""

    data: Path
    country: str
    sent: datetime
    sender: str
    cost_loss: float | None
    samples: int
    seed: int
    replaces: str


def issue(run: Path, request: ForecastRequest) -> tuple[Task, Issued]:
    """The forecast at the latest origin for every place that has one.

    Raises CheckpointError for a run that has not ended or whose model is not whole without what countries keep,
    ConfigError for a country without records or an unaligned run, DataError for records that cannot be used or are too
    short.
    """
    weights = checkpoint.load_model(run)
    header = checkpoint.read_header(run / checkpoint.FILE)
    whole = restore(Settings, header["settings"], "checkpoint")
    settings = whole.task
    if settings.calendar.unaligned:
        raise ConfigError(
            f"run {run.name} cut each country at its own end, to show how that flatters; forecast from a run of one cut"
        )
    task = TASKS[settings.name]
    folder = _folder(request.data, request.country)
    panel = (task.upcoming or task.read)(folder, request.country, settings)
    windows = newest(task.windows(panel, settings))
    if not len(windows):
        raise DataError(
            f"{folder / task.file}: no place has a record that is long and recent enough for a forecast (it holds "
            f"{len(panel.periods)} periods, the last is {panel.periods[-1]}); see HISTORY in tasks/{task.name}"
        )
    output = _output(task, settings, whole.seed, weights, windows, run.name)
    return task, Issued(
        model=run.name,
        settings=settings,
        panel=panel,
        windows=windows,
        forecast=task.forecast(output, windows),
        levels=task.levels,
        sent=request.sent,
        sender=request.sender,
        cost_loss=settings.cost_loss if request.cost_loss is None else request.cost_loss,
        samples=request.samples,
        seed=request.seed,
        replaces=request.replaces,
    )


def _folder(data: Path, country: str) -> Path:
    """The country's folder. Raises ConfigError, naming the countries there are."""
    if (data / country).is_dir():
        return data / country
    there = sorted(each.name for each in data.glob("[A-Z][A-Z][A-Z]") if each.is_dir()) if data.is_dir() else []
    known = f"there are {', '.join(there)}" if there else f"{data} should hold one folder a country, such as {country}"
    raise ConfigError(f"no records of country={country} in data={data}; {known}")


def _output(
    task: Task, settings: TaskSettings, seed: int, weights: Mapping[str, Array], windows: Windows, run: str
) -> Array:
    """(N, H, K) in model units. seed: the run's, which decides the model's constants."""
    model = built(task, settings, seed)
    lacking = sorted(trainable(model).keys() - set(weights))
    if lacking:
        raise CheckpointError(
            f"run {run} keeps {', '.join(lacking)} in every country's vault, so its model alone makes no forecast; "
            f"take a run whose strategy.private is []"
        )
    seen, _ = windows.batch(slice(None))
    inputs = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in seen.items()}
    with torch.no_grad():
        own = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
        output: torch.Tensor = functional_call(model, own, (inputs, None))
    return output.numpy().astype(np.float64)
