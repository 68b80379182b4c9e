"""A country's records on a grid of places and periods, and the forecast situations that are cut out of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

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
    known: (A, P, T) the target as it was on record 0, ..., A - 1 periods after the end of its period, NaN where nothing
        is known of that; afterwards it does not change. None: nobody kept it.
    """

    country: str
    periods: Array
    places: tuple[str, ...]
    target: Array
    covariates: Mapping[str, Array] = field(default_factory=dict)
    static: Mapping[str, Array] = field(default_factory=dict)
    step: str = "month"
    known: Array | None = None

    def __post_init__(self) -> None:
        expected = STEPS[self.step].dtype
        assert self.periods.dtype == expected, f"periods of a {self.step} are {expected}, not {self.periods.dtype}"


class Windows(Protocol):
    """Forecast situations of one country: N origins-at-a-place, H horizons. Only labels are newer than their origin.

    Training and scoring read them by `batch`, so that the inputs of all of them need not lie in memory at once.
    Implementations: `DenseWindows`; `tasks.gathered_windows` for long daily records, of which every period's inputs
    repeat those of the period before.

    country, places: as in Panel.
    inputs: name -> (N, ...) float32, what the model may see. Scaled inside the country, on its training part alone.
    target: (N, H) float32 in model units, NaN where not reported. What the loss sees.
    observed: (N, H) float64 in natural units, NaN where not reported. What the scores see.
    restore: name -> (N, ...) float64, what `Task.forecast` needs to turn model units into natural units.
    place: (N,) integer index into places.
    origin: (N,) as Panel.periods, the last period whose target is known. Where horizons are issue dates within a
        season, the inputs of a horizon may also hold covariates that became known between the origin and that date.
    due: (N, H) as Panel.periods, the period each horizon forecasts.
    part: (N,) 'train' | 'validation' | 'test' | 'excluded_period' (within the test, scored separately)
        | '' (straddles a cut or lies after the last one: never used).
    threshold: (N, H) natural units, whose crossing is warned of, from what was known at the origin; NaN where it is
        unknown. None where the target is the event itself.
    """

    def __len__(self) -> int: ...

    def batch(self, rows: Array | slice) -> tuple[Mapping[str, Array], Array]:
        """Inputs and target of the windows at `rows` (a boolean mask, indices or a slice), in that order."""

    def take(self, rows: Array) -> "Windows":
        """The windows at `rows` (a boolean mask or indices), in that order."""

    def only(self, part: Part) -> "Windows":
        """The windows of one part of the calendar."""

    @property
    def country(self) -> str: ...
    @property
    def places(self) -> tuple[str, ...]: ...
    @property
    def inputs(self) -> Mapping[str, Array]: ...
    @property
    def target(self) -> Array: ...
    @property
    def observed(self) -> Array: ...
    @property
    def restore(self) -> Mapping[str, Array]: ...
    @property
    def place(self) -> Array: ...
    @property
    def origin(self) -> Array: ...
    @property
    def due(self) -> Array: ...
    @property
    def part(self) -> Array: ...
    @property
    def threshold(self) -> Array | None: ...


@dataclass(frozen=True, kw_only=True)
class DenseWindows:
    """Windows whose arrays lie in memory as they are; the fields are those of `Windows`."""

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

    def batch(self, rows: Array | slice) -> tuple[dict[str, Array], Array]:
        """Inputs and target of the windows at `rows`."""
        return {name: values[rows] for name, values in self.inputs.items()}, self.target[rows]

    def take(self, rows: Array) -> "DenseWindows":
        """The windows at `rows` (a boolean mask or indices), in that order."""
        inputs, target = self.batch(rows)
        return DenseWindows(
            country=self.country,
            places=self.places,
            inputs=inputs,
            target=target,
            observed=self.observed[rows],
            restore={name: values[rows] for name, values in self.restore.items()},
            place=self.place[rows],
            origin=self.origin[rows],
            due=self.due[rows],
            part=self.part[rows],
            threshold=None if self.threshold is None else self.threshold[rows],
        )

    def only(self, part: Part) -> "DenseWindows":
        """The windows of one part of the calendar."""
        return self.take(self.part == part)
