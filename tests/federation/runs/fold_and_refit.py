"""An operational run of two countries, and what its fold and its refit left."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.coordinator import checkpoint
from federation.runs import folder as run_folder
from federation.runs import simulation
from federation.runs.operational import FOLD
from federation.runs.pair import run_pair
from federation.runs.run import saved
from federation.settings.parts import TrainingSettings
from federation.settings.schema import Settings
from federation.vault import ledger, state
from federation.vault.database import open_database
from tests.federation.federations import Watching, records_in, run, settings_of
from tests.federation.toy import TOY, ToySettings

TWO = ("THA", "VNM")
ARMS = ["federated", "local", "personalised", "adapted", "local_adapted", "issued"]
TRAINING = TrainingSettings(batch_size=50, epochs=2, lr=0.3, schedule="constant")  # best before the last round


def operational(folder: Path, **rest: Any) -> Settings:
    """An operational run of two countries on national files in folder/records."""
    values: dict[str, Any] = {
        "purpose": "operational",
        "until": "2006-12",
        "rounds": 4,
        "keep_best": 2,
        "name": "june",
    } | rest
    records = records_in(folder / "records", TWO, ToySettings(heterogeneity=0.5))
    keys = folder / "runs" / "keys"
    keys.mkdir(parents=True)
    for country in TWO:
        (keys / f"{country}.key").write_bytes(country.encode() * 11)
    return settings_of(folder, TWO, training=TRAINING, arms=ARMS, data=str(records), **values)


def changed(settings: Settings, first: str, last: str, country: str = "") -> None:
    """Other records from the first to the last month, in one country or in all."""
    for path in Path(str(settings.data)).glob(f"{country or '*'}/{TOY.file}"):
        head, *lines = path.read_text().splitlines()
        rows = [line.split(",") for line in lines]
        rows = [[*row[:2], "9", "-99"] if first <= row[1] <= last else row for row in rows]
        path.write_text("\n".join([head, *(",".join(row) for row in rows)]) + "\n")


def one(settings: Settings, stop: tuple[str, int] | None = None) -> None:
    """One run to its end, without tables and pictures."""
    if settings.resume is None:
        ready = simulation.prepare(settings, run_folder.create(settings))
    else:
        ready = simulation.resume(settings.runs, Path(settings.runs) / settings.resume)
    ran = run(ready, Watching(stop=stop))
    averaged = sorted(each.round for each in ran.outcome.progress.best)
    checkpoint.save_model(ready.run.folder, ready.run.folder.name, ran.outcome.model, averaged)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a run left. model: the mean that is kept. last: as last aggregated. chosen: country -> what it keeps."""

    model: Mapping[str, bytes]
    last: Mapping[str, bytes]
    averaged: tuple[int, ...]
    chosen: Mapping[str, Mapping[str, bytes]]
    settings: Settings


def done(settings: Settings, name: str) -> Done:
    folder = Path(settings.runs) / name
    began_with, progress, _ = saved(folder)
    database = open_database(Path(settings.runs) / f"june{FOLD}" / simulation.LEDGER)
    ledger.verify(database)
    memories = {country: state.memory_of_test(database, country, name) or {} for country in TWO}
    database.close()
    kept = {
        country: {
            key: value.numpy().tobytes() for key, value in memory.items() if key.startswith(("choice/", "final/"))
        }
        for country, memory in memories.items()
    }
    return Done(
        model=_bytes(checkpoint.load_model(folder)),
        last=_bytes(progress.model),
        averaged=checkpoint.averaged_rounds(folder),
        chosen=kept,
        settings=began_with,
    )


def both(settings: Settings) -> tuple[Done, Done]:
    """The fold and the refit."""
    run_pair(settings, one)
    return done(settings, f"june{FOLD}"), done(settings, "june")


def _bytes(arrays: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in arrays.items()}
