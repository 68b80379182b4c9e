"""A country's records on a grid of places and periods, and the forecast situations that are cut out of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.time_step import STEPS

Array = NDArray[Any]
Part = Literal["train", "validation", "test", "excluded_period"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One country's records on a regular calendar.

    country: ISO 3166-1 alpha-3 code.
    step: 'month', 'week' or 'day', see `tasks.time_step`; seasons are months, those of harvest.
    periods: (T,) rising, datetime64[M] for months, datetime64[D] for days and for weeks, their last days.
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
    step: str = "month"

    def __post_init__(self) -> None:
        expected = STEPS[self.step].dtype
        assert self.periods.dtype == expected, f"periods of a {self.step} are {expected}, not {self.periods.dtype}"


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
    part: (N,) 'train' | 'validation' | 'test' | 'excluded_period' (within the test, scored separately)
        | '' (straddles a cut or lies after the last one: never used).
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
