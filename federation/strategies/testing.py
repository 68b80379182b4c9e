"""What every strategy owes a federation, as functions that anybody can call on a strategy of their own.

    from federation.strategies.testing import check_strategy
    check_strategy(MINE)

Each raises AssertionError, with a line that says what is wrong. They need Flower, as a coordinator does.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.coordinator import rounds
from federation.coordinator.aggregation import (
    aggregated,
    combined,
    configured,
    give_memory,
    memory_of,
    separate,
)
from federation.coordinator.checks import Update
from federation.coordinator.state import Federation, Outcome, Progress, Report
from federation.errors import ConfigError
from federation.policy.file import FILE, read_policy
from federation.policy.keys import OPTIMIZERS
from federation.policy.templates import text as template
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.parts import StrategySettings, TrainingSettings
from federation.settings.plan import Plan
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies.strategy import Strategy
from federation.training import sequential
from federation.vault.database import open_database
from federation.vault.vault import Vault
from tasks.settings import TaskSettings
from tasks.task import Task

Arrays = Mapping[str, NDArray[Any]]
# Named so that the order of a module's weights is not the alphabet's, in which updates arrive.
SHAPES = {"z.weight": (2, 3), "body.bias": (3,), "head.weight": (3, 2)}
GRADIENT_STEPS = TrainingSettings(optimizer="sgd", lr=0.05, schedule="constant", clip_gradient=None)
COUNTRIES = {"KHM": (5, 2, 0.9), "LAO": (10, 7, 0.2), "THA": (40, 11, 0.5), "VNM": (23, 1, 0.1)}
ROUNDS = 3
CLOSE = 1e-5  # what float32 leaves of three rounds whose sums are added in another order


def check_strategy(strategy: Strategy) -> None:
    """All checks that need no task."""
    check_settings(strategy)
    check_order(strategy)
    check_inputs_stay(strategy)
    check_restart(strategy)
    check_shapes(strategy)
    check_direction(strategy)
    check_linear(strategy)


def check_settings(strategy: Strategy) -> None:
    """The settings carry the strategy's name, pass their own check, and refuse what no strategy can use."""
    chosen = strategy.settings()
    chosen.check()
    assert chosen.name == strategy.name, f"settings of {strategy.name} have name = {chosen.name!r}"
    assert {each.name for each in fields(StrategySettings)} <= {each.name for each in fields(strategy.settings)}
    for wrong in ({"weights": "squareroot"}, {"server_step": 0.0}, {"server_step": float("nan")}):
        try:
            replace(chosen, **wrong).check()
        except ConfigError:
            continue
        raise AssertionError(f"{strategy.name}: check() lets {wrong} pass; call super().check() first")


def check_order(strategy: Strategy) -> None:
    """Updates that arrive in another order give the same bits."""
    ends = [_after_rounds(strategy, updates(strategy, order)) for order in permutations(tuple(COUNTRIES)[:3])]
    for end in ends:
        for group in ("model", "shared", "server"):
            assert _same_bits(getattr(end, group), getattr(ends[0], group)), (
                f"{strategy.name}: the order changes {group}"
            )


def check_inputs_stay(strategy: Strategy) -> None:
    """Neither the model nor an update is written into."""
    given, driver = updates(strategy), Server(strategy)
    start = driver.start()
    driver.step(driver.step(start, given), given)
    assert _same_bits(start.model, random_weights(0)), f"{strategy.name} changes the model it was given"
    for one, fresh in zip(given, updates(strategy), strict=True):
        assert _same_bits(one.change, fresh.change), f"{strategy.name} changes the update of {one.country}"


def check_restart(strategy: Strategy) -> None:
    """A server half that gets its memory back goes on with the same bits: what makes a resumed run exact."""
    given, first, again = updates(strategy), Server(strategy), Server(strategy)
    progress = first.step(first.step(first.start(), given), given[:2])
    give_memory(again.flower, progress.server)
    assert _same_bits(memory_of(again.flower), progress.server), f"{strategy.name}: memory is lost on its way"
    there, here = first.step(progress, given), again.step(progress, given)
    assert _same_bits(there.model, here.model), f"{strategy.name}: a server that starts anew ends elsewhere"
    assert _same_bits(there.server, here.server)


def check_shapes(strategy: Strategy) -> None:
    """Names, shapes and dtypes of the model stay, and every number is finite."""
    model = _after_rounds(strategy, updates(strategy)).model
    assert {name: value.shape for name, value in model.items()} == SHAPES
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in model.values())


def check_direction(strategy: Strategy) -> None:
    """The model stays where nobody moved it, and moves where all did."""
    for size in (0.0, 1.0):
        given = [
            replace(one, change={name: np.full_like(value, size) for name, value in one.change.items()})
            for one in updates(strategy)
        ]
        driver = Server(strategy)
        moved = driver.step(driver.start(), given).model
        for name, before in random_weights(0).items():
            way = moved[name] - before
            right = np.abs(way).max() < CLOSE if size == 0 else (way > 0).all()
            assert right, f"{strategy.name}: all changed {name} by {size}, the model moved by {way.ravel()[:3]}"


def check_linear(strategy: Strategy) -> None:
    """What a strategy that says `linear=True` promises: updates may be summed in any groups before it sees them."""
    if not strategy.linear:
        return
    given = updates(strategy)
    alone = _after_rounds(strategy, given)
    for groups in ([[0, 1], [2, 3]], [[0], [1, 2, 3]], [[0, 3], [1], [2]], [[0, 1, 2, 3]]):
        summed = _after_rounds(strategy, given, groups)
        for group in ("model", "shared"):
            for name, value in getattr(alone, group).items():
                gap = float(np.abs(getattr(summed, group)[name] - value).max())
                assert gap < CLOSE, (
                    f"{strategy.name} says linear=True, but updates summed in groups {groups} move {group}/{name} "
                    f"by {gap:.2g}; set linear=False"
                )


def training_for(strategy: Strategy, task: TaskSettings) -> TrainingSettings:
    """The default training where the strategy goes with it, else plain gradient steps."""
    usual = TrainingSettings()
    try:
        strategy.fits(Plan(task=task, strategy=strategy.settings(), training=usual))
    except ConfigError:
        return GRADIENT_STEPS
    return usual


def vault_of(task: Task, settings: TaskSettings, folder: Path, country: str = "LAO") -> Vault:
    """A vault on synthetic records in an empty folder, under the policy that `gotong node check` prints."""
    task.synthesize(folder, country, 1, settings)
    (folder / FILE).write_text(template())
    database: sqlite3.Connection = open_database(folder / "vault.sqlite")
    return Vault(country=country, folder=folder, policy=read_policy(folder, country), database=database, key=b"k" * 32)


def check_round(strategy: Strategy, task: TaskSettings, vault: Vault) -> Outcome:
    """One round and the test through a real vault: it learns, the model moves, and scores come back.

    The vault looks both up by name, so strategy and task must be registered. Its policy is taken to allow the optimiser
    that the strategy needs.
    """
    vault.policy = replace(vault.policy, optimizers=OPTIMIZERS)
    settings = Settings(
        task=task,
        strategy=strategy.settings(),
        training=replace(training_for(strategy, task), epochs=None, steps=3),
        region=RegionSettings(countries=[vault.country]),
        rounds=1,
        quorum=1,
        keep_best=0,
    )
    federation = Federation(
        run=f"{task.name}-{strategy.name}",
        plan=settings.plan(),
        settings=settings,
        nodes={vault.country: 2},
        checkpoint=vault.folder / "checkpoint.gotong",
    )
    start = rounds.begin(federation)
    outcome = rounds.federate(InProcessGrid({2: vault}, sequential.run), federation, start, _Quiet())
    (summary,) = outcome.summaries
    assert summary.refused is None, summary.refused
    assert outcome.progress.last_aggregated == {vault.country: 1}, f"{vault.country} sent no update"
    assert any(not np.array_equal(value, start.model[name]) for name, value in outcome.model.items()), "nothing learnt"
    assert all(np.isfinite(value).all() for value in outcome.model.values())
    assert any(row.arm == "federated" for row in outcome.rows), "no score came back"
    return outcome


class Server:
    """A strategy's server half over rounds, as a coordinator drives it."""

    def __init__(self, strategy: Strategy) -> None:
        InProcessGrid({}, sequential.run)  # Flower makes instructions only for the task that a grid declares
        self.strategy = strategy
        self.plan = Plan(task=TaskSettings(), strategy=strategy.settings(), training=GRADIENT_STEPS)
        self.flower = strategy.server(self.plan.strategy)

    def start(self) -> Progress:
        """Before the first round."""
        return Progress(round=0, model=random_weights(0), shared=self.strategy.shared(random_weights(0)))

    def step(
        self, progress: Progress, given: Sequence[Update], groups: Sequence[Sequence[int]] | None = None
    ) -> Progress:
        """One round. groups: places of updates that are summed first, in the order of their countries."""
        configured(self.flower, progress.round + 1, progress, [1, 2])
        parts = separate(given, self.plan.strategy)
        if groups is not None:
            parts = [combined([parts[place] for place in group]) for group in groups]
        examples = {one.country: one.examples for one in given}
        return aggregated(self.flower, self.strategy, self.plan, progress, parts, examples, len(COUNTRIES))


def random_weights(seed: int) -> dict[str, NDArray[Any]]:
    """Random weights."""
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def updates(strategy: Strategy, countries: Sequence[str] = tuple(COUNTRIES)) -> list[Update]:
    """Updates of countries that differ in examples, steps and losses; the same of a country in every call."""
    made = []
    for country in countries:
        examples, steps, loss = COUNTRIES[country]
        change = dict(sorted(random_weights(1 + list(COUNTRIES).index(country)).items()))
        shared = {name: change[name] / 2 for name in strategy.shared(random_weights(0))}
        made.append(
            Update(
                country=country,
                examples=examples,
                steps=steps,
                loss=loss / 2,
                start_loss=loss,
                change=change,
                shared=shared,
                scores={},
                fingerprint="",
                suppressed=(),
            )
        )
    return made


def _after_rounds(
    strategy: Strategy, given: Sequence[Update], groups: Sequence[Sequence[int]] | None = None
) -> Progress:
    driver = Server(strategy)
    progress = driver.start()
    for _ in range(ROUNDS):
        progress = driver.step(progress, given, groups)
    return progress


def _same_bits(one: Arrays, other: Arrays) -> bool:
    return set(one) == set(other) and all(one[name].tobytes() == other[name].tobytes() for name in one)


class _Quiet:
    """A watch that keeps nothing."""

    def round(self, report: Report) -> None:
        """Nobody looks."""

    def flush(self) -> int:
        """Nothing is tracked."""
        return 0

    def commit(self) -> None:
        """Nothing is tracked."""
