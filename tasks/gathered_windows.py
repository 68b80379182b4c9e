"""Windows that share one copy of a country's series: inputs are gathered by index when a batch is read.

A year of daily covariates before every origin, copied, is 365 times the record. Here the record is kept once, and a
window is two integers: its place and the period of its origin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from tasks.data import Array, DenseWindows, Part, Windows


@dataclass(frozen=True, kw_only=True)
class Lagged:
    """Values of a series around an origin.

    values: (P, T, ...). What is the same in all places or periods is a view, `np.broadcast_to`.
    lags: (L,) steps from the origin, negative ones look back; the result is (N, L, ...). None: of the origin, (N, ...).
    """

    values: Array
    lags: Array | None = None

    def at(self, place: Array, time: Array) -> Array:
        """The values of windows at (N,) places and periods."""
        if self.lags is None:
            return np.asarray(self.values[place, time])
        return np.asarray(self.values[place[:, None], time[:, None] + self.lags])

    def check(self, time: Array) -> None:
        """Raise ValueError where a lag leaves the series; numpy would take a negative index from the end."""
        if self.lags is None or not len(time):
            return
        first, last = int(time.min() + self.lags.min()), int(time.max() + self.lags.max())
        if first < 0 or last >= self.values.shape[1]:
            raise ValueError(f"lags reach periods {first} to {last} of a series of {self.values.shape[1]}")


def extended(values: Array, steps: int) -> Array:
    """(P, T, ...) with so many unknown periods after the last, for labels that are not reported yet."""
    unknown = np.full((values.shape[0], steps, *values.shape[2:]), np.nan, values.dtype)
    return np.concatenate([values, unknown], axis=1)


@dataclass(frozen=True, kw_only=True)
class Store:
    """A country's series, and how windows read them; the fields not named here are those of `Windows`.

    periods: (T + longest lead,) as in Panel, going on after the last record. leads: (H,) periods ahead.
    part: (T,) part of the windows of each origin.
    """

    country: str
    places: tuple[str, ...]
    periods: Array
    leads: Array
    part: Array
    inputs: Mapping[str, Lagged]
    target: Lagged
    observed: Lagged
    restore: Mapping[str, Lagged] = field(default_factory=dict)
    threshold: Lagged | None = None


@dataclass(frozen=True, kw_only=True)
class GatheredWindows:
    """Windows of a store. place, time: (N,) integers, the place and the index of the origin among the periods."""

    store: Store
    place: Array
    time: Array

    def __post_init__(self) -> None:
        store = self.store
        optional = [] if store.threshold is None else [store.threshold]
        for each in (*store.inputs.values(), *store.restore.values(), store.target, store.observed, *optional):
            each.check(self.time)

    def __len__(self) -> int:
        return len(self.time)

    def batch(self, rows: Array | slice) -> tuple[dict[str, Array], Array]:
        """Inputs and target of the windows at `rows`."""
        place, time = self.place[rows], self.time[rows]
        inputs = {name: series.at(place, time) for name, series in self.store.inputs.items()}
        return inputs, self.store.target.at(place, time)

    def take(self, rows: Array) -> "GatheredWindows":
        """The windows at `rows`; of the store nothing is copied."""
        return replace(self, place=self.place[rows], time=self.time[rows])

    def only(self, part: Part) -> "GatheredWindows":
        """The windows of one part of the calendar."""
        return self.take((self.store.part == part)[self.time])

    @property
    def country(self) -> str:
        """As in Panel."""
        return self.store.country

    @property
    def places(self) -> tuple[str, ...]:
        """As in Panel."""
        return self.store.places

    @property
    def inputs(self) -> dict[str, Array]:
        """Inputs of all windows at once: for records that are small."""
        return self.batch(slice(None))[0]

    @property
    def target(self) -> Array:
        """(N, H) in model units."""
        return self.store.target.at(self.place, self.time)

    @property
    def observed(self) -> Array:
        """(N, H) in natural units."""
        return self.store.observed.at(self.place, self.time)

    @property
    def restore(self) -> dict[str, Array]:
        """name -> (N, ...) float64, also of a store that keeps them shorter."""
        restored = {name: series.at(self.place, self.time) for name, series in self.store.restore.items()}
        return {name: values.astype(np.float64, copy=False) for name, values in restored.items()}

    @property
    def origin(self) -> Array:
        """(N,) periods."""
        return np.asarray(self.store.periods[self.time])

    @property
    def due(self) -> Array:
        """(N, H) periods."""
        return np.asarray(self.store.periods[self.time[:, None] + self.store.leads])

    @property
    def part(self) -> Array:
        """(N,) names."""
        return np.asarray(self.store.part[self.time])

    @property
    def threshold(self) -> Array | None:
        """(N, H), or None."""
        return None if self.store.threshold is None else self.store.threshold.at(self.place, self.time)


@dataclass(frozen=True, kw_only=True)
class JoinedWindows:
    """Windows of several kinds or countries, end to end. owner, row: (N,) integers, the member and the row in it."""

    members: tuple[Windows, ...]
    owner: Array
    row: Array

    def __len__(self) -> int:
        return len(self.row)

    def batch(self, rows: Array | slice) -> tuple[dict[str, Array], Array]:
        """Inputs and target of the windows at `rows`."""
        owner, row = self.owner[rows], self.row[rows]
        batches = [member.batch(row[owner == each]) for each, member in enumerate(self.members)]
        order = np.argsort(np.argsort(owner, kind="stable"), kind="stable")  # where each row stands among the batches
        inputs = {name: np.concatenate([part[name] for part, _ in batches])[order] for name in batches[0][0]}
        return inputs, np.concatenate([target for _, target in batches])[order]

    def take(self, rows: Array) -> Windows:
        """The windows at `rows`; where all are of the first member, as that one has them."""
        owner, row = self.owner[rows], self.row[rows]
        return replace(self, owner=owner, row=row) if owner.any() else self.members[0].take(row)

    def only(self, part: Part) -> Windows:
        """The windows of one part of the calendar."""
        return self.take(self.part == part)

    def _picked(self, arrays: Sequence[Array]) -> Array:
        """The rows of one array a member."""
        begins = np.cumsum([0, *map(len, arrays)])
        return np.asarray(np.concatenate(arrays)[begins[self.owner] + self.row])

    @property
    def country(self) -> str:
        """Of the first member."""
        return self.members[0].country

    @property
    def places(self) -> tuple[str, ...]:
        """Of the first member."""
        return self.members[0].places

    @property
    def inputs(self) -> dict[str, Array]:
        """Inputs of all windows at once: for records that are small."""
        return self.batch(slice(None))[0]

    @property
    def target(self) -> Array:
        """(N, H) in model units."""
        return self._picked([member.target for member in self.members])

    @property
    def observed(self) -> Array:
        """(N, H) in natural units."""
        return self._picked([member.observed for member in self.members])

    @property
    def restore(self) -> dict[str, Array]:
        """name -> (N, ...)."""
        each = [member.restore for member in self.members]
        return {name: self._picked([restore[name] for restore in each]) for name in each[0]}

    @property
    def place(self) -> Array:
        """(N,) integers."""
        return self._picked([member.place for member in self.members])

    @property
    def origin(self) -> Array:
        """(N,) periods."""
        return self._picked([member.origin for member in self.members])

    @property
    def due(self) -> Array:
        """(N, H) periods."""
        return self._picked([member.due for member in self.members])

    @property
    def part(self) -> Array:
        """(N,) names."""
        return self._picked([member.part for member in self.members])

    @property
    def threshold(self) -> Array | None:
        """(N, H); None where a member has none."""
        known = [each for member in self.members if (each := member.threshold) is not None]
        return self._picked(known) if len(known) == len(self.members) else None


def dense(windows: Windows) -> DenseWindows:
    """The same with all arrays in memory: for records that are small."""
    if isinstance(windows, DenseWindows):
        return windows
    return DenseWindows(**{each.name: getattr(windows, each.name) for each in fields(DenseWindows)})


def joined(members: Sequence[Windows]) -> Windows:
    """The windows of all members, end to end; they must be of one task. Country and places are the first one's."""
    if len(members) == 1:
        return members[0]
    whole = JoinedWindows(
        members=tuple(members),
        owner=np.repeat(np.arange(len(members), dtype=np.int32), [len(member) for member in members]),
        row=np.concatenate([np.arange(len(member), dtype=np.int32) for member in members]),
    )
    return dense(whole) if all(isinstance(member, DenseWindows) for member in members) else whole
