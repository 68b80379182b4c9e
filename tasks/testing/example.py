"""A task with one synthetic country, as every check takes it, and what several checks do with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tasks.data import Array, Panel, Windows
from tasks.evaluation.score import Evaluated
from tasks.models.choice import MODELS, ModelSettings, with_model
from tasks.task import Task

COUNTRY = "LAO"
SMALL = {"attention": {"width": 16, "heads": 2}}  # model -> keys that make a check of it quick


@dataclass(frozen=True, kw_only=True)
class Example:
    """A task with the records of one synthetic country. folder: its national files and their truth."""

    task: Task
    settings: Any
    folder: Path
    panel: Panel
    windows: Windows

    @property
    def horizons(self) -> int:
        return len(self.task.horizons(self.settings))

    @property
    def outputs(self) -> int:
        return max(len(self.task.levels), 1)


Check = Callable[[Example], None]


def example_of(task: Task, folder: Path) -> Example:
    """Synthesize COUNTRY in an empty `folder` under the task's default settings, read it, and cut its windows."""
    settings = task.settings()
    task.synthesize(folder, COUNTRY, 1, settings)
    panel = task.read(folder, COUNTRY, settings)
    return Example(task=task, settings=settings, folder=folder, panel=panel, windows=task.windows(panel, settings))


def model_examples(example: Example) -> Iterator[Example]:
    """The example with each model that its task may choose; as it is where the task knows one model only."""
    if not isinstance(example.settings, ModelSettings):
        yield example
        return
    for model in MODELS:
        yield replace(example, settings=with_model(example.settings, model, **SMALL.get(model, {})))


def equal(one: Array, other: Array, what: str) -> None:
    """Raise AssertionError unless the arrays agree in every element, NaN included."""
    np.testing.assert_array_equal(one, other, err_msg=what)


def tensors(windows: Windows) -> dict[str, Tensor]:
    """The windows' inputs as a model takes them."""
    return {name: torch.from_numpy(values) for name, values in windows.inputs.items()}


def moved_weights(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights away from the start, where some of them are zero."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: weight.detach() + 0.2 * torch.randn(weight.shape, generator=generator)
        for name, weight in model.named_parameters()
    }


def outputs(example: Example, windows: Windows, seed: int = 1) -> Array:
    """(N, H, K) float64 output of a model with some weights."""
    model = example.task.build_model(example.settings, seed)
    with torch.no_grad():
        output: Tensor = functional_call(model, moved_weights(model, seed), (tensors(windows), None))
    return output.numpy().astype(np.float64)


def evaluated(example: Example, windows: Windows, forecast: Array, reference: Array) -> Evaluated:
    """What a score takes: the windows with a forecast and the forecast of the reference."""
    return Evaluated(
        forecast=forecast,
        reference=reference,
        observed=windows.observed,
        place=windows.place,
        origin=windows.origin,
        unit=windows.restore.get("unit"),
        threshold=windows.threshold,
        step=example.settings.calendar.step,
    )


def changed(panel: Panel, change: Callable[[str, Array], Array]) -> Panel:
    """The panel with every (P, T) array passed through change(name, values); the target's name is 'target'."""
    covariates = {name: change(name, values) for name, values in panel.covariates.items()}
    return replace(panel, target=change("target", panel.target), covariates=covariates)
