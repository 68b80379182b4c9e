"""A region on one machine: the runs are simulations, and every country's node is played after the promotion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from federation.runs import simulation
from federation.settings.schema import Settings


class Simulated:
    """A region whose national files lie in settings.data."""

    def ends(self, settings: Settings) -> Mapping[str, str]:
        """From the files themselves."""
        return simulation.record_ends(settings)

    def run(self, settings: Settings) -> object:
        """In this process."""
        return simulation.simulate(settings)

    def export(self, settings: Settings) -> Path:
        """Next to the runs."""
        return Path(settings.runs) / "champions" / f"{settings.region.name}-{settings.task.name}.champion"

    def issue(self, settings: Settings, champion: Path) -> Mapping[str, Any]:  # noqa: ARG002
        """What every country's `gotong node issue` would."""
        return {}
