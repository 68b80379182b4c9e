"""A run that was stopped anywhere and resumed ends as if it had never stopped, to the bit, for every strategy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.errors import CheckpointError, ConfigError
from federation.runs import simulation
from federation.settings.parts import TrainingSettings
from federation.strategies import STRATEGIES
from federation.vault import ledger
from federation.vault.database import open_database
from tests.federation.federations import (
    GRADIENT,
    MOMENTS,
    Ran,
    StoppedError,
    Watching,
    every_strategy,
    ready,
    records_in,
    run,
    settings_of,
)
from tests.federation.toy import ToySettings
from tests.whole import IN_FULL

pytestmark = pytest.mark.usefixtures("toy")
PLAIN = replace(GRADIENT, batch_size=50, epochs=2, lr=0.05)  # what SCAFFOLD needs, with batches that a seed draws
ADAM = TrainingSettings(batch_size=50, epochs=2, lr=0.05)
ROUNDS = 3
TWO = ("THA", "VNM")


def training_for(strategy: str) -> TrainingSettings:
    try:
        STRATEGIES[strategy].fits(settings_of(Path(), strategy=strategy, training=ADAM).plan())
    except ConfigError:
        return PLAIN
    return ADAM


def contents(folder: Path) -> tuple[list[Any], list[Any]]:
    """Every release, and everything remembered, without the time of day."""
    database = open_database(folder / "vault.sqlite")
    ledger.verify(database)
    everything = ledger.entries(database), database.execute("SELECT * FROM state ORDER BY country, round").fetchall()
    database.close()
    return everything


def settings_for(folder: Path, strategy: str) -> Any:
    return settings_of(
        folder,
        TWO,
        strategy=strategy,
        training=training_for(strategy),
        rounds=ROUNDS,
        arms=["federated", "local"],
        keep_best=2,
    )


@pytest.fixture(params=every_strategy())
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Ran]:
    """A run of each strategy that nobody stopped."""
    strategy = str(request.param)
    return strategy, run(ready(settings_for(tmp_path / "whole", strategy)))


def same(one: Ran, other: Ran) -> bool:
    pairs = [
        (getattr(one.outcome.progress, group), getattr(other.outcome.progress, group))
        for group in ("model", "shared", "server")
    ] + [(one.outcome.model, other.outcome.model)]
    return all(
        set(left) == set(right) and all(left[name].tobytes() == right[name].tobytes() for name in left)
        for left, right in pairs
    )


def test_stopped_anywhere_and_resumed_it_ends_the_same(whole: tuple[str, Ran], tmp_path: Path) -> None:
    strategy, never_stopped = whole
    number = [*STRATEGIES].index(strategy)  # a sample stops every strategy once in each round, each time elsewhere
    for at, moment in enumerate(MOMENTS):
        for round_ in range(1, ROUNDS + 1):
            if not IN_FULL and (at + round_ + number) % len(MOMENTS):
                continue
            folder = tmp_path / f"{moment}-{round_}"
            prepared = ready(settings_for(folder, strategy))
            with pytest.raises(StoppedError):
                run(prepared, Watching(stop=(moment, round_)))
            again = run(simulation.resume(str(folder / "runs"), prepared.run.folder))
            first = round_ + (moment == "after checkpoint")
            assert [report.round for report in again.reports] == list(range(first, ROUNDS + 1))
            assert same(again, never_stopped), (moment, round_)
            assert again.outcome.rows == never_stopped.outcome.rows
            assert contents(prepared.run.folder) == contents(never_stopped.ready.run.folder), (moment, round_)


def test_a_finished_run_resumed_reports_the_same_and_requests_nothing_new(whole: tuple[str, Ran]) -> None:
    _, ran = whole
    before = contents(ran.ready.run.folder)
    again = run(simulation.resume(ran.ready.run.settings.runs, ran.ready.run.folder))
    assert again.reports == []
    assert same(again, ran)
    assert again.outcome.rows == ran.outcome.rows
    assert contents(ran.ready.run.folder) == before


def test_a_run_moved_elsewhere_goes_on(tmp_path: Path) -> None:
    prepared = ready(settings_of(tmp_path / "here", TWO))
    with pytest.raises(StoppedError):
        run(prepared, Watching(stop=("after checkpoint", 1)))
    (tmp_path / "here").rename(tmp_path / "there")
    moved = tmp_path / "there" / "runs"
    again = run(simulation.resume(str(moved), moved / "run"))
    assert again.outcome.progress.round == 3


def test_a_run_without_a_checkpoint_cannot_go_on(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        simulation.resume(str(tmp_path), tmp_path)


def test_a_run_finds_its_records_wherever_it_is_resumed_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    records_in(here / "national", TWO, ToySettings())
    monkeypatch.chdir(here)
    prepared = ready(replace(settings_for(here, "fedavg"), data="national"))
    whole = run(prepared)
    monkeypatch.chdir(there)
    again = simulation.resume(prepared.run.settings.runs, prepared.run.folder)
    assert same(whole, run(again))


def _other_value(lines: list[str], row: int) -> list[str]:
    return [*lines[:row], ",".join([*lines[row].split(",")[:3], "9.5"]), *lines[row + 1 :]]


def test_a_run_whose_records_changed_is_not_resumed(tmp_path: Path) -> None:
    records_in(tmp_path / "national", TWO, ToySettings())
    prepared = ready(replace(settings_of(tmp_path, TWO), data=str(tmp_path / "national")))
    with pytest.raises(StoppedError):
        run(prepared, Watching(stop=("after checkpoint", 1)))
    for country, row in (("THA", 1), ("THA", 40), ("VNM", 2)):
        file = tmp_path / "national" / country / "toy.csv"
        before = file.read_text()
        file.write_text("\n".join(_other_value(before.splitlines(), row)) + "\n")
        with pytest.raises(ConfigError, match=f"the records of {country} changed since run run began"):
            simulation.resume(prepared.run.settings.runs, prepared.run.folder)
        file.write_text(before)
    assert run(simulation.resume(prepared.run.settings.runs, prepared.run.folder)).outcome.progress.round == 3


def test_participants_of_a_round_are_the_same_whatever_was_resumed(tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"rounds": 6, "participation": 0.8, "availability": 0.6, "quorum": 1, "seed": 4}
    five = ("KHM", "LAO", "MMR", "THA", "VNM")

    def participants(folder: Path, stops: tuple[int, ...]) -> list[list[str]]:
        prepared, rounds = ready(settings_of(folder, five, **chosen)), []
        for stop in (*stops, 0):
            watching = Watching(stop=("after checkpoint", stop))
            try:
                run(prepared, watching)
            except StoppedError:
                prepared = simulation.resume(str(folder / "runs"), prepared.run.folder)
            rounds += [sorted(summary.country for summary in report.summaries) for report in watching.reports]
        return rounds

    never = participants(tmp_path / "never", ())
    assert len({tuple(round_) for round_ in never}) > 2, "the draws differ from round to round"
    assert participants(tmp_path / "thrice", (1, 2, 4)) == never
