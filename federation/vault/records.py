"""A country's records as its vault works with them: read once a run, kept warm between rounds."""

import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.data import Panel, Part, Windows
from tasks.evaluation.of_windows import evaluated
from tasks.evaluation.score import Evaluated, FinalScore, Sums
from tasks.settings import Calendar, TaskSettings
from tasks.task import Task
from tasks.windows import ending_with, last_reported, with_record_of

Array = NDArray[Any]
Stamp = tuple[int, int, int]  # when a file was written, its size, its place on the disk


class Forecasts(Mapping[str, Array]):
    """Of baselines, by name: each is made when it is first looked at, and then kept.

    They are the dear part of opening records, and a request that is refused looks at none.
    """

    def __init__(self, make: Mapping[str, Callable[[], Array]]) -> None:
        self._make, self._made = dict(make), dict[str, Array]()
        self._names = tuple(make)

    def __getitem__(self, name: str) -> Array:
        if name not in self._made:
            self._made[name] = self._make[name]()
            del self._make[name]  # and what it was made of
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, kw_only=True)
class Records:
    """Windows by part, and what every baseline forecast for the scored parts: part -> arm -> (N, H, K).

    calendar: by which they were cut, the country's own where the run's is unaligned.
    end: the last period that the country reported, empty where it reported none; see `last_reported`.
    """

    task: Task
    windows: Mapping[Part, Windows]
    known: Mapping[Part, Mapping[str, Array]]
    calendar: Calendar
    fingerprint: str
    settings: TaskSettings
    end: str = ""

    def evaluate(self, part: Part, forecast: Array, calibration: Array | None = None) -> dict[str, Sums]:
        """Every score's sums for one arm's forecasts of one part, in natural units; some are of the test alone."""
        chosen = {
            name: score
            for name, score in self.task.scores.items()
            if part != "validation" or not isinstance(score, FinalScore)
        }
        of_part = self.evaluated(part, forecast, calibration)
        return {name: score.sums(of_part) for name, score in chosen.items()}

    def calibration(self, validation: Array) -> Array | None:
        """What the country learns about the chances of events from an arm's forecasts of its validation years."""
        if self.task.calibrate is None:
            return None
        return self.task.calibrate(self.evaluated("validation", validation))

    def evaluated(self, part: Part, forecast: Array, calibration: Array | None = None) -> Evaluated:
        """One arm's forecasts of one part with what happened. calibration: of that arm."""
        reference = self.known[part][self.task.reference]
        return evaluated(forecast, self.windows[part], self.settings, reference=reference, calibration=calibration)

    def forecast_baselines(self) -> None:
        """Have all of them made once a request is admitted: before its release, for which writers to the vault's file
        wait, and before training, for what they are made of is freed with it."""
        for forecasts in self.known.values():
            _ = list(forecasts.values())

    def cohort(self) -> int:
        """Reported place-periods among the training targets; horizons look at the same ones, so the largest counts."""
        return int(np.isfinite(self.windows["train"].target).sum(axis=0).max(initial=0))


def stamp(path: Path) -> Stamp | None:
    """Differs once a file was changed, without opening it; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def evaluated_parts(calendar: Calendar) -> tuple[Part, ...]:
    """What the final model is scored on, once a run; the first also every round."""
    return ("validation", "test", "excluded_period") if calendar.excluded_period else ("validation", "test")


def open_records(
    task: Task, settings: TaskSettings, folder: Path, country: str, key: bytes, *, years: int | None = None
) -> Records:
    """Read, cut and scale one country's national file. Raises DataError.

    years: of training that count, as if the country had begun to keep records so long before the cut; none: all.

    The fingerprint is an HMAC under the country's own key: it shows that the records are the same as in another run
    and lets nobody test a guess of what they are.
    """
    panel = task.read(folder, country, settings)
    if settings.calendar.unaligned:
        settings = replace(settings, calendar=ending_with(panel, settings.calendar))
    if years is not None:
        panel = with_record_of(panel, settings.calendar, years)
    windows = task.windows(panel, settings)
    parts: dict[Part, Windows] = {part: windows.only(part) for part in get_args(Part)}
    known: dict[Part, Mapping[str, Array]] = {}
    for part in evaluated_parts(settings.calendar):
        make = {name: partial(forecast, panel, parts[part], settings) for name, forecast in task.baselines.items()}
        truth = task.oracle(folder, parts[part], settings)
        if truth is not None:
            make["oracle"] = partial(np.asarray, truth)
        known[part] = Forecasts(make)
    fingerprint = hmac.new(key, _digest(panel), sha256).hexdigest()
    return Records(
        task=task,
        windows=parts,
        known=known,
        calendar=settings.calendar,
        fingerprint=fingerprint,
        settings=settings,
        end="" if (last := last_reported(panel)) is None else str(last),
    )


def _digest(panel: Panel) -> bytes:
    """Of all that was read: places, periods, targets, covariates and what does not change."""
    hashed = sha256(repr(panel.places).encode())
    named = {f"covariate {name}": values for name, values in panel.covariates.items()}
    named |= {f"static {name}": values for name, values in panel.static.items()}
    for name, values in [("periods", panel.periods), ("target", panel.target), *sorted(named.items())]:
        hashed.update(f"{name} {values.shape} {values.dtype}".encode())
        plain = repr(values.tolist()).encode() if values.dtype == object else np.ascontiguousarray(values).tobytes()
        hashed.update(plain)
    return hashed.digest()


def power_of_two(count: int) -> int:
    """The smallest one that is at least this: an order of magnitude, where the number itself stays at home."""
    return 1 << max(count - 1, 0).bit_length()
