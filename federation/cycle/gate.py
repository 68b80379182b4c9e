"""A month's run against the champion, and the promotion: the two steps of a cycle that change MLflow's registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from federation.cycle import offer
from federation.cycle.finished import finished, read, unlike_keys
from federation.cycle.record import AGREE, GATE, Cycle, name_of
from federation.errors import ConfigError, TrackingError
from federation.runs import folder as run_folder
from federation.runs.operational import FOLD
from federation.settings.schema import Settings
from federation.studies import champion
from federation.studies.champion import Decision
from federation.tracking import registry
from federation.tracking.registry import CHAMPION
from federation.tracking.tracker import replay
from federation.tracking.uploader import wait_for_others
from tasks.time_step import STEPS


def champion_to_meet(settings: Settings, month: str) -> str:
    """The champion's run, with which this month's fold is compared; empty where there is none that can be.

    Raises ConfigError for a champion of another recipe than these settings, or of a later month.
    """
    with _opened(settings) as (store, model):
        registry.finish(store, model)
        holder = registry.holders(store, model).get(CHAMPION)
    if holder is None:
        return ""
    before = read(settings.runs, holder.run)
    if unlike := unlike_keys(settings, before.settings):
        raise ConfigError(
            f"the champion, run {holder.run}, has another recipe than this command: {', '.join(unlike)}. Set these as "
            f"in that run; a new recipe is a run of its own, which gotong champion offer takes with evidence="
        )
    if not before.operational:
        return ""
    if holder.run == name_of(settings, month):  # promoted before, and what was written down of it is lost
        return before.settings.champion or ""
    last = STEPS[settings.task.calendar.step].last
    if before.settings.until and last(before.settings.until) > last(month):
        raise ConfigError(
            f"the champion, run {holder.run}, was trained to {before.settings.until}, and {month} is before that; "
            f"leave until= out, or return to the champion before: gotong champion rollback"
        )
    return holder.run


def decide(cycle: Cycle, settings: Settings, harm: float) -> Mapping[str, Any]:
    """Offer the month's run and note the decision with its version; nothing is promoted yet."""
    for name in (f"{cycle.run}{FOLD}", cycle.run):
        _send(settings, name)
    run, met = finished(settings.runs, cycle.run), cycle.result(AGREE)["champion"]
    with _opened(settings) as (store, model):
        version = registry.offer(store, model, cycle.run)
        holder, versions = registry.holders(store, model).get(CHAMPION), registry.versions(store, model)
        offer.check_rolled_back(cycle.run, versions)
        if holder is not None and holder.run == cycle.run:
            return _champion_already(holder)
        if holder is not None and met and holder.run != met:
            kind, decision = champion.REFRESH, _another(met, holder.run)
        else:
            kind, decision = offer.decide(run, holder, versions, harm=harm)
        registry.tag(store, model, version, offer.tags(kind, decision))
    return {
        "promote": decision.promote,
        "reason": decision.reason,
        "kind": kind,
        "keep": list(decision.keep),
        "table": offer.table(decision),
        "champion": "" if holder is None else holder.run,
        "version": version.number,
    }


def promote(cycle: Cycle, settings: Settings) -> Mapping[str, Any]:
    """Let the decision take effect. Repeated, it changes nothing."""
    decided = cycle.result(GATE)
    with _opened(settings) as (store, model):
        registry.finish(store, model)
        aliases = registry.holders(store, model)
        if not decided["promote"]:
            registry.withdraw(store, model)
        elif CHAMPION not in aliases or aliases[CHAMPION].run != cycle.run:
            registry.promote(store, model)
        holder = registry.holders(store, model).get(CHAMPION)
    if holder is None:
        raise TrackingError(f"{model} has no champion; somebody removed it from MLflow's registry")
    return {"champion": holder.run, "version": holder.number}


def _champion_already(holder: registry.Version) -> Mapping[str, Any]:
    keep = holder.tags.get(registry.KEEP, "").split()
    decided = {"promote": True, "reason": holder.tags.get(registry.REASON, ""), "kind": holder.tags.get(registry.KIND)}
    return {**decided, "keep": keep, "table": [], "champion": holder.run, "version": holder.number}


def _another(met: str, holder: str) -> Decision:
    return Decision(
        promote=False,
        reason=f"the champion became run {holder} while this run was compared with {met}",
        region=None,
        countries=(),
        keep=(),
    )


def _send(settings: Settings, run: str) -> None:
    """Send MLflow what a process that was killed at its end could not."""
    folder = run_folder.existing(settings.runs, run)
    wait_for_others(folder)
    with run_folder.locked(folder):
        replay(folder, settings.tracking, Path(settings.runs))


def _opened(settings: Settings) -> Any:
    return registry.opened(settings.tracking, settings.runs, settings.region.name, settings.task.name)
