"""A sealed run on the toy task with the pack of its three countries and its coordinator, and liars who rewrite it."""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.pack import coordinator, member
from federation.pack.canonical import canonical, digest
from federation.pack.coordinator import Known
from federation.pack.findings import Finding
from federation.pack.schema import Countersigned, Pack, Signed, Software
from federation.pack.sections import DOMAIN, from_bytes, sign, to_bytes
from federation.pack.verify import verify
from federation.runs.report import write_results
from federation.runs.simulation import Simulation
from federation.vault import ledger, ledger_pages
from federation.vault.identity import fingerprint
from federation.vault.ledger import Entry
from federation.wire.signature import Head
from tests.federation.sealed.federation import prepared, ran

THREE = ("KHM", "THA", "VNM")
HERE = Software(version="0", code="c" * 64, sbom="s" * 64, components=["numpy 2.0"])
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """keys: of countries, and of the coordinator under its own name. folder: of the run."""

    pack: Pack
    keys: Mapping[str, Ed25519PrivateKey]
    roster: Mapping[str, str]
    known: Known
    simulation: Simulation

    @property
    def values(self) -> Values:
        """Of the JSON, to change."""
        values: Values = json.loads(to_bytes(self.pack))
        return values

    def signed(self, values: Values, *who: str) -> Values:
        """The values with sections signed anew by their owners; the coordinator's last, with digests of the others."""
        made = copy.deepcopy(values)
        for each in made["members"]:
            if each["section"]["country"] in who:
                self._sign(each, each["section"]["country"])
        if "coordinator" in who:
            sections = {each["section"]["country"]: digest(each) for each in made["members"]}
            made["coordinator"]["section"]["sections"] = sections
            self._sign(made["coordinator"], "coordinator")
        return made

    def _sign(self, envelope: Values, owner: str) -> None:
        key = self.keys[owner]
        envelope["key"] = key.public_key().public_bytes_raw().hex()
        envelope["signature"] = key.sign(DOMAIN + canonical(envelope["section"])).hex()

    def verified(self, values: Values, coordinator: str = "") -> list[Finding]:
        """What verification of these values finds."""
        return list(verify(from_bytes(canonical(values)), self.roster, coordinator))


def said(findings: Iterable[Finding]) -> str:
    """All of them, a line each."""
    return "\n".join(map(str, findings))


def own(values: Values) -> Values:
    """The coordinator's section in a pack's values."""
    section: Values = values["coordinator"]["section"]
    return section


def section_of(values: Values, country: str) -> Values:
    """A country's section in a pack's values."""
    section: Values = next(each["section"] for each in values["members"] if each["section"]["country"] == country)
    return section


def packed(folder: Path, seed: int = 1, run: str = "run") -> Packed:
    """The pack of a run with this seed, all of whose parts are honest."""
    simulation = prepared(folder, THREE, rounds=1, seed=seed, name=run)
    outcome = ran(simulation)
    write_results(simulation.run, outcome)
    vaults = {vault.country: vault for vault in simulation.vaults.values()}
    keys = {country: vault.identity.key for country, vault in vaults.items() if vault.identity is not None}
    keys["coordinator"] = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
    roster = {owner: fingerprint(key.public_key().public_bytes_raw()) for owner, key in keys.items()}
    database = vaults["VNM"].database
    heads = {country: ledger.head(database, country) for country in THREE}
    seen = Countersigned(key=roster.pop("coordinator"), at="2026-11-30T00:00:00.000+00:00", heads=heads)
    sections: dict[str, Signed] = {}
    for country, vault in vaults.items():
        own = member.section(database, vault.policy, run, seen, HERE)
        sections[country] = sign(own, keys[country])
    known = Known(
        key=keys["coordinator"],
        entries=_entries(simulation, run),
        keys=roster,
        heads=heads,
        head=Head(rows=9, seal="a"),
    )
    made = coordinator.pack(simulation.run.folder, known, sections, HERE)
    return Packed(pack=made, keys=keys, roster=roster, known=known, simulation=simulation)


def _entries(simulation: Simulation, run: str) -> list[Entry]:
    """What a coordinator's ledger has of the vaults' releases, and a request for each."""
    made = []
    rows: dict[str, int] = dict.fromkeys(THREE, 0)
    database = next(iter(simulation.vaults.values())).database
    seals = dict(database.execute("SELECT number, seal FROM ledger").fetchall())
    for row in ledger_pages.rows(database, run):
        entry, country = row.entry, row.entry.country
        rows[country] += 1
        contents = {"kind": entry.kind, "head": [rows[country], seals[row.number]], "statement": "s"}
        made.append(replace(entry, country="coordinator", kind=f"request to {country}", contents={}))
        made.append(replace(entry, country="coordinator", kind=f"reply of {country}", contents=contents))
    return made


Lie = Callable[[Values], None]
