"""`gotong ledger verify`: whether a ledger is whole, by its chain, its signed heads and what others signed of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.node import own_ledger
from federation.verbs.ledgers import no_ledger


@dataclass
class Verify:
    """home: of a node or a coordinator. ca: the coordinator's certificate; none: ca.pem in home."""

    home: str = "node"
    ca: str | None = None


def run(words: Sequence[str]) -> None:
    """Print what holds; exit code 1 where something does not."""
    compose("ledger verify", words, Verify, verify)


def verify(settings: Verify) -> None:
    """Raises LedgerError or SignatureError for what was changed, DeploymentError where there is no ledger."""
    home = Path(settings.home)
    authority = home / "ca.pem" if settings.ca is None else Path(settings.ca)
    if own_ledger.is_home(home):
        lines = own_ledger.verify(home, authority)
    elif coordinator_ledger.is_home(home):
        lines = coordinator_ledger.verify(home)
    else:
        raise no_ledger(home)
    for line in lines:
        print(line)
