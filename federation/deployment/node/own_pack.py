"""A country's section of a compliance pack, from its own vault's files, signed with its vault's key."""

import sqlite3
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federation.deployment import certificates
from federation.deployment.enrolment import VAULT_KEY, read_vault_key
from federation.deployment.node import own_ledger
from federation.deployment.node.vault_ledger import countersigned
from federation.pack import member
from federation.pack.schema import Countersigned, Signed
from federation.pack.sections import sign
from federation.pack.software import software
from federation.policy.file import policy_at
from federation.vault.identity import fingerprint
from federation.vault.noised import budget


def signed_section(home: Path, policy_file: str, run: str, authority: Path) -> Signed:
    """Of one run. Raises LedgerError for a ledger that is not whole: nobody signs for it.

    Raises ConfigError for a run of which nothing left, PolicyRefusal for a policy that cannot be read.
    """
    for _ in own_ledger.verify(home, authority):
        pass
    country = own_ledger.own_key(home).country
    database = own_ledger.open_own(home)
    budget.verify(database)
    section = member.section(database, policy_at(policy_file, country), run, _seen(database, country), software())
    return sign(section, read_vault_key(home / "vault" / VAULT_KEY))


def _seen(database: sqlite3.Connection, country: str) -> Countersigned | None:
    """What the coordinator signed last."""
    known = countersigned(database, country)
    if known is None:
        return None
    certificate = x509.load_der_x509_certificate(certificates.certificate_in(known.statement))
    key = certificate.public_key()
    assert isinstance(key, Ed25519PublicKey), "the vault took requests of no other"
    return Countersigned(
        key=fingerprint(key.public_bytes_raw()), at=known.statement.at, heads=dict(known.statement.heads)
    )
