"""Energy that a country's work in a run took, as its vault estimates it, and the bound of its policy.

Counted is all that an admitted request came to, whatever came of it, where the policy has a bound. The count stays with
the run on the vault's disk: a restart and a resumed run go on from it. Training in which the vault died was measured by
nobody, and counts a tenth of the bound. A run of another name begins at 0; of those `runs_per_day` and `runs_per_month`
allow so many. How much it was is said in the node's log alone.
"""

import logging
import sqlite3

from federation.errors import PolicyRefusal
from federation.policy.keys import Policy
from federation.vault.database import transaction
from federation.vault.sealed.store import SealStore

NAME, BEGUN = "energy", "energy begun"
BROKEN = 0.1  # of the bound: training that was broken off

log = logging.getLogger(__name__)


def used(database: sqlite3.Connection, country: str, run: str) -> float:
    """Wh so far."""
    return float(SealStore(database=database, country=country, run=run).get(0, NAME) or b"0")


def count(database: sqlite3.Connection, policy: Policy, run: str, wh: float) -> None:
    """Add to it, if there is a bound. Raises LedgerError if it cannot be kept."""
    if policy.maximum_energy:
        store = SealStore(database=database, country=policy.country, run=run)
        with transaction(database):
            store.put(0, NAME, repr(used(database, policy.country, run) + wh).encode())
            store.forget(0, BEGUN)


def begin(database: sqlite3.Connection, policy: Policy, run: str) -> None:
    """Before training, which `count` ends. Raises LedgerError if it cannot be kept."""
    if policy.maximum_energy:
        with transaction(database):
            SealStore(database=database, country=policy.country, run=run).put(0, BEGUN, b"1")


def check(database: sqlite3.Connection, policy: Policy, run: str) -> None:
    """Raise PolicyRefusal for a run that has come to the bound. The numbers are in the log, for they do not leave."""
    if not policy.maximum_energy:
        return
    if SealStore(database=database, country=policy.country, run=run).get(0, BEGUN) is not None:
        log.warning("%s: training in run %r was broken off; it counts a tenth of the bound", policy.country, run)
        count(database, policy, run, BROKEN * policy.maximum_energy)
    wh = used(database, policy.country, run)
    if wh < policy.maximum_energy:
        return
    log.warning(
        "%s: run %r took %.3g Wh here, and `maximum_energy` is %.3g", policy.country, run, wh, policy.maximum_energy
    )
    raise PolicyRefusal(
        f"{policy.country} trains no more in run {run}: the energy that its policy allows a run is used. To go on, "
        f"edit `maximum_energy` in {policy.path} on that country's node"
    )
