"""Which tensors of a model are trained and travel, and which stay as they were built.

A parameter with `requires_grad=False` and a buffer (running statistics of a batch norm, a table of positions) are
constants: no step changes them, no message carries them. They are the same in every country, because everybody builds
the model from the same settings and seed.
"""

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tasks.data import Array, Windows
from tasks.settings import TaskSettings
from tasks.task import Task


def built(task: Task, settings: TaskSettings, seed: int) -> nn.Module:
    """The task's model in evaluation mode, in which no layer changes its buffers or draws from torch's own generator.

    Recurrent layers alone stay in training mode: cuDNN has no gradient of them in the other.
    """
    model = task.build_model(settings, seed).eval()
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            module.train()
    return model


def trainable(model: nn.Module) -> dict[str, Tensor]:
    """name -> weights that are trained, without their history; they share the model's memory."""
    return {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}


def output_of(model: nn.Module, weights: Mapping[str, Tensor], windows: Windows) -> Array:
    """(N, H, K) float32 of a model with these weights, for all windows at once."""
    seen, _ = windows.batch(slice(None))
    inputs = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in seen.items()}
    with torch.no_grad():
        output: Tensor = functional_call(model, dict(weights), (inputs, None))
    return output.numpy()


def constants(model: nn.Module, device: torch.device | None = None) -> dict[str, Tensor]:
    """name -> what is not trained, on this device: frozen parameters and buffers."""
    frozen = {name: value.detach() for name, value in model.named_parameters() if not value.requires_grad}
    return {name: value.to(device) for name, value in (frozen | dict(model.named_buffers())).items()}


def with_constants_on(model: nn.Module, device: torch.device) -> nn.Module:
    """The model itself where its constants are on this device, else a copy of it there."""
    return model if all(value.device == device for value in constants(model).values()) else deepcopy(model).to(device)
