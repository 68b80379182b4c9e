"""The code file of a logged model: MLflow copies it, and runs it to load the model where gotong is installed.

It rebuilds the task's own network from the recipe and fills it with the weights; nothing is unpickled.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from federation.settings.values import build
from tasks.models.weights import built, trainable
from tasks.registry import TASKS


class _Predicts:  # apart from PythonModel, which warns of a predict without type hints; hints it takes for a schema
    network: torch.nn.Module

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Inputs name -> (N, ...) as `Windows.inputs`, to the network's (N, H, K) in model units."""
        inputs = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in model_input.items()}
        with torch.no_grad():
            return np.asarray(self.network(inputs, None).numpy())


class Forecaster(_Predicts, PythonModel):
    """MLflow's view of a task's network."""

    def load_context(self, context: Any) -> None:
        """Called by MLflow, with its argument by this name."""
        recipe = json.loads(Path(context.artifacts["recipe"]).read_text("utf-8"))
        task = TASKS[recipe["task"]]
        # The seed decides the constants, which no file of weights holds.
        network = built(task, build(task.settings, recipe["settings"], "model"), recipe.get("seed", 0))
        with np.load(context.artifacts["weights"], allow_pickle=False) as file:
            weights = {name: torch.from_numpy(values) for name, values in file.items()}
        missing, unknown = network.load_state_dict(weights, strict=False)
        if unknown or trainable(network).keys() & set(missing):
            raise ValueError(f"weights do not fit task {recipe['task']}: unknown {unknown}, missing {missing}")
        self.network = network


set_model(Forecaster())
