"""`gotong ledger backup to=FOLDER`: a node's ledger and signed heads, without what the vault remembers of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment.node import own_ledger
from federation.verbs.ledgers import no_ledger


@dataclass
class Backup:
    """to: a new folder. home: of the node; it may go on serving."""

    to: str = MISSING
    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Write it."""
    compose("ledger backup", words, Backup, backup)


def backup(settings: Backup) -> None:
    """Raises DeploymentError where there is no ledger, or something in the folder."""
    home, to = Path(settings.home), Path(settings.to)
    if not own_ledger.is_home(home):
        raise no_ledger(home)
    print(f"{own_ledger.backup(home, to):,} rows and their signed heads in {to}; nothing of a run's memory")
