"""Which ledger lies in a home: a vault's or a coordinator's."""

import sqlite3
from pathlib import Path

from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.node import own_ledger
from federation.errors import DeploymentError


def ledger_in(home: Path) -> sqlite3.Connection:
    """The ledger of a node or a coordinator. Raises DeploymentError where there is none."""
    if own_ledger.is_home(home):
        return own_ledger.open_own(home)
    if coordinator_ledger.is_home(home):
        return coordinator_ledger.open_own(home)
    raise no_ledger(home)


def no_ledger(home: Path) -> DeploymentError:
    """For a home that has none."""
    return DeploymentError(f"{home} has no ledger; give the home= of a node or a coordinator that has served a run")
