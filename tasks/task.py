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

from tasks.errors import SettingError
from tasks.histograms import CUTS
from tasks.national import NationalTable
from tasks.scores import Score

if TYPE_CHECKING:
    from tasks.products.issued import Issued, Product

Array = NDArray[Any]
Part = Literal["train", "validation", "test", "apart"]
UNALIGNED = "unaligned: flattering"  # what scores of countries cut at their own ends are called, wherever they are told


@dataclass  # not frozen: Hydra merges it
class Calendar:
    """The one calendar cut of a run, the same for every country; last months, inclusive, as YYYY-MM."""

    train_until: str = "2004-12"
    validate_until: str = "2006-12"
    test_until: str = "2008-12"
    apart: list[str] = field(default_factory=list)  # first and last month of the test that are scored by themselves
    unaligned: bool = False  # test ends where each country's records do: flattering, a table of its own

    def check(self) -> None:
        """Raise SettingError unless the cuts rise and what is set apart lies within the test."""
        _, last, end = self.months()
        if self.apart and self.unaligned:
            raise SettingError("task.calendar: apart names months of all countries, unaligned has none; leave one out")
        first_apart, last_apart = self.months_apart() or (last + 1, end)
        if not last < first_apart <= last_apart <= end:
            raise SettingError(
                f"task.calendar.apart={self.apart} must lie in the test, after {self.validate_until} and until "
                f"{self.test_until}"
            )

    def tested(self) -> str:
        """The years of the test in words, and what is peculiar about them."""
        first, last = self.months()[1:]
        if self.unaligned:
            return f"tested on the last {int((last - first).astype(int))} months of each country ({UNALIGNED})"
        without = f", {' to '.join(self.apart)} apart" if self.apart else ""
        return f"tested after {self.validate_until}, until {self.test_until}{without}"

    def months_apart(self) -> tuple[np.datetime64, np.datetime64] | None:
        """First and last month of what is set apart; raises SettingError for other than two months, or none."""
        if not self.apart:
            return None
        try:
            first, last = (np.datetime64(text, "M") for text in self.apart)
        except ValueError:
            raise SettingError(
                f"task.calendar.apart={self.apart} must be a first and a last month, for example [2020-01,2021-12]"
            ) from None
        return first, last

    def months(self) -> tuple[np.datetime64, np.datetime64, np.datetime64]:
        """The three cuts as datetime64[M]; raises SettingError unless they are months in rising order."""
        texts = (self.train_until, self.validate_until, self.test_until)
        try:
            first, second, third = (np.datetime64(text, "M") for text in texts)
        except ValueError as error:
            raise SettingError(f"task.calendar: {error}; write months as YYYY-MM, for example 2004-12") from None
        if not first < second < third:
            raise SettingError(
                f"task.calendar: train_until, validate_until, test_until must rise, got {', '.join(texts)}"
            )
        return first, second, third


@dataclass  # not frozen: Hydra merges it
class TaskSettings:
    """What every task lets a run choose; each task adds its own keys."""

    name: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    cost_loss: float = 0.3  # cost of acting on a warning over the loss it prevents: warn from that probability on

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        self.calendar.check()
        if self.cost_loss not in CUTS:
            raise SettingError(f"task.cost_loss is {self.cost_loss}; choose one of {', '.join(map(str, CUTS))}")


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
    build_model: (settings, seed) -> module mapping (inputs, seed: Tensor | None) to (N, H, K); usable under
        torch.func.vmap. The second argument is a scalar int64 seed for dropout masks while training, None otherwise.
        The same (settings, seed) gives the same weights.
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
