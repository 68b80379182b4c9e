"""A region on one machine: the runs are simulations, and every country's node is played after the promotion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from federation.errors import GotongError
from federation.forecasting import VAULT
from federation.issuing import archive
from federation.issuing.export import export
from federation.issuing.held import DELIVERED, Held, champion_for, trust_of
from federation.issuing.issue import Wanted, make
from federation.runs import simulation
from federation.runs.operational import FOLD
from federation.settings.schema import LATEST, Settings
from federation.tracking import registry
from tasks.errors import TaskError

NODES = "nodes"  # under the folder of runs, a folder a country: its archive, as of a node's home


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """A region whose national files lie in settings.data.

    sent: the time in the products, UTC. played: whether that is a day in the past.
    """

    sent: datetime
    played: bool = False

    def ends(self, settings: Settings) -> Mapping[str, str]:
        """From the files themselves."""
        return simulation.record_ends(settings)

    def run(self, settings: Settings) -> object:
        """In this process."""
        return simulation.simulate(settings)

    def export(self, settings: Settings) -> Path:
        """Next to the runs; unsigned, and taken by simulated countries alone."""
        where = (settings.tracking, settings.runs, settings.region.name, settings.task.name)
        with registry.opened(*where) as (store, name):
            path, _, _ = export(store, name, runs=settings.runs, to=None, home=Path(settings.runs))
        return path

    def issue(self, settings: Settings, champion: Path) -> Mapping[str, Any]:
        """What every country's `gotong node issue` would do; a country that cannot says why, and is no error."""
        return {country: self._issue(settings, champion, country) for country in simulation.with_records(settings)}

    def _issue(self, settings: Settings, champion: Path, country: str) -> Mapping[str, str]:
        home, runs = Path(settings.runs) / NODES / country, Path(settings.runs)
        try:
            held = _held(home, settings.task.name, country, champion)
            fold = runs / f"{held.champion.run}{FOLD}"
            made = make(
                Wanted(
                    home=home,
                    country=country,
                    task=settings.task.name,
                    data=Path(str(settings.data)),
                    sent=self.sent,
                    played=self.played,
                    champion=champion,
                    vault=(fold if fold.is_dir() else runs / held.champion.run) / VAULT,
                    origin=None if settings.until in (None, LATEST) else settings.until,
                )
            )
        except (GotongError, TaskError) as error:
            return {"issue": "", "why": str(error)}
        return {"issue": made.issue.name, "run": made.issue.content.run, "arm": made.issue.content.arm}


def _held(home: Path, task: str, country: str, champion: Path) -> Held:
    """The champion with which the country forecasts, which may be the one before: its vault's memory goes with it."""
    trust, now = trust_of(home, None), datetime.now(UTC)
    with archive.locked(home):
        return champion_for(home, task, country, trust=trust, given=champion, delivered=home / DELIVERED, now=now)
