"""A task that is solved on paper: linear regression, whose best weights are known from the normal equations.

y(t) = a x(t-1) + b x(t-2) + noise with x independent in time, so that one month ahead a x(t) + b x(t-1) is the best
forecast, two months ahead b x(t), and the expected squared error of either is known.
"""

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.data import DenseWindows, Panel, Windows
from tasks.errors import DataError, SettingError
from tasks.evaluation.scores import mean_of, relative
from tasks.settings import Calendar, TaskSettings
from tasks.task import Task
from tasks.windows import ahead, lagged, part_of

Array = NDArray[Any]
HORIZONS = 2
A, B, NOISE = 0.8, -0.5, 0.1
FIRST, MONTHS = np.datetime64("1999-01", "M"), 120


@dataclass  # not frozen: Hydra merges it
class ToySettings(TaskSettings):
    """heterogeneity: how far a country's coefficients and the size of its inputs are from the region's; 0: one law."""

    name: str = "toy"
    calendar: Calendar = field(default_factory=Calendar)
    heterogeneity: float = 0.0

    def check(self) -> None:
        super().check()
        if not 0 <= self.heterogeneity <= 1:
            raise SettingError(f"task.heterogeneity={self.heterogeneity} must be at least 0 and at most 1")


SLOPE, SHIFT = "slope.weight", "head.bias"  # first in the module is last in the alphabet, so a wrong order shows


class Line(nn.Module):
    """(N, 2) inputs -> (N, 2, 1): one linear function a horizon, with a head that a strategy may keep at home."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.slope = nn.ParameterDict({"weight": torch.randn(HORIZONS, 2, generator=generator) / 10})
        self.head = nn.ParameterDict({"bias": torch.randn(HORIZONS, generator=generator) / 10})

    def forward(self, inputs: dict[str, Tensor], seed: Tensor | None) -> Tensor:  # noqa: ARG002
        output: Tensor = inputs["recent"] @ self.slope["weight"].T + self.head["bias"]
        return output.unsqueeze(-1)


def places_of(country: str) -> int:
    """2 to 5, so that countries are of unequal size."""
    return 2 + ord(country[0]) % 4


def law_of(country: str, heterogeneity: float) -> tuple[float, float, float]:
    """a, b and the size of x in a country."""
    draw = np.random.default_rng(int.from_bytes(blake2b(country.encode(), digest_size=4).digest())).uniform(-1, 1, 3)
    return (
        float(A + heterogeneity * draw[0]),
        float(B + heterogeneity * draw[1]),
        float(np.exp(heterogeneity * draw[2])),
    )


def read(folder: Path, country: str, settings: ToySettings) -> Panel:  # noqa: ARG001
    path = folder / TOY.file
    places: dict[str, list[tuple[float, float]]] = {}
    try:
        lines = path.read_text().splitlines()[1:]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    for number, line in sorted(enumerate(lines, start=2), key=lambda row: row[1]):
        place, _, push, target = line.split(",")
        try:
            places.setdefault(place, []).append((float(push), float(target)))
        except ValueError:
            raise DataError(f"{path}, row {number}: {target!r} is no number") from None
    values = np.array(list(places.values()))
    return Panel(
        country=country,
        periods=FIRST + np.arange(values.shape[1]),
        places=tuple(places),
        target=values[..., 1],
        covariates={"push": values[..., 0]},
    )


def synthesize(folder: Path, country: str, seed: int, settings: ToySettings) -> None:
    a, b, size = law_of(country, settings.heterogeneity)
    salt = int.from_bytes(blake2b(f"{country} {seed}".encode(), digest_size=4).digest())
    generator = np.random.default_rng(salt)
    push = size * generator.standard_normal((places_of(country), MONTHS))
    before = lagged(push, [1, 2])
    target = np.nan_to_num(a * before[..., 0] + b * before[..., 1]) + NOISE * generator.standard_normal(push.shape)
    rows = [
        f"p{place},{FIRST + month},{float(push[place, month])!r},{float(target[place, month])!r}\n"
        for place, month in np.ndindex(push.shape)
    ]
    (folder / TOY.file).write_text("place,month,push,target\n" + "".join(rows))
    (folder / "truth.txt").write_text(f"{a!r} {b!r}")


def windows(panel: Panel, settings: ToySettings) -> Windows:
    future = ahead(panel.target, HORIZONS)
    recent = lagged(panel.covariates["push"], [0, 1])
    places, periods = panel.target.shape
    usable = np.isfinite(recent).all(axis=-1).ravel()
    place, month = (each.ravel()[usable] for each in np.indices((places, periods)))
    observed = future.reshape(-1, HORIZONS)[usable]
    due = (panel.periods[month][:, None] + np.arange(1, HORIZONS + 1)).astype("datetime64[M]")
    return DenseWindows(
        country=panel.country,
        places=panel.places,
        inputs={"recent": recent.reshape(-1, 2)[usable].astype(np.float32)},
        target=observed.astype(np.float32),
        observed=observed,
        restore={},
        place=place.astype(np.int64),
        origin=panel.periods[month],
        due=due,
        part=part_of(due, settings.calendar),
    )


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over reported targets."""
    known = torch.isfinite(target)
    error = torch.where(known, output[..., 0] - torch.where(known, target, 0.0), 0.0)
    return error.square().sum() / known.sum().clamp(min=1)


def oracle(folder: Path, windows: Windows, settings: ToySettings) -> Array | None:  # noqa: ARG001
    truth = folder / "truth.txt"
    if not truth.exists():
        return None
    a, b = map(float, truth.read_text().split())
    return np.asarray(windows.inputs["recent"] @ np.array([[a, b], [b, 0]]).T, np.float64)[..., None]


def squared(forecast: Array, observed: Array) -> Array:
    return np.asarray(np.square(forecast[..., 0] - observed))


def optimum(parts: list[Windows], weights: list[float] | None = None) -> dict[str, Array]:
    """Weights that minimise the weighted mean of the countries' mean squared errors, by the normal equations.

    weights: one a country; None counts every example equally, which is pooling.
    """
    left, right = np.zeros((3, 3)), np.zeros((3, HORIZONS))
    for each, one in zip(parts, weights or [len(part) for part in parts], strict=True):
        x = np.column_stack([each.inputs["recent"], np.ones(len(each))]).astype(np.float64)
        left += one / len(each) * x.T @ x
        right += one / len(each) * x.T @ each.target.astype(np.float64)
    best = np.linalg.solve(left, right).T
    return {SLOPE: best[:, :2], SHIFT: best[:, 2]}


TOY = Task(
    name="toy",
    title=lambda _: "A line",
    unit="",
    file="toy.csv",
    settings=ToySettings,
    read=read,
    synthesize=synthesize,
    windows=windows,
    build_model=lambda settings, seed: Line(seed),  # noqa: ARG005
    loss=loss,
    forecast=lambda output, windows: np.asarray(output, np.float64),  # noqa: ARG005
    output=lambda forecast, windows: forecast,  # noqa: ARG005
    levels=(0.5,),
    scores={"mse": mean_of(squared), "relative_mse": relative(squared)},
    baselines={"zero": lambda panel, windows, settings: np.zeros((len(windows), HORIZONS, 1))},  # noqa: ARG005
    reference="zero",
    oracle=oracle,
    horizons=lambda settings: ("1 month", "2 months"),  # noqa: ARG005
    unit_local={"name": "toy"},  # always: a window holds what its own place reports
)


def training_windows(folder: Path, country: str, settings: ToySettings) -> Windows:
    """What a country learns from."""
    return TOY.windows(TOY.read(folder, country, settings), settings).only("train")


def short(settings: ToySettings, train_until: str) -> ToySettings:
    """The same task with fewer months to learn from."""
    return replace(settings, calendar=replace(settings.calendar, train_until=train_until))
