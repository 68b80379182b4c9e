"""A finished run's model on a country's own records: the newest forecast they allow. Nothing is sent anywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.errors import CheckpointError, ConfigError
from federation.settings.plan import ISSUED
from federation.settings.schema import Settings
from federation.vault import state
from federation.vault.database import open_database
from federation.vault.own_models import issuing
from federation.vault.own_models.choices import from_memory
from federation.vault.own_models.local_model import FINAL
from tasks.data import Panel, Windows
from tasks.errors import DataError
from tasks.evaluation.of_windows import evaluated
from tasks.files.folders import country_folder
from tasks.models.weights import built, output_of, trainable
from tasks.products.forecast import Issued, WeatherForecast, period_of
from tasks.products.newest import Late, Newest, last_on_record, newest
from tasks.products.replaced import Replaced
from tasks.registry import TASKS
from tasks.settings import TaskSettings
from tasks.task import Task
from tasks.time_step import STEPS, TimeStep
from tasks.vintages.delay import Vintage
from tasks.vintages.provisional import Provisional, settled
from tasks.windows import with_record_of

Array = NDArray[Any]
Memory = Mapping[str, torch.Tensor]
FEDERATED = "federated"
BEST = (ISSUED, "adapted")  # what the results recommend to hand on, the better one on the test years first
MOST_CALIBRATING = 20_000  # windows of the validation years from which a product's calibration is learnt
VAULT = "vault.sqlite"  # of a simulated run, and in the folder `vault` of a node


@dataclass(frozen=True, kw_only=True)
class ForecastRequest:
    """Whose forecast, when and how it is handed on; see `Issued`. cost_loss: None takes the run's.

    origin: YYYY-MM, or of weeks and days YYYY-MM-DD, the last period whose records are read; None reads all.
    largest_age: periods that records may be old,
    None takes the task's. late: whether places are forecast whose records end before those of others. played: whether
    `sent` is a day in the past. arm: whose forecast; any but the federated one lies in the country's vault. None takes
    the first of BEST that is there. home: of the node that has it; None: a simulated run's own.
    memory: what the vault kept of the run's test; None reads it there, {} is of a country that has none.
    vintages: records as known before the forecast is sent, from which a reporting delay is learnt. provisional: what
    becomes of counts younger than that; None: they are completed where a delay is learnt. weather: the file of the
    node's own weather forecast, for a model that takes the weather of the periods ahead as known.
    """

    data: Path
    country: str
    sent: datetime
    sender: str
    cost_loss: float | None
    samples: int
    seed: int
    replaces: Replaced | None = None
    origin: str | None = None
    largest_age: int | None = None
    late: Late = "forecast"
    played: bool = False
    arm: str | None = None
    home: Path | None = None
    memory: Memory | None = None
    vintages: Callable[[Task, TaskSettings], Sequence[Vintage]] | None = None
    provisional: Provisional | None = None
    weather: Path | None = None


def issue(run: Path, request: ForecastRequest) -> tuple[Task, Issued]:
    """The forecast of every place at the last period that it has on record.

    Raises CheckpointError for a run that has not ended or whose model is not whole without what countries keep,
    ConfigError for a country without records, an unaligned run or an origin that the records do not reach, DataError
    for records that cannot be used, or that are too short or too old.
    """
    weights = checkpoint.load_model(run)
    header = checkpoint.read_header(run / checkpoint.FILE)
    whole = restore(Settings, header["settings"], "checkpoint")
    settings = whole.task
    if settings.calendar.unaligned:
        raise ConfigError(
            f"run {run.name} cut each country at its own end, to show how that flatters; forecast from a run of one cut"
        )
    task = TASKS[settings.name]
    folder = country_folder(request.data, request.country)
    step = STEPS[settings.calendar.step]
    complete = step.over(request.sent)
    origin = None if request.origin is None else _origin(request.origin, complete, step)
    panel = records_of_run(task, folder, request.country, whole, origin)
    last = last_on_record(panel, task.reported(panel))
    as_of = complete if origin is None else origin
    _refuse_unknown(panel, last, origin, complete, played=request.played)
    newest_period = period_of(panel.periods[-1], panel.step)
    if origin is None and _period(panel) == step.length and newest_period > complete:  # it has half its cases
        panel = records_of_run(task, folder, request.country, whole, complete)
    vintages = request.vintages(task, settings) if task.accrues and request.vintages is not None else ()
    known = settled(panel, vintages, complete, request.provisional)
    panel, weather = _with_weather(task, settings, known.panel, request.weather)
    last = last_on_record(panel, task.reported(panel))
    age = task.largest_age(settings) if request.largest_age is None else request.largest_age
    windows = task.windows(panel, settings)
    chosen = newest(windows, last, as_of, age, request.late, panel.step)
    if not len(chosen.windows):
        raise DataError(f"{folder / task.file}: {_why_none(task, panel, last, chosen, as_of, age)}")
    memory = _memory(run, request, whole) if request.memory is None else request.memory
    arm = best_arm(whole, memory) if request.arm is None else request.arm
    if arm != FEDERATED and not memory:
        raise ConfigError(_why_no_memory(run, request, whole, arm))

    def forecast(some: Windows) -> Array:
        if arm == FEDERATED:
            return task.forecast(_output(task, settings, whole.seed, weights, some, run.name), some)
        return issuing.forecast(memory, request.country, run.name, whole.plan(), arm, panel, some)

    return task, Issued(
        model=run.name if arm == FEDERATED else f"{run.name}-{arm}",
        settings=settings,
        panel=panel,
        windows=chosen.windows,
        forecast=forecast(chosen.windows),
        levels=task.levels,
        sent=request.sent,
        as_of=as_of,
        sender=request.sender,
        cost_loss=settings.acts_from if request.cost_loss is None else request.cost_loss,
        samples=request.samples,
        seed=request.seed,
        replaces=request.replaces,
        left_out=chosen.left_out,
        played=request.played,
        delay=known.delay,
        provisional=known.way,
        young=known.young,
        weather=weather,
        calibration=_calibration(task, settings, memory, arm, windows, forecast),
    )


def _vault(run: Path, request: ForecastRequest, whole: Settings) -> Path:
    """The file of the country's vault, which need not be there."""
    simulated = run.parent / (whole.fold or run.name) / VAULT
    return simulated if request.home is None else request.home / "vault" / VAULT


def best_arm(whole: Settings, memory: Memory) -> str:
    """The arm that a country hands on: the first of BEST that the run has, if its vault kept models of it."""
    arms = [arm for arm in BEST if arm in whole.arms]
    kept = any(name.startswith(FINAL) for name in memory)  # version 0.1.0 kept none
    return arms[0] if arms and kept else FEDERATED


def memory_in(file: Path, country: str, run: str) -> Memory:
    """What a vault's file, which need not be there, kept of a run's test in a country; empty for nothing."""
    if not file.exists():
        return {}
    database = open_database(file)
    try:
        return state.memory_of_test(database, country, run) or {}
    finally:
        database.close()


def _memory(run: Path, request: ForecastRequest, whole: Settings) -> Memory:
    """Of the country's vault, unless the federated arm is wanted, which needs none."""
    needed = request.arm != FEDERATED and (request.arm is not None or any(arm in whole.arms for arm in BEST))
    return memory_in(_vault(run, request, whole), request.country, run.name) if needed else {}


def _why_no_memory(run: Path, request: ForecastRequest, whole: Settings, arm: str) -> str:
    file = _vault(run, request, whole)
    if request.memory is None and not file.exists():
        return f"arm={arm} lies in the vault of {request.country}, and {file} is not there; give home= of its node"
    return f"the vault of {request.country} knows no test of run {run.name}; arm=federated needs none"


def _origin(text: str, complete: np.datetime64, step: TimeStep) -> np.datetime64:
    """The month or day in a user's word. Raises ConfigError for another word, or one that is not over."""
    try:
        origin = step.last(text)
    except ValueError as error:
        raise ConfigError(f"origin: {error}") from None
    if origin > complete:
        raise ConfigError(
            f"origin={text} is not over yet; the last complete {'month' if step.unit == 'M' else 'day'} is {complete}"
        )
    return origin


def records_of_run(task: Task, folder: Path, country: str, whole: Settings, origin: np.datetime64 | None) -> Panel:
    """As long as the run's vault took them: inputs are scaled by those training years. Raises ConfigError."""
    if origin is not None and task.upcoming is None:
        raise ConfigError(f"origin={origin}: task {task.name} reads all of its records or none; leave origin out")
    panel = (
        task.read(folder, country, whole.task)
        if task.upcoming is None
        else task.upcoming(folder, country, whole.task, origin)
    )
    years = whole.record_years_of(country)
    return panel if years is None else with_record_of(panel, whole.task.calendar, years)


def _with_weather(
    task: Task, settings: TaskSettings, panel: Panel, file: Path | None
) -> tuple[Panel, WeatherForecast | None]:
    """The panel as it is, or with the periods ahead as a weather forecast has them. Raises ConfigError or DataError."""
    if file is None:
        return panel, None
    if task.weather_ahead is None or not settings.needs_weather:
        raise ConfigError(
            f"weather={file}: this run's model reads no weather of the periods ahead; leave it out, or take a run of "
            f"task=river with task.mode=perfect_weather"
        )
    return task.weather_ahead(panel, file)


def _calibration(
    task: Task,
    settings: TaskSettings,
    memory: Memory,
    arm: str,
    windows: Windows,
    forecast: Callable[[Windows], Array],
) -> Array | None:
    """Of the chances of events: as the vault learnt it for the arm, else from the validation years on record.

    None where nothing is calibrated, and of a refit of which the vault knows none: its model learnt from those years.
    """
    if task.calibrate is None:
        return None
    if (kept := from_memory(memory).calibrations.get(arm)) is not None:
        return kept
    past = windows.only("validation")
    past = past.take(np.arange(0, len(past), max(len(past) // MOST_CALIBRATING, 1)))
    if not len(past):
        return None
    return task.calibrate(evaluated(forecast(past), past, settings))


def _period(panel: Panel) -> int:
    """Months or days from one period of the records to the next: a year of harvests counts as its December."""
    shortest = STEPS[panel.step].length
    if len(panel.periods) < 2:
        return shortest
    newest = period_of(panel.periods[-2:], panel.step)
    return max(int((newest[1] - newest[0]).astype(int)), shortest)


def _refuse_unknown(
    panel: Panel, last: Array, origin: np.datetime64 | None, complete: np.datetime64, *, played: bool
) -> None:
    """Raise ConfigError for an origin that no place's records reach, DataError for records of periods to come."""
    if np.isnat(last).all():
        return
    final, period = period_of(np.nanmax(last), panel.step), _period(panel)
    if final > complete + period:
        remedy = f"write origin={complete} for a forecast of that day" if played else "correct their periods"
        raise DataError(f"the records of {panel.country} go on to {final}, which is yet to come; {remedy}")
    if origin is not None and origin >= final + period:
        raise ConfigError(
            f"origin={origin}: the records of {panel.country} end {final}; take origin={final} or earlier"
        )


def _why_none(task: Task, panel: Panel, last: Array, chosen: Newest, as_of: np.datetime64, age: int) -> str:
    if chosen.too_old and chosen.too_old == np.count_nonzero(~np.isnat(last)):
        final = period_of(np.nanmax(last), panel.step)
        behind = int((as_of - final).astype(int)) // STEPS[panel.step].length
        return (
            f"the newest record is of {final}, {behind} {panel.step}s before the end of {as_of}; a "
            f"forecast takes at most largest_age={age}. Add newer records, or write origin={final} for a forecast as "
            f"of that {panel.step}"
        )
    return (
        f"no place has a record that is long and recent enough for a forecast (it holds {len(panel.periods)} periods, "
        f"the last is {panel.periods[-1]}); see HISTORY in tasks/{task.name}"
    )


def _output(
    task: Task, settings: TaskSettings, seed: int, weights: Mapping[str, Array], windows: Windows, run: str
) -> Array:
    """(N, H, K) in model units. seed: the run's, which decides the model's constants."""
    model = built(task, settings, seed)
    lacking = sorted(trainable(model).keys() - set(weights))
    if lacking:
        raise CheckpointError(
            f"run {run} keeps {', '.join(lacking)} in every country's vault, so its model alone makes no forecast; "
            f"take a run whose strategy.private is []"
        )
    own = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    return output_of(model, own, windows).astype(np.float64)
