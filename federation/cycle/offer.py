"""A finished run against the champion: what it is offered as, the decision, and its reason as tags of the registry."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from federation.composition.regions import members
from federation.cycle.finished import Finished, read, shown_by, unlike_keys
from federation.errors import ConfigError
from federation.reporting.rows import BETTER, PAIRED, RESULTS, VALIDATION, WORSE, Row, of_test, read_json
from federation.settings.plan import PROTECTION, SEALED
from federation.settings.schema import STUDY, Settings
from federation.studies import champion
from federation.studies.champion import Compared, Decision
from federation.tracking import registry
from federation.tracking.registry import Version
from tasks.registry import TASKS
from tasks.time_step import STEPS


def check_rolled_back(name: str, versions: Sequence[Version]) -> None:
    """Raise ConfigError for a run that a person took back: a routine does not undo that."""
    for version in versions:
        reason = version.tags.get(registry.REASON, "")
        if version.run == name and reason.startswith(registry.ROLLED_BACK):
            raise ConfigError(f"run {name} was {reason}; offer a new run")


def decide(
    run: Finished,
    holder: Version | None,
    versions: Sequence[Version],
    *,
    harm: float = champion.HARM,
    chosen_until: str | None = None,
    evidence: str | None = None,
) -> tuple[str, Decision]:
    """What a run is offered as, and the decision. holder: the champion. versions: everything that was ever offered.

    evidence: of an operational run with a new recipe, the study that tested this recipe against the champion's.
    Raises ConfigError for a run that was not compared with the champion, and a recipe chosen by what it is tested on.
    """
    if holder is None:
        return champion.REFRESH, _unopposed(f"the first champion, {_who(run)}")
    before = read(str(run.folder.parent), holder.run)
    unlike = unlike_keys(run.settings, before.settings)
    if run.operational and not before.operational:
        return champion.REFRESH, _after_study(run, before, unlike)
    if run.operational and unlike:
        shown = shown_by(run, before, evidence)
        decision = _compared(
            shown,
            champion.RECIPE,
            _blocks(shown, champion.RECIPE, chosen_until),
            _tried(versions, run.folder.name),
            harm,
        )
        reason = f"{decision.reason}, in the study {shown.folder.name}{_other_countries(run, before)}"
        return champion.RECIPE, replace(decision, reason=reason)
    if evidence:
        raise ConfigError(
            f"evidence={evidence}: run {run.folder.name} is no operational run of a new recipe; leave it out"
        )
    if run.settings.champion != holder.run:
        raise ConfigError(
            f"run {run.folder.name} was not compared with the champion, run {holder.run}; "
            f"run it with champion={holder.run}"
        )
    kind = champion.RECIPE if unlike or run.operational != before.operational else champion.REFRESH
    tried = _tried(versions, run.folder.name) if kind == champion.RECIPE else 0
    decision = _compared(run, kind, _blocks(run, kind, chosen_until), tried, harm)
    return kind, replace(decision, reason=f"{decision.reason}{_other_countries(run, before)}")


def table(decision: Decision) -> list[str]:
    """A line a country that was compared, and one of the region: candidate less champion, larger is worse."""
    compared = (*decision.countries, *([decision.region] if decision.region else []))
    return [
        f"{each.place:<8} {each.value:+.4f} [{each.low:+.4f}, {each.high:+.4f}]  champion {each.score:.4f}"
        for each in compared
    ]


def tags(kind: str, decision: Decision) -> dict[str, str]:
    """What is noted with the version that was decided on."""
    compared = [asdict(each) for each in (*decision.countries, *([decision.region] if decision.region else []))]
    return {
        registry.KIND: kind,
        registry.REASON: decision.reason,
        registry.KEEP: " ".join(decision.keep),
        registry.AT: datetime.now(UTC).isoformat(timespec="seconds"),
        registry.TABLE: json.dumps(compared),
    }


def _unopposed(reason: str) -> Decision:
    return Decision(promote=True, reason=reason, region=None, countries=(), keep=())


def _who(run: Finished) -> str:
    """Its purpose where that is a study, and its countries, with the region's members that are none of them."""
    settings, there = run.settings, set(run.countries)
    region = members(settings.region.name) or settings.region.countries
    without = sorted({*region, *settings.region.countries} - there)
    of = f"of {len(there)} countries ({', '.join(sorted(there))})"
    of += f", without {', '.join(without)} of {settings.region.name}" if without else ""
    if run.operational:
        return f"{of}, trained to {settings.until}"
    return f"{of}, a study: it has learnt nothing after {settings.task.calendar.train_until}"


def _after_study(run: Finished, before: Finished, unlike: Sequence[str]) -> Decision:
    """The first operational run takes the place of a study of the same recipe: no fold of that is there to compare."""
    if unlike or before.settings.purpose != STUDY:
        raise ConfigError(
            f"run {run.folder.name} is operational and of another recipe than the champion, the study "
            f"{before.folder.name} ({', '.join(unlike)}), and no operational run is compared with a study; offer a "
            f"study of the new recipe first, run with champion={before.folder.name}"
        )
    return _unopposed(f"the first operational run, after the study {before.folder.name} of its recipe: {_who(run)}")


def _other_countries(run: Finished, before: Finished) -> str:
    """Countries of which the champion learnt and this run did not, or the reverse."""
    without, new = (sorted(set(a) - set(b)) for a, b in ((before.countries, run.countries),
                                                         (run.countries, before.countries)))  # fmt: skip
    said = f"; without {', '.join(without)}, of which the champion learnt" if without else ""
    return said + (f"; with {', '.join(new)}, of which the champion did not learn" if new else "")


def _compared(run: Finished, kind: str, blocks: int, tried: int, harm: float) -> Decision:
    """By the rules of champions, from the differences that countries sent."""
    rows, region = read_json(run.fold / RESULTS), run.settings.region.name
    differences = _differences(rows, run.settings, VALIDATION if run.operational else "test")
    if SEALED in PROTECTION[run.settings.protection]:
        counts = {row.score: int(row.value) for row in rows if row.score in (BETTER, WORSE)}
        return champion.decide_sealed(
            differences.get(region),
            better=counts.get(BETTER, 0),
            worse=counts.get(WORSE, 0),
            members=len(run.countries),
            kind=kind,
            blocks=blocks,
            tried_this_year=tried,
        )
    return champion.decide(differences, region=region, kind=kind, blocks=blocks, tried_this_year=tried, harm=harm)


def _differences(rows: Sequence[Row], settings: Settings, part: str) -> Mapping[str, Compared]:
    headline, score = next(iter(TASKS[settings.task.name].scores.items()))
    paired = [row for row in rows if row.part == PAIRED]
    scores = [row for row in rows if row.part == part] if part == VALIDATION else of_test(rows)
    return champion.compared(scores, paired, headline=headline, better=score.better)


def _blocks(run: Finished, kind: str, chosen_until: str | None) -> int:
    """Blocks of time in what was compared. Raises ConfigError for a new recipe that was chosen by some of them."""
    calendar = run.settings.task.calendar
    step = STEPS[calendar.step]
    cuts = (calendar.train_until, calendar.validate_until, calendar.test_until)
    first, last = (step.last(cut) for cut in (cuts[:2] if run.operational else cuts[1:]))
    if kind == champion.RECIPE:
        _check_chosen(run.folder.name, chosen_until, first, step.last)
    return len(np.unique(step.blocks(np.arange(first + 1, last + 1))))


def _check_chosen(name: str, chosen_until: str | None, first: np.datetime64, period: Any) -> None:
    if not chosen_until:
        raise ConfigError("say by records until when the new recipe was chosen: chosen_until=YYYY-MM")
    try:
        chosen = period(chosen_until)
    except ValueError as error:
        raise ConfigError(f"chosen_until: {error}") from None
    if chosen > first:
        raise ConfigError(
            f"run {name} is compared after {first}, and its recipe was chosen by records until {chosen}; "
            f"run it with a later cut of task.calendar"
        )


def _tried(versions: Sequence[Version], name: str) -> int:
    """New recipes that were offered within a year."""
    year_ago = (datetime.now(UTC) - timedelta(days=365)).isoformat()
    recent = [each for each in versions if each.tags.get(registry.KIND) == champion.RECIPE and each.run != name]
    return sum(each.tags.get(registry.AT, "") > year_ago for each in recent)
