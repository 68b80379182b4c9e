"""A country's section: what its vault's own ledger, budget and policy say of one run."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from federation.errors import ConfigError
from federation.pack.schema import MEMBER, Budget, Countersigned, Form, MemberSection, Release, Software
from federation.policy.keys import Policy, values_of
from federation.policy.law import law_of
from federation.vault import ledger, ledger_pages, state
from federation.vault.identity import fingerprint
from federation.vault.ledger_pages import Row
from federation.vault.noised import budget
from federation.vault.sealed import setup as sealed_setup
from federation.vault.sealed.store import MADE, SealStore
from tasks.places.facilities import country_of


def section(
    database: sqlite3.Connection, policy: Policy, run: str, seen: Countersigned | None, software: Software
) -> MemberSection:
    """Of one run of the policy's country, of which the ledger is whole. Raises ConfigError for a run without a row."""
    country = policy.country
    rows = [row for row in ledger_pages.rows(database, run) if row.entry.country == country]
    if not rows:
        raise ConfigError(f"run={run}: nothing of it ever left {country}; `gotong ledger show` lists its runs")
    forms, released = _released(database, rows)
    store = SealStore(database=database, country=country, run=run)
    terms = sealed_setup.agreed(store)
    return MemberSection(
        format=MEMBER,
        run=run,
        country=country,
        at=now(),
        plan=state.plan_of(database, country, run) or ("" if terms is None else terms.plan),
        model=(store.get(0, MADE) or b"").decode(),
        members={} if terms is None else {member: fingerprint(key) for member, key in terms.members.items()},
        policy=values_of(policy),
        law=law_of(country_of(country)),
        forms=forms,
        released=released,
        budget=_budget(database, policy, run),
        head=ledger.head(database, country),
        coordinator=seen,
        software=software,
    )


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _released(database: sqlite3.Connection, rows: list[Row]) -> tuple[list[Form], list[Release]]:
    """What left, row by row: names and shapes, never how many examples or which rows were suppressed."""
    numbers: dict[str, int] = {}
    forms: list[Form] = []
    released = []
    places = _places(database, rows[0].entry.country)
    for row in rows:
        form = _form(row.entry.kind, row.entry.contents)
        key = json.dumps(asdict(form), sort_keys=True)
        if key not in numbers:
            numbers[key] = len(forms)
            forms.append(form)
        entry, (place, seal) = row.entry, places[row.number]
        released.append(
            Release(
                round=entry.round,
                form=numbers[key],
                bytes=entry.bytes,
                digest=entry.digest,
                at=row.at[:19],
                rows=place,
                seal=seal,
            )
        )
    return forms, released


def _form(kind: str, contents: Mapping[str, Any]) -> Form:
    arrays, scores = contents.get("arrays", {}), contents.get("scores", [])
    return Form(kind=kind, arrays={name: list(shape) for name, shape in arrays.items()}, scores=sorted(scores))


def _places(database: sqlite3.Connection, country: str) -> dict[int, tuple[int, str]]:
    """Number of a row -> how many rows the country's ledger has with it, and its seal."""
    rows = database.execute("SELECT number, seal FROM ledger WHERE country = ? ORDER BY number", (country,))
    return {number: (place, seal) for place, (number, seal) in enumerate(rows, start=1)}


def _budget(database: sqlite3.Connection, policy: Policy, run: str) -> Budget:
    known = budget.spendings(database, policy.country)
    lifetime = next(limit for limit in budget.limits(database, policy) if limit.since is None)
    return Budget(
        delta=policy.delta,
        run=budget.spent(known, policy.delta, run=run),
        lifetime=budget.spent(known, policy.delta),
        limit=policy.epsilon,
        left=budget.left(known, lifetime, policy.delta) if known else policy.epsilon,  # the search takes seconds
    )
