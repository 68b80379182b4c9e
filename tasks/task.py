"""The contract of a forecasting task: all that a federation knows of a disease, a river or a crop.

A national file becomes a Panel, a Panel becomes time-ordered Windows, a model maps `Windows.inputs` to an output,
`Task.forecast` turns that output back into the country's own units, and `Task.scores` judge it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.national import NationalTable
from tasks.scores import Score
from tasks.settings import TaskSettings

if TYPE_CHECKING:
    from tasks.products.issued import Issued, Product

Array = NDArray[Any]
Part = Literal["train", "validation", "test", "apart"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One country's records on a regular calendar.

    country: ISO 3166-1 alpha-3 code.
    periods: (T,) datetime64[M], rising (a month, or the harvest month of a season).
    places: (P,) identifiers: provinces, cells, province-crop pairs.
    target: (P, T) float64 in natural units; NaN marks a period that was not reported.
    covariates: name -> (P, T) float64. A value stands at the period it describes; when it becomes known is the
        task's business (`Task.windows` must use only what was known at the origin).
    static: name -> (P,) values that do not change.
    """

    country: str
    periods: Array
    places: tuple[str, ...]
    target: Array
    covariates: Mapping[str, Array] = field(default_factory=dict)
    static: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Forecast situations of one country: N origins-at-a-place, H horizons. Only labels are newer than their origin.

    country, places: as in Panel.
    inputs: name -> (N, ...) float32, what the model may see. Scaled inside the country, on its training part alone.
    target: (N, H) float32 in model units, NaN where not reported. What the loss sees.
    observed: (N, H) float64 in natural units, NaN where not reported. What the scores see.
    restore: name -> (N, ...) float64, what `Task.forecast` needs to turn model units into natural units.
    place: (N,) int64 index into places.
    origin: (N,) datetime64[M], the last period whose target is known. Where horizons are issue dates within a season,
        the inputs of a horizon may also hold covariates that became known between the origin and that issue date.
    due: (N, H) datetime64[M], the period each horizon forecasts.
    part: (N,) 'train' | 'validation' | 'test' | 'apart' (months of the test that are scored by themselves) | ''
        (straddles a cut or lies after the last one: never used).
    threshold: (N, H) natural units, whose crossing is warned of, from what was known at the origin; NaN where nobody
        knows it. None where the target is the event itself.
    """

    country: str
    places: tuple[str, ...]
    inputs: Mapping[str, Array]
    target: Array
    observed: Array
    restore: Mapping[str, Array]
    place: Array
    origin: Array
    due: Array
    part: Array
    threshold: Array | None = None

    def __len__(self) -> int:
        return len(self.origin)

    def take(self, rows: Array) -> "Windows":
        """The windows at `rows` (a boolean mask or indices), in that order."""
        return Windows(
            country=self.country,
            places=self.places,
            inputs={name: values[rows] for name, values in self.inputs.items()},
            target=self.target[rows],
            observed=self.observed[rows],
            restore={name: values[rows] for name, values in self.restore.items()},
            place=self.place[rows],
            origin=self.origin[rows],
            due=self.due[rows],
            part=self.part[rows],
            threshold=None if self.threshold is None else self.threshold[rows],
        )

    def only(self, part: Part) -> "Windows":
        """The windows of one part of the calendar."""
        return self.take(self.part == part)


def joined(first: Windows, second: Windows) -> Windows:
    """The windows of both, first then second; they must be of one country and one task."""

    def rows(one: Array, other: Array) -> Array:
        return np.concatenate([one, other])

    return Windows(
        country=first.country,
        places=first.places,
        inputs={name: rows(values, second.inputs[name]) for name, values in first.inputs.items()},
        target=rows(first.target, second.target),
        observed=rows(first.observed, second.observed),
        restore={name: rows(values, second.restore[name]) for name, values in first.restore.items()},
        place=rows(first.place, second.place),
        origin=rows(first.origin, second.origin),
        due=rows(first.due, second.due),
        part=rows(first.part, second.part),
        threshold=None
        if first.threshold is None or second.threshold is None
        else rows(first.threshold, second.threshold),
    )


@dataclass(frozen=True, kw_only=True)
class Task:
    """A forecasting task as data; each function stands in a file beside the task's `__init__`.

    title: settings -> what is forecast, in a few words for a table.
    settings: the schema of the task's own settings; Hydra merges it, a vault builds it from a request.
    file: name of the national file inside a country's folder.
    tables: every file of the task in a country's folder, `file` and optional ones, with what their columns mean.
    read: (country's folder, country, settings) -> Panel. Raises DataError.
    synthesize: (folder, country, seed, settings) writes the national file of an invented country and, beside it,
        the known truth that `oracle` reads.
    windows: (panel, settings) -> Windows over every part of the calendar; works with no usable row (N = 0).
    build_model: (settings, seed) -> module mapping (inputs, seed: Tensor | int | None) to (N, H, K); usable under
        torch.func.vmap. The second argument is the seed of dropout masks while training, an int or, under
        vmap, a scalar int64; None otherwise. The same (settings, seed) gives the same weights.
    loss: (output (N, H, K), target (N, H)) -> scalar, the mean over reported targets; NaN targets do not count;
        zero when none is reported; usable under vmap.
    forecast: (output (N, H, K), windows) -> (N, H, K) float64 in natural units.
    levels: (K,) quantile levels of the forecast, or () when K = 1 is a probability.
    scores: name -> Score. The first is the headline.
    baselines: name -> (panel, windows, settings) -> (N, H, K) forecasts in natural units, each from what was known at
        its origin alone.
    reference: the baseline that relative scores divide by.
    oracle: (folder, windows, settings) -> (N, H, K), the best possible forecast of an invented country, or None
        where the folder holds real records.
    horizons: settings -> H names for tables, such as "1 month".
    event: what is warned of, in words, and the prefix of the scores that judge it; None where nothing is.
    products: format -> what a forecaster hands on, from the newest forecast her records allow.
    upcoming: as `read`, with a period more that has no target yet, where that period's covariates are on record before
        its target. None where every forecast starts from a period whose target is known.
    """

    name: str
    title: Callable[[Any], str]
    unit: str
    file: str
    settings: type[TaskSettings]
    read: Callable[[Path, str, Any], Panel]
    synthesize: Callable[[Path, str, int, Any], None]
    windows: Callable[[Panel, Any], Windows]
    build_model: Callable[[Any, int], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]
    forecast: Callable[[Array, Windows], Array]
    levels: tuple[float, ...]
    scores: Mapping[str, Score]
    baselines: Mapping[str, Callable[[Panel, Windows, Any], Array]]
    reference: str
    oracle: Callable[[Path, Windows, Any], Array | None]
    horizons: Callable[[Any], tuple[str, ...]]
    tables: Mapping[str, NationalTable] = field(default_factory=dict)
    event: Callable[[Any], tuple[str, str]] | None = None
    products: Mapping[str, Callable[["Issued"], "Product"]] = field(default_factory=dict)
    upcoming: Callable[[Path, str, Any], Panel] | None = None
