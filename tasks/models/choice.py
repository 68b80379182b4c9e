"""Which model a task trains, by name, and what of it a run may choose. A new model is one file and one line here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from tasks.errors import SettingError
from tasks.models.attention import Attention
from tasks.models.mlp import Perceptron
from tasks.settings import TaskSettings


@dataclass  # not frozen: Hydra merges it
class AttentionSettings:
    """Of task.model=attention."""

    width: int = 64  # numbers a token
    heads: int = 4
    blocks: int = 2

    def check(self) -> None:
        """Raise SettingError for a value out of range."""
        for key, low, high in (("width", 1, 1024), ("heads", 1, 64), ("blocks", 1, 16)):
            value = getattr(self, key)
            if not low <= value <= high:
                raise SettingError(f"task.attention.{key} is {value}; choose {low} to {high}")
        if self.width % self.heads:
            raise SettingError(
                f"task.attention.heads={self.heads} does not divide task.attention.width={self.width}; choose others"
            )


@dataclass  # not frozen: Hydra merges it
class ModelSettings(TaskSettings):
    """A task's settings that say what its model looks like. They change no record and no window."""

    model: str = "mlp"  # mlp | attention: see MODELS
    hidden: list[int] = field(default_factory=list)  # mlp: widths of the hidden layers; [] is a linear model
    dropout: float = 0.0  # share of hidden values left out at each training step
    attention: AttentionSettings = field(default_factory=AttentionSettings)

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        self.attention.check()
        if self.model not in MODELS:
            raise SettingError(f"task.model is {self.model!r}; choose {' or '.join(MODELS)}")
        if not 0 <= self.dropout <= 0.9:  # NaN too
            raise SettingError(f"task.dropout is {self.dropout}; choose 0 to 0.9")
        if len(self.hidden) > 8 or not all(1 <= width <= 4096 for width in self.hidden):
            raise SettingError(f"task.hidden is {self.hidden}; choose up to 8 layers of 1 to 4096 each")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What goes into a model and what comes out.

    tokens: the columns of `features` in groups that belong together, each column once; levels: () for a logit.
    """

    tokens: Sequence[Sequence[int]]
    horizons: int
    levels: Sequence[float]


def _perceptron(settings: ModelSettings, shape: Shape, common: Mapping[str, Any]) -> nn.Module:
    return Perceptron(features=sum(map(len, shape.tokens)), hidden=settings.hidden, **common)


def _attention(settings: ModelSettings, shape: Shape, common: Mapping[str, Any]) -> nn.Module:
    chosen = settings.attention
    return Attention(tokens=shape.tokens, width=chosen.width, heads=chosen.heads, blocks=chosen.blocks, **common)


MODELS: Mapping[str, Callable[[ModelSettings, Shape, Mapping[str, Any]], nn.Module]] = {
    "mlp": _perceptron,
    "attention": _attention,
}


def build(settings: ModelSettings, shape: Shape, seed: int) -> nn.Module:
    """The chosen model: (inputs, dropout seed) -> (N, H, K); the seed decides the weights."""
    common = {"horizons": shape.horizons, "levels": shape.levels, "dropout": settings.dropout, "seed": seed}
    return MODELS[settings.model](settings, shape, common)
