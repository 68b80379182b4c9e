"""`gotong ledger accept`: go on after a ledger lost rows; at the coordinator for one country, at a node for its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.node import own_ledger
from federation.errors import ConfigError
from federation.verbs.ledgers import no_ledger


@dataclass
class Accept:
    """home: of a node or a coordinator. country: at a coordinator, whose loss."""

    home: str = "node"
    country: str | None = None


def run(words: Sequence[str]) -> None:
    """Enter it, and say so."""
    compose("ledger accept", words, Accept, accept)


def accept(settings: Accept) -> None:
    """Raises LedgerError where nothing was lost, ConfigError or DeploymentError for another home."""
    home = Path(settings.home)
    if own_ledger.is_home(home):
        print(f"{own_ledger.accept(home)}. Start the vault, and have the coordinator accept it too")
    elif coordinator_ledger.is_home(home):
        if settings.country is None:
            raise ConfigError("say whose ledger lost rows: country=VNM")
        before = coordinator_ledger.accept(home, settings.country)
        print(f"{settings.country} goes on; {before.rows:,} of its rows were seen here before. This is on the ledger")
    else:
        raise no_ledger(home)
