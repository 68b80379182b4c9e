"""The rows of the budget: nobody changes them unseen, and no clock opens a year."""

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from federation.errors import LedgerError, PolicyRefusal
from federation.policy.keys import Policy
from federation.policy.templates import policy
from federation.privacy.accountant import Charge, epsilon, total
from federation.privacy.gaussian import mu_of
from federation.vault import ledger
from federation.vault.database import open_database
from federation.vault.ledger import Entry
from federation.vault.noised import budget

DELTA = 1e-5
ONE = Charge(kind="gaussian", amount=mu_of(1.0, DELTA) ** 2)


class Clock(datetime):
    """A clock that a test sets."""

    shift = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.shift


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    return open_database(tmp_path / "vault.sqlite")


def limited(**keys: float) -> Policy:
    return replace(policy("guarded", "VNM", Path("policy.toml")), **keys)  # type: ignore[arg-type]


def spend(database: sqlite3.Connection, allowed: Policy, *runs: str) -> None:
    for run in runs:
        budget.enter(database, allowed, run, 1, ONE)


def test_the_last_run_that_fits_is_served_and_the_next_is_not(database: sqlite3.Connection) -> None:
    allowed = limited(epsilon=epsilon(total([ONE] * 3), DELTA))
    spend(database, allowed, "a", "b", "c")
    with pytest.raises(
        PolicyRefusal, match=r"VNM has no privacy budget for epsilon 1\.00 .* is spent, 0\.\d\d is left"
    ):
        spend(database, allowed, "d")
    assert len(budget.spendings(database, "VNM")) == 3


def test_what_is_left_can_be_spent_and_hardly_more(database: sqlite3.Connection) -> None:
    allowed = limited(epsilon=4.0)
    spend(database, allowed, "a", "b")
    [limit] = budget.limits(database, allowed)
    rest = budget.left(budget.spendings(database, "VNM"), limit, DELTA)
    assert 3.0 < rest < 4.0  # more than four less two
    for more, served in ((rest, True), (rest + 0.01, False)):
        charge = Charge(kind="gaussian", amount=mu_of(more, DELTA) ** 2)
        assert (budget.objections(database, allowed, [charge]) == []) is served


def test_no_budget_serves_no_run(database: sqlite3.Connection) -> None:
    with pytest.raises(PolicyRefusal, match=r"0\.00 of 0 is spent, 0\.00 is left"):
        spend(database, limited(epsilon=0.0), "a")


def test_countries_do_not_pay_for_one_another(database: sqlite3.Connection) -> None:
    spend(database, limited(epsilon=1.1), "a")
    spend(database, replace(limited(epsilon=1.1), country="THA"), "a")


def test_a_year_ends_in_real_time_and_not_by_a_clock_that_was_set(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "datetime", Clock)
    yearly = limited(epsilon=100.0, epsilon_per_year=1.1)
    spend(database, yearly, "a")
    for days in (400, -400, 3650):
        monkeypatch.setattr(Clock, "shift", timedelta(days=days))
        with pytest.raises(PolicyRefusal, match=r"of 1\.1 a year is spent.*epsilon_per_year"):
            spend(database, yearly, "b")
    for quarter in range(1, 5):  # a node that goes on releasing a little: its own year passes as the clock does
        monkeypatch.setattr(Clock, "shift", timedelta(days=92 * quarter))
        budget.enter(database, limited(epsilon=100.0), f"q{quarter}", 1, Charge(kind="gaussian", amount=1e-4))
    spend(database, yearly, "b")


def test_a_round_is_charged_once(database: sqlite3.Connection) -> None:
    spend(database, limited(), "a")
    with pytest.raises(LedgerError, match="already charged round 1 of run a"):
        spend(database, limited(), "a")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM charges",
        "UPDATE charges SET amount = 0",
        "REPLACE INTO charges SELECT number, country, run, round, kind, 0, clock, time, seal FROM charges",
    ],
)
def test_charges_are_append_only(database: sqlite3.Connection, statement: str) -> None:
    spend(database, limited(), "a", "b")
    with pytest.raises(sqlite3.DatabaseError, match="append-only"):
        database.execute(statement)


@pytest.mark.parametrize("number", [1, 2])
def test_charges_that_were_changed_or_cut_off_are_seen(database: sqlite3.Connection, number: int) -> None:
    for run in ("a", "b"):
        seal = budget.enter(database, limited(), run, 1, ONE)
        contents = {"charges": [seal]}
        ledger.enter(
            database, Entry(country="VNM", run=run, round=1, kind="update", digest=run, bytes=1, contents=contents)
        )
    assert budget.verify(database) == 2
    database.execute("DROP TRIGGER charges_hold")
    database.execute("DELETE FROM charges WHERE number = ?", (number,))
    with pytest.raises(LedgerError, match="charge"):
        budget.verify(database)
