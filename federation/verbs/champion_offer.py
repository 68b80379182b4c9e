"""`gotong champion offer run=NAME`: a finished run becomes champion, or does not; why is kept with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from federation.composition.compose import compose
from federation.cycle import offer
from federation.cycle.finished import finished
from federation.settings.checks import within
from federation.settings.parts import TrackingSettings
from federation.studies import champion
from federation.studies.champion import Decision
from federation.tracking import registry
from federation.tracking.registry import CHAMPION, Version
from federation.verbs.word_checks import required


@dataclass  # not frozen: Hydra merges it
class OfferSettings:
    """run: a finished run, that was compared with the champion (`champion=RUN`). harm: share of the champion's score by
    which a country may be worse for certain before it keeps its champion.

    chosen_until: of a new recipe, the last month of the records by which it was chosen. evidence: of an operational run
    with a new recipe, the study that tested this recipe against the champion's. runs, tracking: as of the run.
    """

    run: str | None = None
    runs: str = "runs"
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    harm: float = champion.HARM
    chosen_until: str | None = None
    evidence: str | None = None


def run(words: Sequence[str]) -> None:
    """Print the table, and the decision with its reason."""
    compose("champion offer", words, OfferSettings, _offer)


def _offer(settings: OfferSettings) -> None:
    name = required(settings.run, "say which: gotong champion offer run=NAME")
    within("harm", settings.harm, 0, 1)
    run = finished(settings.runs, name)
    where = (settings.tracking, settings.runs, run.settings.region.name, run.settings.task.name)
    with registry.opened(*where) as (store, model):
        registry.finish(store, model)
        holder = registry.holders(store, model).get(CHAMPION)
        if holder is not None and holder.run == name:
            print(f"{model}: run {name} is champion already (version {holder.number})")
            return
        versions = registry.versions(store, model)
        offer.check_rolled_back(name, versions)
        kind, decision = offer.decide(
            run,
            holder,
            versions,
            harm=settings.harm,
            chosen_until=settings.chosen_until,
            evidence=settings.evidence,
        )
        version = registry.offer(store, model, name)
        registry.tag(store, model, version, offer.tags(kind, decision))
        (registry.promote if decision.promote else registry.withdraw)(store, model)
    _print(model, name, version, decision)


def _print(model: str, name: str, version: Version, decision: Decision) -> None:
    for line in offer.table(decision):
        print(line)
    print(f"{model}: run {name} (version {version.number}) {'is champion' if decision.promote else 'is not promoted'}")
    print(f"  {decision.reason}")
    if decision.keep:
        print(f"  worse for certain beyond the limit, and so keep the champion before: {', '.join(decision.keep)}")
