"""`gotong node results`: this country's own scores of a run, those too that its vault lets nobody else have."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.node import own_ledger
from federation.errors import ConfigError
from federation.vault import own_results
from federation.verbs.ledgers import no_ledger


@dataclass  # not frozen: Hydra merges it
class ResultsSettings:
    """home: of the node. run: one that was tested here; none: the runs there are."""

    home: str = "node"
    run: str | None = None


def run(words: Sequence[str]) -> None:
    """Print it."""
    compose("node results", words, ResultsSettings, show)


def show(settings: ResultsSettings) -> None:
    """Raises DeploymentError where there is no vault, ConfigError for a run that was not tested here."""
    home = Path(settings.home)
    if not own_ledger.is_home(home):
        raise no_ledger(home)
    database = own_ledger.open_own(home)
    there = own_results.runs(database)
    if settings.run is None:
        print("\n".join(there) or "no run was tested here")
        return
    if settings.run not in there:
        raise ConfigError(f"run={settings.run} was not tested here; there are {', '.join(there) or 'none'}")
    own = own_results.of_run(database, settings.run, own_ledger.own_key(home).country)
    for line in own_results.lines(own.rows if own else ()):
        print(line)
