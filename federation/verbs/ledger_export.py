"""`gotong ledger export to=FILE`: a ledger for an auditor, as CSV or JSON, without a path of this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.vault import ledger_pages
from federation.verbs.ledgers import ledger_in
from federation.verbs.word_checks import file_to_write
from tasks.files.atomic import write_atomically

FORMS = {".csv": ledger_pages.as_csv, ".json": ledger_pages.as_json}


@dataclass
class Export:
    """to: a file that ends in .csv or .json. The rest as of `ledger show`."""

    to: str = MISSING
    home: str = "node"
    run: str | None = None
    since: str | None = None


def run(words: Sequence[str]) -> None:
    """Write it."""
    compose("ledger export", words, Export, export)


def export(settings: Export) -> None:
    """Raises ConfigError for another ending, DeploymentError where there is no ledger."""
    to = file_to_write("to", settings.to)
    if to.suffix not in FORMS:
        raise ConfigError(f"to={to} must end in {' or '.join(FORMS)}")
    listed = ledger_pages.rows(ledger_in(Path(settings.home)), settings.run, settings.since)
    write_atomically(to, FORMS[to.suffix](listed).encode())
    print(f"{len(listed):,} rows in {to}")
