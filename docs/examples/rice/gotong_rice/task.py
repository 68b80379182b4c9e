"""Monthly retail price of rice per market, 1 and 2 months ahead, as quantiles. Unit: local currency a kilogram.

National file `rice_price.csv`: time_period (YYYY-MM), market, price. A missing month may be left out.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import NormalDist

import numpy as np

from tasks.data import Array, DenseWindows, Panel, Windows
from tasks.evaluation.pointwise import coverage, weighted_interval_score
from tasks.evaluation.quantiles import quantiles
from tasks.evaluation.scores import mean_of
from tasks.files.columns import Column
from tasks.files.grid import grid
from tasks.files.load import read_table
from tasks.files.schema import TableSchema
from tasks.files.table import MONTH, NationalTable
from tasks.models import losses
from tasks.models.choice import ModelSettings, build
from tasks.models.model import Shape
from tasks.synthetic.draws import generators
from tasks.task import Task
from tasks.windows import ahead, lagged, month_of_year, part_of

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
HORIZONS, LAGS = 2, 6
REVERSION, SEASON, SHOCK = 0.2, 0.05, 0.04  # of the synthetic log price: a month, amplitude, standard deviation
LARGEST = 3.0  # change of a log price that is forecast: twenty times the price

FILE = "rice_price.csv"
SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="month"),
        "market": Column(kind="text"),
        "price": Column(kind="number", empty=True, low=0.001, high=1e9, unit="local currency a kilogram"),
    },
    keys=("time_period", "market"),
    place="market",
)
TABLE = NationalTable(
    title="Retail prices of rice, one row a market and month",
    schema=SCHEMA,
    place="market",
    meaning={
        "time_period": MONTH,
        "market": "name of the market, one spelling throughout",
        "price": "of one kilogram in local currency; empty if nobody collected it",
    },
    example="2004-12,Pakse,6500",
)


@dataclass  # not frozen: Hydra merges it
class RiceSettings(ModelSettings):
    """Prices of rice; every key can be overridden as task.KEY=VALUE."""

    name: str = "rice"
    hidden: list[int] = field(default_factory=lambda: [16])  # mlp: widths of the hidden layers


def read(folder: Path, country: str, settings: RiceSettings) -> Panel:
    """The national file as log prices, markets in alphabetical order. Raises DataError."""
    file = folder / TASK.file
    cells = grid(read_table(file, SCHEMA), ("price",), file=file, place="market")
    return Panel(country=country, periods=cells.periods, places=cells.places, target=np.log(cells.values["price"]))


def synthesize(folder: Path, country: str, seed: int, settings: RiceSettings) -> None:
    """Three markets whose log price returns to a seasonal level; the truth lies beside, for the oracle."""
    (draw,) = generators(country, seed, 1)
    months = np.arange("1999-01", "2009-01", dtype="datetime64[M]")
    levels = 3 + draw.normal(0, 0.3, 3)
    rows, logs = [], levels
    for month in months:
        logs = logs + REVERSION * (_season(levels, month) - logs) + draw.normal(0, SHOCK, 3)
        rows += [f"{month},market-{place},{np.exp(value):.6f}\n" for place, value in enumerate(logs)]
    (folder / TASK.file).write_text("time_period,market,price\n" + "".join(rows))
    (folder / "rice.truth").write_text(" ".join(repr(float(level)) for level in levels))


def windows(panel: Panel, settings: RiceSettings) -> Windows:
    """Six log prices less the newest, and the season, to the changes that follow."""
    recent, future = lagged(panel.target, range(LAGS)), ahead(panel.target, HORIZONS)
    place, at = np.nonzero(np.isfinite(recent).all(axis=-1))
    newest, due = recent[place, at, 0], panel.periods[at, None] + np.arange(1, HORIZONS + 1)
    angle = 2 * np.pi * month_of_year(due[:, 0]) / 12
    past = (recent[place, at, ::-1] - newest[:, None]) / SHOCK
    observed = np.exp(future[place, at])
    return DenseWindows(
        country=panel.country,
        places=panel.places,
        inputs={"features": np.column_stack([past, np.sin(angle), np.cos(angle)]).astype("float32")},
        target=((future[place, at] - newest[:, None]) / SHOCK).astype("float32"),
        observed=observed,
        restore={"newest": newest},
        place=place.astype("int64"),
        origin=panel.periods[at],
        due=due,
        part=part_of(due, settings.calendar),
    )


def forecast(output: Array, windows: Windows) -> Array:
    """Changes in units of a shock -> prices."""
    change = np.clip(SHOCK * np.asarray(output, "float64"), -LARGEST, LARGEST)
    return np.exp(windows.restore["newest"][:, None, None] + change)


def unchanged(panel: Panel, windows: Windows, settings: RiceSettings) -> Array:
    """The newest price, with the spread of past changes in the training years of the country."""
    train = panel.periods <= settings.calendar.cuts()[0]
    past = panel.target[:, train]
    changes = [(past[:, step:] - past[:, :-step]).ravel() for step in range(1, HORIZONS + 1)]
    usual = [SHOCK * np.sqrt(step) * NORMAL for step in range(1, HORIZONS + 1)]  # of a country without training years
    known = [each[np.isfinite(each)] for each in changes]
    spread = np.stack([quantiles(each, LEVELS) if len(each) else usual[at] for at, each in enumerate(known)])
    return np.exp(windows.restore["newest"][:, None, None] + spread[None])


def oracle(folder: Path, windows: Windows, settings: RiceSettings) -> Array | None:
    """What the generator knows: the way back to the seasonal level, and the size of shocks."""
    if not (folder / "rice.truth").exists():
        return None
    levels = np.array([float(each) for each in (folder / "rice.truth").read_text().split()])[windows.place]
    centre, variance, steps = windows.restore["newest"], 0.0, []
    for step in range(HORIZONS):
        centre = centre + REVERSION * (_season(levels, windows.due[:, step]) - centre)
        variance = variance * (1 - REVERSION) ** 2 + SHOCK**2
        steps.append(np.exp(centre[:, None] + np.sqrt(variance) * NORMAL))
    return np.stack(steps, axis=1)


def _season(levels: Array, month: Array) -> Array:
    return levels + SEASON * np.sin(2 * np.pi * month_of_year(month) / 12)


SHAPE = Shape(tokens=(*((lag,) for lag in range(LAGS)), (LAGS, LAGS + 1)), horizons=HORIZONS, levels=LEVELS)
TASK = Task(
    name="rice",
    title=lambda _: "Monthly price of rice per market",
    unit="a kilogram",
    file=FILE,
    tables={FILE: TABLE},
    settings=RiceSettings,
    read=read,
    synthesize=synthesize,
    windows=windows,
    build_model=lambda settings, seed: build(settings, SHAPE, seed),
    loss=partial(losses.pinball, levels=LEVELS),  # no lambda: it goes to the processes that train
    forecast=forecast,
    levels=LEVELS,
    scores={
        "wis": mean_of(lambda forecast, observed: weighted_interval_score(forecast, observed, np.array(LEVELS))),
        "coverage_90": mean_of(
            lambda forecast, observed: coverage(forecast, observed, np.array(LEVELS), 0.9),
            better="nominal",
            magnitude=False,
        ),
    },
    baselines={"unchanged": unchanged},
    reference="unchanged",
    oracle=oracle,
    horizons=lambda _: ("1 month", "2 months"),
)
