"""`gotong champion offer run=NAME`: a finished run becomes champion, or does not; why is kept with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from federation.composition.compose import compose
from federation.composition.restore import flat
from federation.coordinator import checkpoint
from federation.errors import ConfigError
from federation.reporting.rows import BETTER, PAIRED, RESULTS, VALIDATION, WORSE, Row, of_test, read_json
from federation.runs import folder as run_folder
from federation.runs.operational import FOLD
from federation.settings.checks import within
from federation.settings.schema import OPERATIONAL, PROTECTION, SEALED, TrackingSettings
from federation.studies import champion
from federation.studies.champion import Compared, Decision
from federation.studies.recipe_choice import NOT_LEARNT
from federation.tracking import registry
from federation.tracking.registry import CHAMPION, Version
from federation.tracking.run_state import state
from federation.verbs import champions
from federation.verbs.word_checks import required
from tasks.registry import TASKS
from tasks.time_step import STEPS

# Settings in which a refresh may differ from its champion: when, from which draw, and compared with whom.
OF_A_REFRESH = (
    *("device", "engine", "precision", "deadline", "retries", "champion"),
    *("seed", "champion_part", "champion_digest", "fold", "until", "task.calendar.refit", "start_from"),
    *("task.calendar.train_until", "task.calendar.validate_until", "task.calendar.test_until"),
)


@dataclass  # not frozen: Hydra merges it
class OfferSettings:
    """run: a finished run, that was compared with the champion (`champion=RUN`). harm: share of the champion's score by
    which a country may be worse for certain before it keeps its champion.

    chosen_until: of a new recipe, the last month of the records by which it was chosen. runs, tracking: as of the run.
    """

    run: str | None = None
    runs: str = "runs"
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    harm: float = champion.HARM
    chosen_until: str | None = None


def run(words: Sequence[str]) -> None:
    """Print the table, and the decision with its reason."""
    compose("champion offer", words, OfferSettings, _offer)


def _offer(settings: OfferSettings) -> None:
    name = required(settings.run, "say which: gotong champion offer run=NAME")
    within("harm", settings.harm, 0, 1)
    folder = run_folder.existing(settings.runs, name)
    if state(folder) != "FINISHED":
        raise ConfigError(f"run {name} has not ended ({state(folder).lower()}); only a finished run is offered")
    values = checkpoint.read_header(folder / checkpoint.FILE)["settings"]
    task, region = values["task"]["name"], values["region"]["name"]
    _check_offered(name, values)
    with champions.registry(settings.tracking, settings.runs, region, task) as (store, model):
        holder = registry.holders(store, model).get(CHAMPION)
        if holder is not None and holder.run == name:
            print(f"{model}: run {name} is champion already (version {holder.number})")
            return
        versions = registry.versions(store, model)
        _check_rolled_back(name, versions)
        kind, decision = _decided(settings, folder, values, holder, versions)
        version = registry.offer(store, model, name)
        registry.tag(store, model, version, _tags(kind, decision))
        if decision.promote:
            registry.promote(store, model)
        else:
            registry.withdraw(store, model)
    _print(model, name, version, decision)


def _check_rolled_back(name: str, versions: Sequence[Version]) -> None:
    """Raise ConfigError for a run that a person took back: a routine does not undo that."""
    for version in versions:
        reason = version.tags.get(registry.REASON, "")
        if version.run == name and reason.startswith(registry.ROLLED_BACK):
            raise ConfigError(f"run {name} was {reason}; offer a new run")


def _check_offered(name: str, values: Mapping[str, Any]) -> None:
    """Raise ConfigError for a run from which no forecast may be issued."""
    if values.get("purpose") == OPERATIONAL and not values.get("fold"):
        raise ConfigError(f"run {name} is a fold, which decides for its refit; offer run={name.removesuffix(FOLD)}")
    if values["task"]["calendar"].get("unaligned"):
        raise ConfigError(f"run {name} cut each country at its own end, which flatters; offer a run of one cut")


def _decided(
    settings: OfferSettings,
    folder: Path,
    values: Mapping[str, Any],
    holder: Version | None,
    versions: Sequence[Version],
) -> tuple[str, Decision]:
    """What it is offered as, and the decision. Raises ConfigError for a run that was not compared with the champion."""
    if holder is None:
        first = Decision(promote=True, reason="the first champion", region=None, countries=(), keep=())
        return champion.REFRESH, first
    if values.get("champion") != holder.run:
        raise ConfigError(
            f"run {folder.name} was not compared with the champion, run {holder.run}; run it with champion={holder.run}"
        )
    operational = values["purpose"] == OPERATIONAL
    rested = folder.with_name(f"{folder.name}{FOLD}") if operational else folder
    before = checkpoint.read_header(run_folder.existing(settings.runs, holder.run) / checkpoint.FILE)["settings"]
    kind = champion.REFRESH if _recipe(values) == _recipe(before) else champion.RECIPE
    rows, region, blocks = read_json(rested / RESULTS), values["region"]["name"], _blocks(settings, values, kind)
    differences = _differences(rows, values, VALIDATION if operational else "test")
    tried = _tried(versions, folder.name) if kind == champion.RECIPE else 0
    if SEALED in PROTECTION[values["protection"]]:
        counts = {row.score: int(row.value) for row in rows if row.score in (BETTER, WORSE)}
        return kind, champion.decide_sealed(
            differences.get(region),
            better=counts.get(BETTER, 0),
            worse=counts.get(WORSE, 0),
            members=len(checkpoint.read_header(folder / checkpoint.FILE)["countries"]),
            kind=kind,
            blocks=blocks,
            tried_this_year=tried,
        )
    return kind, champion.decide(
        differences, region=region, kind=kind, blocks=blocks, tried_this_year=tried, harm=settings.harm
    )


def _recipe(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe is: the settings that decide what is learnt, without when and from which draw."""
    left = (*NOT_LEARNT, *OF_A_REFRESH)
    return {
        key: value
        for key, value in flat(values).items()
        if not any(key == name or key.startswith(f"{name}.") for name in left) and key != "arms"
    }


def _differences(rows: Sequence[Row], values: Mapping[str, Any], part: str) -> dict[str, Compared]:
    headline, score = next(iter(TASKS[values["task"]["name"]].scores.items()))
    paired = [row for row in rows if row.part == PAIRED]
    scores = [row for row in rows if row.part == part] if part == VALIDATION else of_test(rows)
    return champion.compared(scores, paired, headline=headline, better=score.better)


def _blocks(settings: OfferSettings, values: Mapping[str, Any], kind: str) -> int:
    """Blocks of time in what was compared. Raises ConfigError for a new recipe that was chosen by some of them."""
    calendar = values["task"]["calendar"]
    step = STEPS[calendar["step"]]
    cuts = ("train_until", "validate_until", "test_until")
    first, last = (step.last(calendar[key]) for key in (cuts[:2] if values["purpose"] == OPERATIONAL else cuts[1:]))
    if kind == champion.RECIPE:
        say = "say by records until when the new recipe was chosen: chosen_until=YYYY-MM"
        try:
            chosen = step.last(required(settings.chosen_until, say))
        except ValueError as error:
            raise ConfigError(f"chosen_until: {error}") from None
        if chosen > first:
            raise ConfigError(
                f"run {settings.run} is compared after {first}, and its recipe was chosen by records until {chosen}; "
                f"run it with a later cut of task.calendar"
            )
    return len(np.unique(step.blocks(np.arange(first + 1, last + 1))))


def _tried(versions: Sequence[Version], name: str) -> int:
    """New recipes that were offered within a year."""
    year_ago = (datetime.now(UTC) - timedelta(days=365)).isoformat()
    recent = [each for each in versions if each.tags.get(registry.KIND) == champion.RECIPE and each.run != name]
    return sum(each.tags.get(registry.AT, "") > year_ago for each in recent)


def _tags(kind: str, decision: Decision) -> dict[str, str]:
    table = [asdict(each) for each in (*decision.countries, *([decision.region] if decision.region else []))]
    return {
        registry.KIND: kind,
        registry.REASON: decision.reason,
        registry.KEEP: " ".join(decision.keep),
        registry.AT: datetime.now(UTC).isoformat(timespec="seconds"),
        registry.TABLE: json.dumps(table),
    }


def _print(model: str, name: str, version: Version, decision: Decision) -> None:
    for each in (*decision.countries, *([decision.region] if decision.region else [])):
        print(f"{each.place:<8} {each.value:+.4f} [{each.low:+.4f}, {each.high:+.4f}]  champion {each.score:.4f}")
    print(f"{model}: run {name} (version {version.number}) {'is champion' if decision.promote else 'is not promoted'}")
    print(f"  {decision.reason}")
    if decision.keep:
        print(f"  worse for certain beyond the limit, and so keep the champion before: {', '.join(decision.keep)}")
