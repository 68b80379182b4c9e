"""The contract of a forecasting task: all that a federation knows of a disease, a river or a crop.

A national file becomes a Panel, a Panel becomes time-ordered Windows, a model maps `Windows.inputs` to an output,
`Task.forecast` turns that output back into the country's own units, and `Task.scores` judge it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from tasks.data import Array, Panel, Windows
from tasks.evaluation.scores import Score
from tasks.files.table import NationalTable
from tasks.settings import TaskSettings

if TYPE_CHECKING:
    from tasks.products.forecast import Issued, Product


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
