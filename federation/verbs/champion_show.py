"""`gotong champion show task=health`: what forecasts are issued from, what was before, and what was offered since."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.tracking import registry
from federation.verbs.champions import ChampionSettings


def run(words: Sequence[str]) -> None:
    """Print a line a version, the newest first."""
    compose("champion show", words, ChampionSettings, _show)


def _show(settings: ChampionSettings) -> None:
    with registry.opened(settings.tracking, settings.runs, settings.region.name, settings.task.name) as (
        store,
        name,
    ):
        aliases = {version.number: alias for alias, version in registry.holders(store, name).items()}
        versions = registry.versions(store, name)
    if not versions:
        print(f"{name} has no champion; offer a finished run: gotong champion offer run=NAME task={settings.task.name}")
    for version in reversed(versions):
        at = version.tags.get(registry.AT, "")[:10]
        print(f"{version.number:>3}  {aliases.get(version.number, ''):<9}  {at:<10}  run {version.run}  "
              f"{version.tags.get(registry.REASON, 'not decided')}")  # fmt: skip
        if version.tags.get(registry.KEEP):
            print(f"     keep the one before: {version.tags[registry.KEEP]}")
