"""Sections and packs as bytes: written, signed, and read again with nothing taken for granted."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.errors import ConfigError, PackError, one_line
from federation.pack.canonical import canonical, digest, parse, read_bounded
from federation.pack.schema import COORDINATOR, FORMAT, MEMBER, CoordinatorSection, MemberSection, Pack, Signed
from federation.settings.values import build
from federation.vault.identity import fingerprint

DOMAIN = b"gotong pack section 1\n"  # before what is signed: no other signature of a vault's key fits
LARGEST_SECTION, LARGEST_PACK = 8 * 2**20, 32 * 2**20  # bytes
T = TypeVar("T", MemberSection, CoordinatorSection, Signed, Pack)
FORMATS = {MemberSection: MEMBER, CoordinatorSection: COORDINATOR, Pack: FORMAT}


def sign(section: MemberSection | CoordinatorSection, key: Ed25519PrivateKey | None) -> Signed:
    """A section with its signature. key: none in a simulation, whose keys all lie on one machine."""
    values = asdict(section)
    if key is None:
        return Signed(section=values, key="", signature="")
    signature = key.sign(DOMAIN + canonical(values))
    return Signed(section=values, key=key.public_key().public_bytes_raw().hex(), signature=signature.hex())


def signed_by(signed: Signed) -> str | None:
    """The fingerprint of the key whose signature fits; None for no signature. Raises PackError for one that does not
    fit."""
    if not signed.key and not signed.signature:
        return None
    try:
        key, signature = bytes.fromhex(signed.key), bytes.fromhex(signed.signature)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, DOMAIN + canonical(signed.section))
    except (InvalidSignature, ValueError):
        raise PackError("its signature does not fit: it is not what was signed") from None
    return fingerprint(key)


def member_section(signed: Signed) -> MemberSection:
    """Raises PackError for anything else."""
    return _built(MemberSection, signed.section)


def coordinator_section(signed: Signed) -> CoordinatorSection:
    """Raises PackError for anything else."""
    return _built(CoordinatorSection, signed.section)


def read_section(path: Path) -> Signed:
    """A country's file. Raises PackError."""
    try:
        return _built(Signed, parse(read_bounded(path, LARGEST_SECTION)))
    except PackError as error:
        raise PackError(f"{path}: {error}; `gotong node pack` writes one") from None


def to_bytes(value: Signed | Pack) -> bytes:
    """As a file holds it."""
    return canonical(asdict(value))


def from_bytes(raw: bytes) -> Pack:
    """A pack. Raises PackError."""
    if len(raw) > LARGEST_PACK:
        raise PackError(f"it has {len(raw):,} bytes, and no pack has more than {LARGEST_PACK:,}")
    return _built(Pack, parse(raw))


def digest_of(value: Signed | Pack) -> str:
    """SHA-256 of the file."""
    return digest(asdict(value))


def _built(schema: type[T], values: Any) -> T:
    """Strictly: all fields, no other, of the declared types, and text that can be seen."""
    try:
        made = build(schema, values, "it")
    except (ConfigError, TypeError) as error:  # unknown or wrong, or missing
        said = "".join(letter for letter in one_line(error) if letter.isprintable())
        raise PackError(f"it is no {schema.__name__}: {said}") from None
    if schema in FORMATS and getattr(made, "format", None) != FORMATS[schema]:
        raise PackError(f"it is not a {FORMATS[schema]}; read it with the version of Gotong that wrote it")
    if not isinstance(made, Pack | Signed) and not _printable(values):
        raise PackError("it has text with letters that cannot be seen, or that turn others round")
    return made


def _printable(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_printable, value)) and all(map(_printable, value.values()))
    if isinstance(value, list):
        return all(map(_printable, value))
    return not isinstance(value, str) or value.isprintable()
