"""What a registered model is: a name, the keys of its own, and how it is built."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from tasks.errors import SettingError
from tasks.settings import TaskSettings


@dataclass  # not frozen: Hydra merges it
class CommonSettings(TaskSettings):
    """What a run may choose of every model. It changes no record and no window."""

    model: str = "mlp"  # mlp | attention: see MODELS
    hidden: list[int] = field(default_factory=list)  # mlp: widths of the hidden layers; [] is a linear model
    dropout: float = 0.0  # share of hidden values left out at each training step

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
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

    @property
    def features(self) -> int:
        return sum(map(len, self.tokens))


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that a task may train, chosen as task.model=NAME.

    settings: the dataclass of its own keys task.NAME.*, whose `check` raises SettingError; None: it has none.
    build: the common settings, its own (None: it has none), the shape and a seed that alone decides the weights -> the
        module, (inputs, dropout seed) -> (N, H, K).
    """

    name: str
    settings: type[Any] | None = None
    build: Callable[[CommonSettings, Any, Shape, int], nn.Module]
