"""What a country has spent of its privacy budget: one row for every noised release, in the transaction of the release.

The budget is of the country and all its records, whatever task, run, purpose or file it was spent on. Rows are
append-only and chained like the ledger's, whose row of the release holds the seal of its charge.

A year is counted in the vault's own time: between two charges it advances as the clock does, never back, and by
LONGEST_PAUSE at most. So a clock that was set forward opens no new year, and one set back none either.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from federation.errors import LedgerError
from federation.policy.keys import Policy
from federation.policy.objections import Objection
from federation.privacy.accountant import Charge, epsilon, total
from federation.privacy.gaussian import mu_of

FIRST = "0" * 64
YEAR, LONGEST_PAUSE = timedelta(days=366), timedelta(days=92)
COLUMNS = "country, run, round, kind, amount, clock, time"
ROUNDING = 1e-6  # of epsilon, by which a budget may be passed: two accountants differ by more
HALVINGS = 12


@dataclass(frozen=True, kw_only=True)
class Spending:
    """One charge of a run. time: of the vault's own year."""

    run: str
    charge: Charge
    time: datetime


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A budget of a policy. since: charges before it do not count; None: all do."""

    key: str
    epsilon: float
    since: datetime | None

    @property
    def period(self) -> str:
        """In words, after a number."""
        return "" if self.since is None else " a year"


def spendings(connection: sqlite3.Connection, country: str) -> list[Spending]:
    """All charges of a country, oldest first."""
    rows = connection.execute(
        "SELECT run, kind, amount, time FROM charges WHERE country = ? ORDER BY number", (country,)
    )
    return [
        Spending(run=run, charge=Charge(kind=kind, amount=amount), time=datetime.fromisoformat(time))
        for run, kind, amount, time in rows
    ]


def spent(known: Sequence[Spending], delta: float, *, run: str | None = None, since: datetime | None = None) -> float:
    """The epsilon of charges together; run: of this one alone; since: not of older ones."""
    return epsilon(total(each.charge for each in _chosen(known, run, since)), delta)


def limits(connection: sqlite3.Connection, policy: Policy) -> list[Limit]:
    """The lifetime's, and the year's where the policy has one."""
    lifetime = Limit(key="epsilon", epsilon=policy.epsilon, since=None)
    if not policy.epsilon_per_year:
        return [lifetime]
    since = _own_time(connection, policy.country, datetime.now(UTC))[1] - YEAR
    return [lifetime, Limit(key="epsilon_per_year", epsilon=policy.epsilon_per_year, since=since)]


def left(known: Sequence[Spending], limit: Limit, delta: float) -> float:
    """The epsilon of one more release that the limit allows, rounded down; 0 if none.

    Not the limit less what is spent: together two releases cost less than the sum of their epsilons.
    """
    before = [each.charge for each in _chosen(known, None, limit.since)]
    fits, breaks = 0.0, limit.epsilon
    for _ in range(HALVINGS if limit.epsilon else 0):
        middle = (fits + breaks) / 2
        more = Charge(kind="gaussian", amount=mu_of(middle, delta) ** 2)
        fits, breaks = (middle, breaks) if epsilon(total([*before, more]), delta) <= limit.epsilon else (fits, middle)
    return fits


def objections(connection: sqlite3.Connection, policy: Policy, charges: Sequence[Charge]) -> list[Objection]:
    """To further charges that pass a budget of the policy, naming what is left of it."""
    known = spendings(connection, policy.country)
    found = []
    for limit in limits(connection, policy):
        before = [each.charge for each in _chosen(known, None, limit.since)]
        if epsilon(total([*before, *charges]), policy.delta) <= limit.epsilon + ROUNDING:
            continue
        wanted, used = (epsilon(total(each), policy.delta) for each in (charges, before))
        reason = (
            f"has no privacy budget for epsilon {wanted:.2f} (delta {policy.delta:g}): "
            f"{used:.2f} of {limit.epsilon:g}{limit.period} is spent, {left(known, limit, policy.delta):.2f} is left"
        )
        found.append(Objection(key=limit.key, reason=reason, remedy="smaller privacy.epsilon and score_epsilon"))
    return found


def enter(connection: sqlite3.Connection, policy: Policy, run: str, round_: int, charge: Charge) -> str:
    """Charge a release, inside its transaction; returns the seal of the row.

    Raises PolicyRefusal if the budget is spent, LedgerError if the round was charged before.
    """
    for objection in objections(connection, policy, [charge]):
        raise objection.refusal(policy)
    country = policy.country
    if connection.execute(
        "SELECT 1 FROM charges WHERE country = ? AND run = ? AND round = ?", (country, run, round_)
    ).fetchone():
        raise LedgerError(f"{country} already charged round {round_} of run {run}")
    clock, time = _own_time(connection, country, datetime.now(UTC))
    row = (country, run, round_, charge.kind, charge.amount, _text(clock), _text(time))
    seal = _seal(last_seal(connection, country), row)
    connection.execute(f"INSERT INTO charges ({COLUMNS}, seal) VALUES (?,?,?,?,?,?,?,?)", (*row, seal))
    return seal


def verify(connection: sqlite3.Connection) -> int:
    """Number of charges, all of them whole, in their place, and as the ledger says. Raises LedgerError."""
    seals: dict[str, str] = {}
    known: set[str] = set()
    for number, *row, seal in connection.execute(f"SELECT number, {COLUMNS}, seal FROM charges ORDER BY number"):
        if _seal(seals.get(row[0], FIRST), tuple(row)) != seal:
            raise LedgerError(f"charge {number} of {row[0]}, or one before it, is not as it was written")
        seals[row[0]] = seal
        known.add(seal)
    for country, run, round_, contents in connection.execute("SELECT country, run, round, contents FROM ledger"):
        if not known.issuperset(json.loads(contents).get("charges", [])):
            raise LedgerError(f"the privacy budget of {country} lacks the charge of run {run}, round {round_}")
    return len(known)


def seals(connection: sqlite3.Connection, country: str, run: str, round_: int) -> list[str]:
    """Of what a country was charged for a round: one, or none."""
    where = "country = ? AND run = ? AND round = ?"
    return [seal for (seal,) in connection.execute(f"SELECT seal FROM charges WHERE {where}", (country, run, round_))]


def last_seal(connection: sqlite3.Connection, country: str) -> str:
    """Of the newest charge of a country."""
    row = connection.execute(
        "SELECT seal FROM charges WHERE country = ? ORDER BY number DESC LIMIT 1", (country,)
    ).fetchone()
    return FIRST if row is None else str(row[0])


def _own_time(connection: sqlite3.Connection, country: str, now: datetime) -> tuple[datetime, datetime]:
    """The clock, and the vault's own time by it."""
    row = connection.execute(
        "SELECT clock, time FROM charges WHERE country = ? ORDER BY number DESC LIMIT 1", (country,)
    ).fetchone()
    if row is None:
        return now, now
    clock, time = map(datetime.fromisoformat, row)
    return now, time + min(max(now - clock, timedelta(0)), LONGEST_PAUSE)


def _chosen(known: Sequence[Spending], run: str | None, since: datetime | None) -> list[Spending]:
    return [each for each in known if (run is None or each.run == run) and (since is None or each.time >= since)]


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _seal(previous: str, row: tuple[object, ...]) -> str:
    return sha256(json.dumps([previous, *row], ensure_ascii=False).encode()).hexdigest()
