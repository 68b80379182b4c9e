"""`gotong champion rollback task=health reason="..."`: the champion before becomes champion again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from federation.composition.compose import compose
from federation.tracking import registry
from federation.verbs.champions import ChampionSettings
from federation.verbs.word_checks import required


@dataclass  # not frozen: Hydra merges it
class RollbackSettings(ChampionSettings):
    """reason: why, for whoever asks later."""

    reason: str | None = None


def run(words: Sequence[str]) -> None:
    """Print which version is champion now."""
    compose("champion rollback", words, RollbackSettings, _roll_back)


def _roll_back(settings: RollbackSettings) -> None:
    reason = required(settings.reason, 'say why: gotong champion rollback task=NAME reason="..."')
    with registry.opened(settings.tracking, settings.runs, settings.region.name, settings.task.name) as (
        store,
        name,
    ):
        back, gone = registry.roll_back(store, name, reason, datetime.now(UTC).isoformat(timespec="seconds"))
    print(f"{name}: run {back.run} is champion again (version {back.number}), in the place of run {gone.run}")
