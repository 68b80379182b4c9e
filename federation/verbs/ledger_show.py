"""`gotong ledger show`: what left a vault, or what a coordinator requested and received, one line a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.coordinator.ledger import flagged
from federation.vault import ledger_pages
from federation.verbs.ledgers import ledger_in


@dataclass
class Show:
    """home: of a node or a coordinator. run: one run's rows. since: a day, UTC."""

    home: str = "node"
    run: str | None = None
    since: str | None = None


def run(words: Sequence[str]) -> None:
    """Print it."""
    compose("ledger show", words, Show, show)


def show(settings: Show) -> None:
    """Raises DeploymentError where there is no ledger, ConfigError for a day that is none."""
    home = Path(settings.home)
    for line in ledger_pages.lines(ledger_pages.rows(ledger_in(home), settings.run, settings.since)):
        print(line)
    for reason in flagged(home):
        print(f"flagged: {reason}")
