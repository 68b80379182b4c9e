"""`gotong champion export task=health`: the champion in one signed file, which nodes take."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.issuing.export import export
from federation.settings.checks import one_of
from federation.tracking import registry
from federation.tracking.registry import CHAMPION, PREVIOUS
from federation.verbs.champions import ChampionSettings


@dataclass  # not frozen: Hydra merges it
class ExportSettings(ChampionSettings):
    """to: the file; None: in the coordinator's home, from where its gateway serves it to every courier.

    home: the coordinator's, whose key signs. alias: champion, or previous for a country that keeps the one before.
    """

    to: str | None = None
    home: str = "coordinator"
    alias: str = CHAMPION


def run(words: Sequence[str]) -> None:
    """Write the file, and print where it lies and what it states."""
    compose("champion export", words, ExportSettings, _export)


def _export(settings: ExportSettings) -> None:
    one_of("alias", settings.alias, (CHAMPION, PREVIOUS))
    to = None if settings.to is None else Path(settings.to)
    with registry.opened(settings.tracking, settings.runs, settings.region.name, settings.task.name) as (
        store,
        name,
    ):
        path, champion, new = export(
            store, name, runs=settings.runs, to=to, home=Path(settings.home), alias=settings.alias
        )
    print(f"{name}: run {champion.run} (version {champion.version}), model {champion.model[:16]}")
    if champion.keep:
        print(f"  keep the one before: {', '.join(champion.keep)}")
    if not champion.certificate:
        print(f"  unsigned, for {settings.home} has no ca.pem: simulations alone take it")
    print(path if new else f"{path}: as it was")
