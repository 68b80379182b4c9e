"""A federation on one machine: eleven vaults, one process, the same code as between countries."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from flwr.app import Context, RecordDict
from flwr.serverapp import Grid, ServerApp

from federation.composition.restore import restore
from federation.coordinator import checkpoint, rounds
from federation.coordinator.state import Arrays, Federation, Progress, Watch
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.runs.engine import trainer
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.schema import Settings
from federation.training.device import cpu_seconds, device_of
from federation.vault.database import open_database
from federation.vault.policy import open_policy
from federation.vault.vault import Vault
from tasks.errors import DataError
from tasks.places.facilities import country_of
from tasks.registry import TASKS
from tasks.task import Task

LEDGER = "vault.sqlite"


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A run that is ready to begin or to go on."""

    settings: Settings
    folder: Path
    federation: Federation
    vaults: Mapping[int, Vault]
    progress: Progress
    notes: tuple[str, ...] = ()
    reading: float = 0.0  # CPU seconds that the records took


def prepare(settings: Settings, folder: Path) -> Simulation:
    """A new run: records read and cut in every country, the first checkpoint written.

    Raises ConfigError, DataError or PolicyRefusal; nothing was trained then.
    """
    device_of(settings.device)
    began, task = cpu_seconds(), TASKS[settings.task.name]
    countries, notes = _countries(settings, task, folder)
    if settings.quorum > len(countries):
        raise ConfigError(
            f"quorum={settings.quorum} is larger than the {len(countries)} countries that have records "
            f"({', '.join(countries)}); set quorum to {len(countries)} or less"
        )
    settings.check_sampled(len(countries))
    if settings.data is not None:  # whoever goes on with the run may stand in another folder
        settings = replace(settings, data=str(Path(settings.data).absolute()))
    federation = _federation(settings, folder, countries)
    progress = rounds.begin(federation, _start(settings))
    simulation = Simulation(
        settings=settings,
        folder=folder,
        federation=federation,
        vaults=_vaults(settings, folder, federation),
        progress=progress,
        notes=notes,
        reading=cpu_seconds() - began,
    )
    checkpoint.save(federation, simulation.progress)
    return simulation


def resume(runs: str, folder: Path) -> Simulation:
    """A run as its checkpoint left it, with the settings it began with. Raises CheckpointError."""
    progress, header = checkpoint.load(folder / checkpoint.FILE)
    settings = replace(restore(Settings, header["settings"], "checkpoint"), runs=runs)
    try:
        device_of(settings.device)
    except ConfigError:
        raise ConfigError(
            f"{folder.name} began on device={settings.device}, and torch finds no such GPU here; "
            "resume it where there is one, or start a new run"
        ) from None
    task = TASKS[settings.task.name]
    _invent(settings, task, folder, header["nodes"])
    federation = _federation(settings, folder, header["nodes"])
    vaults = _vaults(settings, folder, federation)
    return Simulation(settings=settings, folder=folder, federation=federation, vaults=vaults, progress=progress)


def run(simulation: Simulation, watch: Watch) -> rounds.Outcome:
    """All rounds that are left, and the test, as a Flower ServerApp on a grid of this process."""
    torch.set_num_threads(1)  # models are small: a second thread waits more than it computes
    outcome: list[rounds.Outcome] = []
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:  # noqa: ARG001
        outcome.append(rounds.federate(grid, simulation.federation, simulation.progress, watch))

    settings = simulation.settings
    with trainer(settings.engine, simulation.folder, device_of(settings.device), settings.precision) as train:
        grid = InProcessGrid(simulation.vaults, train)
        app(grid, Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={}))
    return outcome[0]


def _start(settings: Settings) -> Arrays | None:
    """The model of the run to start from. Raises ConfigError or CheckpointError."""
    if settings.start_from is None:
        return None
    return checkpoint.load_model(run_folder.existing(settings.runs, settings.start_from))


def _countries(settings: Settings, task: Task, folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """Who has records, and what a person should know of the others; invented records are written."""
    asked = settings.region.clients()
    if settings.data is None:
        _invent(settings, task, folder, asked)
        return asked, ()
    data = Path(settings.data)
    if not data.is_dir():
        raise DataError(f"data={settings.data} is no folder; give the folder that holds one folder a country")
    stem = task.file.split(".")[0]
    having = [country for country in asked if any((data / country).glob(f"{stem}.*"))]
    if not having:
        raise DataError(
            f"{data} holds no {task.file} for any of {', '.join(asked)}; "
            f"it should lie in {data / asked[0] / task.file} and so on"
        )
    without = [country for country in asked if country not in having]
    notes = (f"no {task.file} in {data} for {', '.join(without)}: they do not take part",) if without else ()
    return having, notes


def _invent(settings: Settings, task: Task, folder: Path, countries: list[str]) -> None:
    """Write invented records unless real ones are given; the same bytes for the same seed."""
    if settings.data is None:
        for country in countries:
            (folder / "data" / country).mkdir(parents=True, exist_ok=True)
            task.synthesize(folder / "data" / country, country, settings.seed, settings.task)


def _federation(settings: Settings, folder: Path, countries: list[str]) -> Federation:
    return Federation(
        run=folder.name,
        plan=settings.plan(),
        settings=settings,
        nodes={country: node for node, country in enumerate(sorted(countries), start=2)},
        checkpoint=folder / checkpoint.FILE,
    )


def open_vault(settings: Settings, folder: Path, country: str, database: sqlite3.Connection) -> Vault:
    """One country's vault, on the ledger that all countries of a simulation share."""
    records = (folder / "data" if settings.data is None else Path(settings.data)) / country
    return Vault(
        country=country,
        folder=records,
        policy=open_policy(records, country),
        database=database,
        key=run_folder.country_key(Path(settings.runs), country_of(country)),
    )


def _vaults(settings: Settings, folder: Path, federation: Federation) -> dict[int, Vault]:
    """Every country's vault, its records read; one connection, so that a round is one transaction."""
    database = open_database(folder / LEDGER)
    vaults = {node: open_vault(settings, folder, country, database) for country, node in federation.nodes.items()}
    for vault in vaults.values():
        vault.records(federation.plan)
    return vaults
