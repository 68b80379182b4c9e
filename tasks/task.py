"""The contract of a forecasting task: all that a federation knows of a disease, a river or a crop.

A national file becomes a Panel, a Panel becomes time-ordered Windows, a model maps `Windows.inputs` to an output,
`Task.forecast` turns that output back into the country's own units, and `Task.scores` evaluate it.

A whole task, of a country whose level next month is .8 of this month's and a surprise:

    @dataclass  # not frozen: Hydra merges it
    class ToySettings(TaskSettings):
        name: str = "toy"

    def synthesize(folder, country, seed, settings):
        months = np.arange("1999-01", "2009-01", dtype="datetime64[M]")
        surprises = np.random.default_rng([seed, *country.encode()]).standard_normal(len(months))
        levels = accumulate(surprises.tolist(), lambda level, surprise: 0.8 * level + surprise)
        rows = [f"{month},{level!r}\\n" for month, level in zip(months, levels)]
        (folder / "toy.csv").write_text("month,level\\n" + "".join(rows))
        (folder / "toy.truth").write_text("0.8")

    def read(folder, country, settings):
        try:
            rows = sorted((folder / "toy.csv").read_text().splitlines()[1:])
        except OSError as error:
            raise DataError(f"{folder / 'toy.csv'}: {error.strerror}") from None
        months, levels = np.array([row.split(",") for row in rows]).T
        periods, target = months.astype("datetime64[M]"), levels[None].astype(float)
        return Panel(country=country, periods=periods, places=(country,), target=target)

    def windows(panel, settings):
        level, coming = panel.target[0], ahead(panel.target, 1)[0]
        origin = np.flatnonzero(np.isfinite(level))
        due = panel.periods[origin, None] + 1
        return DenseWindows(
            country=panel.country, places=panel.places, inputs={"level": level[origin, None].astype("float32")},
            target=coming[origin].astype("float32"), observed=coming[origin], restore={},
            place=np.zeros(len(origin), "int64"), origin=panel.periods[origin], due=due,
            part=part_of(due, settings.calendar),
        )

    class Line(nn.Module):
        def __init__(self, seed):
            super().__init__()
            self.slope = nn.Parameter(torch.rand(1, generator=torch.Generator().manual_seed(seed)))

        def forward(self, inputs, seed=None):
            return (self.slope * inputs["level"])[..., None]

    def loss(output, target):
        known = target.isfinite()
        error = torch.where(known, output[..., 0] - target.nan_to_num(), 0.0)
        return error.square().sum() / known.sum().clamp(min=1)

    def oracle(folder, windows, settings):
        return 0.8 * windows.inputs["level"][..., None] if (folder / "toy.truth").exists() else None

    TASK = Task(
        name="toy", title=lambda _: "A level", unit="", file="toy.csv", settings=ToySettings, read=read,
        synthesize=synthesize, windows=windows, build_model=lambda settings, seed: Line(seed), loss=loss,
        forecast=lambda output, windows: np.asarray(output, "float64"), levels=(0.5,),
        scores={"mse": mean_of(lambda forecast, observed: np.square(forecast[..., 0] - observed))},
        baselines={"zero": lambda panel, windows, settings: np.zeros((len(windows), 1, 1))}, reference="zero",
        oracle=oracle, horizons=lambda _: ("1 month",),
    )

In a folder of its own (`tasks/toy/__init__.py`, with its imports) and with a line in `tasks.registry` this can be run.
`tasks.testing` checks every clause below; the tests run it on the task above.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from tasks.data import Array, Panel, Windows
from tasks.evaluation.score import Evaluated, Score
from tasks.files.table import NationalTable
from tasks.settings import TaskSettings

if TYPE_CHECKING:
    from tasks.products.forecast import Issued, Outlook, Product, WeatherForecast


@dataclass(frozen=True, kw_only=True)
class Task:
    """A forecasting task as data; each function stands in a file of the task's folder.

    title: settings -> what is forecast, in a few words for a table.
    settings: the schema of the task's own settings; Hydra merges it, a vault builds it from a request.
    file: name of the national file inside a country's folder.
    tables: every file of the task in a country's folder, `file` and optional ones, with what their columns mean.
    read: (country's folder, country, settings) -> Panel. Raises DataError.
    synthesize: (folder, country, seed, settings) writes the national file of a synthetic country and, into the same
        folder, the known truth that `oracle` reads.
    windows: (panel, settings) -> Windows over every part of the calendar; works with no usable row (N = 0).
    build_model: (settings, seed) -> module mapping (inputs, seed: Tensor | int | None) to (N, H, K); usable under
        torch.func.vmap. The second argument is the seed of dropout masks while training, an int or, under
        vmap, a scalar int64; None otherwise. The same (settings, seed) gives the same weights.
    loss: (output (N, H, K), target (N, H)) -> scalar, the mean over reported targets; NaN targets do not count;
        zero when none is reported; usable under vmap.
    forecast: (output (N, H, K), windows) -> (N, H, K) float64 in natural units.
    output: (forecast (N, H, K) in natural units, windows) -> (N, H, K) model units, the way back of `forecast`, so that
        a baseline can be mixed with models. None: no mix has a baseline.
    levels: (K,) quantile levels of the forecast, or () when K = 1 is a probability.
    scores: name -> Score. The first is the headline.
    baselines: name -> (panel, windows, settings) -> (N, H, K) forecasts in natural units, each from what was known at
        its origin alone.
    reference: the baseline that relative scores divide by.
    oracle: (folder, windows, settings) -> (N, H, K), the best possible forecast of a synthetic country, or None
        where the folder holds real records.
    horizons: settings -> H names for tables, such as "1 month".
    event: the event of its warnings in words, and the prefix of their scores; None where the task gives no warnings.
    products: format -> file for other systems, made of the newest forecast that the records allow.
    unit_local: settings under which no window of a place depends on the records of another place, key -> value; none:
        the task knows no such settings. `tasks.testing.unit_local` proves it by changing all records of a place.
    upcoming: what products are made from: as `read`, but of nothing later than a month or day where one is
        given, and with a period more that has no target yet, where that period's covariates are on record before its
        target. None: as `read`, and no product as of an earlier month.
    reported: panel -> (P, T), the periods that a place has on record; no forecast starts later than the last of them.
    outlook: an issued forecast -> the chances of the event, for a page that people read; None: no page is drawn.
    largest_age: settings -> periods that records may be old for a product, unless the forecaster says otherwise.
    calibrate: an arm's forecasts of the validation years, with what happened -> (C,) float64, what a country learns
        from them about the chances of events in that arm's forecasts; `Evaluated.calibration`. None: nothing.
    weather_ahead: (panel, file) -> the panel with the periods ahead, whose weather is that of a node's own weather
        forecast, and what to say of it; for a model that `needs_weather`. None: no model of the task takes one.
    accrues: whether the target is a count of which the records of a month grow for some time, so that a reporting delay
        can be learnt from records as they were known earlier, and young months be completed.
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
    unit_local: Mapping[str, Any] = field(default_factory=dict)
    output: Callable[[Array, Windows], Array] | None = None
    upcoming: Callable[[Path, str, Any, np.datetime64 | None], Panel] | None = None
    reported: Callable[[Panel], Array] = lambda panel: np.isfinite(panel.target)
    outlook: Callable[["Issued"], "Outlook"] | None = None
    largest_age: Callable[[Any], int] = lambda _: 12
    calibrate: Callable[[Evaluated], Array] | None = None
    weather_ahead: Callable[[Panel, Path], tuple[Panel, "WeatherForecast"]] | None = None
    accrues: bool = False
