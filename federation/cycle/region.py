"""The way to a region's countries, which a cycle needs in two places: between machines, or all of them on this one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from federation.settings.schema import Settings


class Region(Protocol):
    """A region whose countries are asked, train, and are handed the champion."""

    def ends(self, settings: Settings) -> Mapping[str, str]:
        """Country -> the last period of its records, of those that say it. Raises GotongError or TaskError."""

    def run(self, settings: Settings) -> object:
        """Do a run to its end: a new one, or what is left of the one that settings.resume names."""

    def export(self, settings: Settings) -> Path:
        """Write the champion's file, for the countries; where it lies."""

    def issue(self, settings: Settings, champion: Path) -> Mapping[str, Any]:
        """Have every country issue its forecast, where that is played here: country -> its issue, or why it has none.

        Nothing between machines, where each country does so by itself.
        """
