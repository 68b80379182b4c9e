"""Which model a task trains, by name, and what of it a run may choose.

A new model is one file, with a `Model` and the keys of its own, and its name in MODELS; or a package of its own.
"""

from dataclasses import dataclass, field, make_dataclass, replace
from typing import Any, TypeVar

from torch import nn

from tasks.errors import SettingError
from tasks.models.attention import ATTENTION
from tasks.models.mlp import MLP
from tasks.models.model import CommonSettings, Model, Shape

MODELS: dict[str, Model] = {model.name: model for model in (MLP, ATTENTION)}

S = TypeVar("S", bound="ModelSettings")


def _with_keys_of_models(schema: type[S]) -> type[S]:
    """The schema with a field of each registered model's name, which holds the keys of that model alone."""
    own = [
        (model.name, model.settings, field(default_factory=model.settings))
        for model in MODELS.values()
        if model.settings is not None
    ]
    namespace = {"__module__": schema.__module__, "__doc__": schema.__doc__}
    return make_dataclass(schema.__name__, own, bases=(schema,), namespace=namespace)


@_with_keys_of_models
@dataclass  # not frozen: Hydra merges it
class ModelSettings(CommonSettings):
    """A task's settings that say what its model looks like: the common keys, and those of each registered model."""

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        if self.model not in MODELS:
            raise SettingError(f"task.model is {self.model!r}; choose {' or '.join(MODELS)}")
        for model in MODELS.values():
            if hasattr(self, model.name):
                getattr(self, model.name).check()


def with_model(settings: S, name: str, **own: Any) -> S:
    """The settings with another model, and values for keys of its own."""
    schema = MODELS[name].settings
    return replace(settings, model=name, **({} if schema is None else {name: schema(**own)}))


def build(settings: ModelSettings, shape: Shape, seed: int) -> nn.Module:
    """The chosen model: (inputs, dropout seed) -> (N, H, K); the seed decides the weights."""
    return MODELS[settings.model].build(settings, getattr(settings, settings.model, None), shape, seed)
