"""A country's own look at its vault's ledger: open it, verify it with all that vouches for it, go on after a loss."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from federation.deployment import certificates
from federation.deployment.enrolment import (
    VAULT_KEY,
    VaultKey,
    read_vault_key,
    read_vault_key_file,
    rotate_vault_key,
)
from federation.deployment.node.vault_ledger import HEADS, SCHEMA, Countersigned, countersigned
from federation.deployment.secret_files import private_folder, write_secret
from federation.errors import DeploymentError, LedgerError
from federation.vault import ledger
from federation.vault.database import open_database, transaction
from federation.vault.ledger import Entry
from federation.vault.ledger_heads import HeadFile, check_contains, check_signature, read_heads, sign_again
from federation.vault.noised import budget
from federation.vault.sealed.store import forget_secrets
from federation.wire.signature import verify_statement

FILE = "vault.sqlite"
STATE = ("state", "models")  # tables of what a vault remembers of runs


def is_home(home: Path) -> bool:
    """Whether a vault's ledger is in this home."""
    return (home / "vault" / FILE).exists()


def open_own(home: Path) -> sqlite3.Connection:
    """The vault's file. Raises LedgerError."""
    database = open_database(home / "vault" / FILE)
    database.executescript(SCHEMA)
    return database


def verify(home: Path, authority: Path) -> Iterator[str]:
    """What holds, a line each: chain, heads, the coordinator's statement. Raises LedgerError or SignatureError."""
    database, vault = open_own(home), own_key(home)
    yield f"{ledger.verify(database):,} rows, each as it was written and in its place"
    if charges := budget.verify(database):
        yield f"{charges:,} charges of the privacy budget, each as it was written and as the ledger says"
    signed, key = read_heads(home / "vault" / HEADS), load_ssh_public_key(vault.vault_key.encode())
    assert isinstance(key, Ed25519PublicKey)
    known, own = countersigned(database, vault.country), ledger.head(database, vault.country)
    if not signed and (known is not None or own.rows):
        raise LedgerError(
            f"the ledger of {vault.country} has no signed heads: start the vault if 0.1.0 wrote it, else they are "
            f"gone; restore them from a backup"
        )
    for each in signed[-1:]:
        check_signature(each, vault.country, key)
        check_contains(database, vault.country, each.head, f"its own vault on {each.at[:10]}")
        if each.head != own:
            raise LedgerError(
                f"the ledger of {vault.country} has {own.rows:,} rows, and its vault signed {each.head.rows:,}: start "
                f"the vault, which signs what a crash left unsigned, and verify again"
            )
        yield f"{len(signed):,} signed heads; the vault signed the last, of {each.head.rows:,} rows, on {each.at[:19]}"
    if known is not None:
        yield _confirmed(database, vault, known, authority)


def accept(home: Path) -> str:
    """Go on with a ledger that lost rows, with a row that says so; returns what was lost. Raises LedgerError."""
    database, vault = open_own(home), own_key(home)
    key = read_vault_key(home / "vault" / VAULT_KEY)
    ledger.verify(database)
    heads, known = HeadFile(home / "vault" / HEADS, vault.country, key), countersigned(database, vault.country)
    before = [heads.last.head] if heads.last is not None else []
    before += [known.statement.heads[vault.country]] if known is not None else []
    now = ledger.head(database, vault.country)
    lost = [head for head in before if ledger.seal_at(database, vault.country, head.rows) != head.seal]
    if not lost:
        raise LedgerError(f"the ledger of {vault.country} lacks nothing that was signed; there is nothing to accept")
    most = max(head.rows for head in lost)
    contents = {"rows": now.rows, "signed": [[head.rows, head.seal] for head in lost]}
    entry = Entry(
        country=vault.country, run="", round=now.rows, kind="accepted a loss", digest="", bytes=0, contents=contents
    )
    with transaction(database):
        ledger.append(database, entry)
        database.execute("DELETE FROM countersigned WHERE country = ?", (vault.country,))
    heads.append(ledger.head(database, vault.country))
    return f"{vault.country} goes on from row {now.rows:,}; {most:,} rows were signed before"


def backup(home: Path, to: Path) -> int:
    """Copy the ledger and its signed heads, without what the vault remembers of runs; returns the number of rows.

    A vault restored from it serves new runs, and refuses to go on with those of before. Raises DeploymentError.
    """
    if to.exists() and any(to.iterdir()):
        raise DeploymentError(f"{to} is not empty; give a new folder for every backup")
    private_folder(to)
    copy = open_database(to / FILE)
    with closing(copy):
        open_own(home).backup(copy)
        for table in STATE:
            copy.execute(f"DELETE FROM {table}")
        forget_secrets(copy)
        copy.execute("VACUUM")  # what was deleted is gone from the file, too
        rows = ledger.verify(copy)
    heads = home / "vault" / HEADS
    if heads.exists():
        write_secret(to / HEADS, heads.read_bytes())
    return rows


def rotate(home: Path, country: str, passphrase: bytes | None = None) -> Path:
    """A new key of the vault, which signs the ledger's head again; returns the file of its public half.

    The vault must stand still. Raises DeploymentError or LedgerError.
    """
    old = read_vault_key(home / "vault" / VAULT_KEY)
    sent = rotate_vault_key(home / "vault", country, passphrase)
    key = read_vault_key(home / "vault" / VAULT_KEY)
    if (home / "vault" / HEADS).exists():
        sign_again(home / "vault" / HEADS, country, old.public_key(), key)
    return sent


def _confirmed(database: sqlite3.Connection, vault: VaultKey, known: Countersigned, authority: Path) -> str:
    certificate = certificates.certificate_in(known.statement)
    at = known.statement.at
    key = certificates.request_key(certificate, certificates.certificate_of(authority), now=certificates.moment(at))
    verify_statement(known.raw, known.signature, key)
    head = known.statement.heads[vault.country]
    check_contains(database, vault.country, head, f"the coordinator on {at[:10]}")
    others = len(known.statement.heads) - 1
    more = f"{others:,} other ledger{'' if others == 1 else 's'}"
    return f"the coordinator signed on {at[:19]} that it saw {head.rows:,} of these rows, and {more}"


def own_key(home: Path) -> VaultKey:
    """The public half of the vault's key, and whose it is. Raises DeploymentError."""
    [*files] = sorted((home / "vault").glob("*.vault.json"))
    if len(files) != 1:
        raise DeploymentError(f"{home / 'vault'} has no file of the vault's key; make one with `gotong keys node`")
    return read_vault_key_file(files[0])
