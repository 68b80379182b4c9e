"""A federation on one machine: eleven vaults, one process, the same code as between countries."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from flwr.app import Context, RecordDict
from flwr.serverapp import Grid, ServerApp
from rich.console import Console

from federation.composition.default_strategy import note
from federation.composition.restore import check
from federation.coordinator import rounds
from federation.coordinator.claims import Claim
from federation.coordinator.state import Credit, Outcome, Watch
from federation.errors import ConfigError
from federation.policy.file import open_policy
from federation.reporting import rows as table_rows
from federation.runs import folder as run_folder
from federation.runs import pooled_arm, regional_differences
from federation.runs import run as every_run
from federation.runs.credit.rounds import Kept, credit
from federation.runs.credit.rounds import cost as credit_cost
from federation.runs.energy import year_of
from federation.runs.engine import trainer
from federation.runs.in_process_grid import InProcessGrid
from federation.runs.operational import follows_records, ledger_folder, outside, resolved
from federation.runs.run import Run
from federation.runs.session import Finished, conduct
from federation.settings.plan import POOLED, PROTECTION, SEALED
from federation.settings.schema import OPERATIONAL, Settings
from federation.training import sequential
from federation.training.device import device_of
from federation.vault.database import open_database
from federation.vault.identity import simulated
from federation.vault.records import Records
from federation.vault.terms import claim
from federation.vault.vault import Vault
from tasks.errors import DataError
from tasks.files.folders import folder_of_countries, has_table
from tasks.places.facilities import country_of
from tasks.registry import TASKS
from tasks.task import Task
from tasks.windows import last_reported

LEDGER = "vault.sqlite"


def simulate(settings: Settings, console: Console | None = None) -> Finished:
    """A new run on this machine, or with `resume` one that continues. console: where it is shown; None: the screen.

    Raises GotongError or TaskError with the run's checkpoint, ledger and tracking intact.
    """
    check(settings)
    if settings.energy is not None:
        year_of(settings.energy)  # before anything is made
    if settings.resume is not None:
        folder = run_folder.existing(settings.runs, settings.resume)
        with run_folder.locked(folder):
            return conduct(partial(resume, settings.runs, folder), settings.out, console)
    folder = run_folder.create(settings)
    with run_folder.removed_without_checkpoint(folder), run_folder.locked(folder):
        return conduct(partial(prepare, settings, folder), settings.out, console)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A run with the vaults of all its countries on this machine. vaults: Flower node -> vault."""

    run: Run
    vaults: Mapping[int, Vault]

    def rounds(self, watch: Watch) -> Outcome:
        """All rounds that are left, and the test, as a Flower ServerApp on a grid of this process."""
        torch.set_num_threads(1)  # models are small: a second thread waits more than it computes
        run, app = self.run, ServerApp()
        kept, outcomes = Kept(watch), list[Outcome]()

        @app.main()
        def main(grid: Grid, context: Context) -> None:  # noqa: ARG001
            outcomes.append(rounds.federate(grid, run.federation, run.progress, kept))

        settings = run.settings
        with trainer(settings.engine, run.folder, device_of(settings.device), settings.precision) as train:
            grid = InProcessGrid(self.vaults, train)
            app(grid, Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={}))
        return replace(outcomes[0], credit=self._credit(kept, outcomes[0]))

    def _credit(self, kept: Kept, outcome: Outcome) -> Credit | None:
        """What each country contributed, if that was asked for; a run that was resumed has lost earlier updates."""
        plan = self.run.federation.plan
        if not self.run.settings.credit or len(kept.rounds) < plan.rounds:
            return None
        learning = self.run.federation.learning
        records = {country: each for country, each in self.records().items() if country in learning}
        return credit(kept.rounds, outcome.progress.model, records, plan, self.run.settings.credit_models)

    def records(self) -> dict[str, Records]:
        """Country -> its records, cut for the run's plan."""
        return {vault.country: vault.records(self.run.federation.plan) for vault in self.vaults.values()}

    def with_note(self, note: str) -> "Simulation":
        """With one more line for the person who started it."""
        return replace(self, run=replace(self.run, notes=(*self.run.notes, note)))

    def with_regional_rows(self, outcome: Outcome) -> Outcome:
        """With the pooled arm, if it was chosen, and the differences of arms in the whole region."""
        run, vaults = self.run, list(self.vaults.values())
        settings, plan, region = run.settings, run.federation.plan, run.federation.region
        if POOLED in settings.arms:
            train = partial(sequential.run, device=device_of(settings.device), precision=settings.precision)
            pooled = pooled_arm.rows(vaults, plan, region, train, run.federation.initial)
            excluded = [row for row in pooled if row.part == table_rows.EXCLUDED_PERIOD]
            rows = (*outcome.rows, *table_rows.of_test(pooled))
            outcome = replace(outcome, rows=rows, excluded=(*outcome.excluded, *excluded))
        if settings.region.facilities or SEALED in PROTECTION[plan.protection]:  # no differences are reported
            return outcome
        differences = regional_differences.rows(vaults, run.federation.run, plan, region)
        return replace(outcome, paired=(*outcome.paired, *differences))


def prepare(settings: Settings, folder: Path) -> Simulation:
    """A new run: records read and cut in every country, the first checkpoint written.

    Raises ConfigError, DataError or PolicyRefusal; nothing was trained then.
    """
    device_of(settings.device)
    countries, notes = _countries(settings, TASKS[settings.task.name], folder)
    if settings.quorum > len(countries):
        raise ConfigError(
            f"quorum={settings.quorum} is larger than the {len(countries)} countries that have records "
            f"({', '.join(countries)}); set quorum to {len(countries)} or less"
        )
    settings.check_sampled(len(countries))
    if settings.data is not None or settings.purpose == OPERATIONAL:  # a resume may be started in another folder
        settings = replace(settings, data=str(_records(settings, folder).absolute()))
    if follows_records(settings):
        settings = resolved(settings, _ends(settings, folder, countries))
    run = every_run.new(settings, folder, _nodes(countries), (*note(settings), *notes))
    simulation = _with_vaults(run)
    if settings.credit:
        simulation = simulation.with_note(
            credit_cost(simulation.records(), run.federation.plan, settings.credit_models)
        )
    every_run.save(run)
    return simulation


def resume(runs: str, folder: Path) -> Simulation:
    """A run as its checkpoint left it, with the settings it began with. Raises CheckpointError or ConfigError."""
    settings, progress, countries = every_run.saved(folder, runs=runs)
    try:
        device_of(settings.device)
    except ConfigError:
        raise ConfigError(
            f"{folder.name} began on device={settings.device}, and torch finds no such GPU here; "
            "resume it where there is one, or start a new run"
        ) from None
    _synthesize(settings, TASKS[settings.task.name], folder, countries)
    federation = every_run.federation_of(settings, folder, _nodes(countries))
    simulation = _with_vaults(Run(settings=settings, folder=folder, federation=federation, progress=progress))
    _check_same_records(simulation)
    return simulation


def _check_same_records(simulation: Simulation) -> None:
    """Raise ConfigError for records that are not those on which the run's rounds rest."""
    known = simulation.run.progress.records
    plan = simulation.run.federation.plan
    changed = [
        vault.country
        for vault in simulation.vaults.values()
        if known.get(vault.country, "") not in ("", vault.records(plan).fingerprint)
    ]
    if changed:
        raise ConfigError(
            f"the records of {', '.join(changed)} changed since run {simulation.run.folder.name} began, and its model "
            f"would be of both; put the old ones back, or start a new run"
        )


def record_ends(settings: Settings) -> dict[str, str]:
    """Country -> the last period of its national files in settings.data, of those whose policy lets it leave.

    Raises ConfigError, DataError or PolicyRefusal.
    """
    return _ends(settings, Path(settings.runs), with_records(settings))


def with_records(settings: Settings, folder: Path | None = None) -> list[str]:
    """Countries of the region that have national files in settings.data, or synthetic ones, made in a run's folder.

    Raises ConfigError or DataError.
    """
    return _countries(settings, TASKS[settings.task.name], folder or Path(settings.runs))[0]


def open_vault(settings: Settings, folder: Path, country: str, database: sqlite3.Connection) -> Vault:
    """One country's vault, on the ledger that all countries of a simulation share."""
    records = _records(settings, folder) / country
    key = run_folder.country_key(Path(settings.runs), country_of(country))
    return Vault(
        country=country,
        folder=records,
        policy=open_policy(records, country),
        database=database,
        key=key,
        identity=simulated(key, run_folder.keys_of(Path(settings.runs))),
    )


def _countries(settings: Settings, task: Task, folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """Who has records, and a note on the others; synthetic records are written."""
    clients = settings.region.clients()
    if settings.data is None:
        _synthesize(settings, task, folder, clients)
        return clients, ()
    data = folder_of_countries(Path(settings.data))
    stem = task.file.split(".")[0]
    having = [country for country in clients if has_table(data / country, stem)]
    if not having:
        raise DataError(
            f"{data} holds no {task.file} for any of {', '.join(clients)}; "
            f"it should lie in {data / clients[0] / task.file} and so on"
        )
    without = [country for country in clients if country not in having]
    notes = (f"no {task.file} in {data} for {', '.join(without)}: they do not take part",) if without else ()
    return having, notes


def _records(settings: Settings, folder: Path) -> Path:
    """The folder that holds one folder a country."""
    return folder / "data" if settings.data is None else Path(settings.data)


def _ends(settings: Settings, folder: Path, countries: Sequence[str]) -> dict[str, str]:
    """Country -> the last period of its records, of those whose policy lets it leave."""
    task, ends = TASKS[settings.task.name], {}
    for country in countries:
        records = _records(settings, folder) / country
        last = last_reported(task.read(records, country, settings.task))
        if last is not None and open_policy(records, country).records_end:
            ends[country] = str(last)
    return ends


def _synthesize(settings: Settings, task: Task, folder: Path, countries: Sequence[str]) -> None:
    """Write synthetic records unless real ones are given; the same bytes for the same seed."""
    if settings.data is None:
        for country in countries:
            (folder / "data" / country).mkdir(parents=True, exist_ok=True)
            task.synthesize(folder / "data" / country, country, settings.seed, settings.task)


def _nodes(countries: Sequence[str]) -> dict[str, int]:
    """country -> node; 1 is the coordinator."""
    return {country: node for node, country in enumerate(sorted(countries), start=2)}


def _with_vaults(run: Run) -> Simulation:
    """The run with its vaults, and what their terms declare."""
    vaults = _vaults(run)
    declared = {vault.country: Claim(**claim(vault, run.federation.plan)) for vault in vaults.values()}
    keys = {vault.country: vault.identity.public for vault in vaults.values() if vault.identity is not None}
    return Simulation(run=replace(run, federation=replace(run.federation, declared=declared, keys=keys)), vaults=vaults)


def _vaults(run: Run) -> dict[int, Vault]:
    """Every country's vault, its records read; one connection, so that a round is one transaction."""
    database = open_database(ledger_folder(run.settings, run.folder) / LEDGER)
    vaults = {
        node: open_vault(run.settings, run.folder, country, database) for country, node in run.federation.nodes.items()
    }
    trained = [len(vault.records(run.federation.plan).windows["train"]) for vault in vaults.values()]
    if not any(trained) and run.settings.data is not None:
        raise DataError(_outside(run.settings, run.folder, list(run.federation.nodes)))
    return vaults


def _outside(settings: Settings, folder: Path, countries: Sequence[str]) -> str:
    """That no country's records reach into the training years, the periods on record, and the keys that say which."""
    task, spans = TASKS[settings.task.name], {}
    for country in countries:
        periods = task.read(_records(settings, folder) / country, country, settings.task).periods
        spans[country] = f"{periods[0]} to {periods[-1]}"
    return outside(settings.task.calendar, spans)
