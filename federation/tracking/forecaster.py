"""How MLflow loads a logged model where gotong is installed: by this module's name.

It rebuilds the task's own network from its settings and fills it with the weights; nothing is unpickled.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from federation.settings.upgrade import upgraded_settings
from federation.settings.values import build
from federation.tracking.model import RECIPE, WEIGHTS
from tasks.models.weights import built, trainable
from tasks.registry import TASKS


class Forecaster:
    """A task's network behind the method that MLflow calls."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network.eval()

    def predict(self, model_input: Mapping[str, NDArray[Any]], params: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Inputs name -> (N, ...) as `Windows.inputs`, to the network's (N, H, K) in model units."""
        inputs = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in model_input.items()}
        with torch.no_grad():
            return np.asarray(self._network(inputs, None).numpy())


def _load_pyfunc(path: str) -> Forecaster:
    """Called by MLflow, by this name, with the folder of the model's data. Raises ValueError for other weights."""
    recipe = json.loads((Path(path) / RECIPE).read_text("utf-8"))
    task = TASKS[recipe["task"]]
    settings = build(task.settings, upgraded_settings(recipe["settings"], "task."), "model")
    network = built(task, settings, recipe.get("seed", 0))  # the seed decides the constants, which no file holds
    with np.load(Path(path) / WEIGHTS, allow_pickle=False) as file:
        weights = {name: torch.from_numpy(values) for name, values in file.items()}
    missing, unknown = network.load_state_dict(weights, strict=False)
    if unknown or trainable(network).keys() & set(missing):
        raise ValueError(f"weights do not fit task {recipe['task']}: unknown {unknown}, missing {missing}")
    return Forecaster(network)
