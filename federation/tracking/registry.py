"""A region's models in MLflow's registry: one registered model a region and task, with three aliases.

candidate   offered, not decided
champion    forecasts are issued from it
previous    the champion before, to which one command returns

MLflow sets one alias at a time. What a promotion replaces is therefore a tag of the candidate before any alias moves,
and a rollback's reason is one of the version whose place is taken; so a step that was broken off is finished by
whichever command comes next, and no older version is lost in between.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from federation.errors import ConfigError, GotongError, TrackingError, one_line
from federation.settings.parts import TrackingSettings
from federation.tracking.model import DIGEST
from federation.tracking.run_info import COUNTRY, FOLDER
from federation.tracking.store import Store, connect, search, tagged
from tasks.errors import TaskError

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
LONGEST = 5000  # characters of a tag
# Tags of a version: refresh or recipe, why it was promoted or not, who keeps the one before, when, and the comparison.
ROLLED_BACK = "rolled back: "  # begins the reason of a version that a person took back
REPLACES = "gotong.replaces"  # tag of a version: the number of the champion before it, NOTHING for the first
NOTHING = "0"
KIND, REASON, KEEP, AT, TABLE = (f"gotong.{name}" for name in ("kind", "reason", "keep", "decided_at", "comparison"))


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a registered model. run: the folder of the run that made it. digest: SHA-256 of its weights' file.

    tags: why it stands where it stands.
    """

    number: str
    run: str
    digest: str
    tags: Mapping[str, str]


@contextmanager
def opened(tracking: TrackingSettings, runs: str, region: str, task: str) -> Iterator[tuple[Store, str]]:
    """The store and the registered model's name. Raises ConfigError, or TrackingError for whatever MLflow raises."""
    tracking.check()
    if tracking.name == "none":
        raise ConfigError("champions stand in MLflow's registry; leave out tracking=none")
    try:
        yield connect(tracking, Path(runs)), model_name(region, task)
    except (GotongError, TaskError):  # of what is done with it
        raise
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(f"MLflow's registry could not be used: {one_line(error)}") from error


def model_name(region: str, task: str) -> str:
    """Of the registered model."""
    return f"{region} {task}"


def holders(store: Store, name: str) -> dict[str, Version]:
    """alias -> version; empty where nothing is registered. Raises what MLflow raises."""
    found = store.client.search_registered_models(filter_string=f"name = '{name}'")
    aliases: Mapping[str, str] = found[0].aliases if found else {}
    return {alias: _version(store.client.get_model_version(name, number)) for alias, number in aliases.items()}


def versions(store: Store, name: str) -> list[Version]:
    """Everything that was ever offered, the oldest first."""
    found = store.client.search_model_versions(f"name = '{name}'")
    return [_version(each) for each in sorted(found, key=lambda each: int(each.version))]


def offer(store: Store, name: str, run: str) -> Version:
    """Make the model of a finished run the candidate. Raises TrackingError if MLflow has none of it."""
    from mlflow.exceptions import MlflowException

    finish(store, name)
    model = _logged_model(store, run)
    if not store.client.search_registered_models(filter_string=f"name = '{name}'"):
        try:
            store.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # somebody else offers the first one
                raise
    known = [each for each in versions(store, name) if each.run == run and each.digest == model.tags[DIGEST]]
    version = known[-1] if known else None
    if version is None:
        tags = {FOLDER: run, DIGEST: model.tags[DIGEST]}
        made = store.client.create_model_version(
            name,
            # Not models:/ID, which MLflow looks for in the process's default store.
            source=model.artifact_location,
            run_id=model.source_run_id,
            tags=tags,
        )
        version = _version(made)
    store.client.set_registered_model_alias(name, CANDIDATE, version.number)
    return version


def tag(store: Store, name: str, version: Version, tags: Mapping[str, str]) -> None:
    """Note a decision on a version; long values are cut."""
    for key, value in tags.items():
        store.client.set_model_version_tag(name, version.number, key, value[:LONGEST])


def promote(store: Store, name: str) -> Version:
    """The candidate becomes champion, the champion the previous one. Raises TrackingError without a candidate."""
    aliases = holders(store, name)
    if CANDIDATE not in aliases:
        raise TrackingError(f"{name} has no candidate; offer a finished run: gotong champion offer run=NAME")
    candidate, champion = aliases[CANDIDATE], aliases.get(CHAMPION)
    replaced = candidate.tags.get(REPLACES, NOTHING)
    if champion is None or champion.number != candidate.number:  # else it was broken off after this
        replaced = NOTHING if champion is None else champion.number
        tag(store, name, candidate, {REPLACES: replaced})
        store.client.set_registered_model_alias(name, CHAMPION, candidate.number)
    if replaced != NOTHING:
        store.client.set_registered_model_alias(name, PREVIOUS, replaced)
    store.client.delete_registered_model_alias(name, CANDIDATE)
    return candidate


def finish(store: Store, name: str) -> None:
    """End a promotion that was broken off."""
    aliases = holders(store, name)
    if CANDIDATE in aliases and CHAMPION in aliases and aliases[CANDIDATE].number == aliases[CHAMPION].number:
        promote(store, name)


def withdraw(store: Store, name: str) -> None:
    """The candidate is none any more."""
    finish(store, name)
    if CANDIDATE in holders(store, name):
        store.client.delete_registered_model_alias(name, CANDIDATE)


def roll_back(store: Store, name: str, reason: str, at: str) -> tuple[Version, Version]:
    """The previous one becomes champion again; returns it, and the one whose place it takes. Raises TrackingError.

    reason, at: why, and the time, noted with the one that goes.
    """
    finish(store, name)
    aliases = holders(store, name)
    if PREVIOUS not in aliases:
        raise TrackingError(f"{name} has no previous champion to return to")
    back, gone = aliases[PREVIOUS], aliases[CHAMPION]
    if back.number == gone.number:  # broken off before the alias was removed
        gone = next(each for each in reversed(versions(store, name)) if each.tags.get(REPLACES) == back.number)
    else:
        tag(store, name, gone, {REASON: f"{ROLLED_BACK}{reason}", AT: at})
        store.client.set_registered_model_alias(name, CHAMPION, back.number)
    store.client.delete_registered_model_alias(name, PREVIOUS)
    return back, gone


def _logged_model(store: Store, run: str) -> "LoggedModel":
    runs = [each for each in search(store, tagged({FOLDER: run})) if COUNTRY not in each.data.tags]
    if not runs:
        raise TrackingError(f"MLflow knows no run {run!r}; send its records first: gotong replay run={run}")
    last = max(runs, key=lambda each: each.info.start_time)
    outputs = last.outputs.model_outputs if last.outputs else []
    if not outputs:
        raise TrackingError(f"run {run!r} has logged no model; has it ended? Else: gotong replay run={run}")
    return store.client.get_logged_model(outputs[-1].model_id)


def _version(version: "ModelVersion") -> Version:
    tags = dict(version.tags)
    return Version(number=str(version.version), run=tags.get(FOLDER, ""), digest=tags.get(DIGEST, ""), tags=tags)
