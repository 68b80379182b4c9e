"""The list of revoked keys: an X.509 list that the coordinator's authority signs; coordinator and nodes check it.

A list names serial numbers. Here a key's number is the first 19 bytes of the SHA-256 of its public half, in
certificates too, so one list covers the coordinator's keys, which have certificates, and the nodes', which have none.
Lists are numbered: an older one never takes the place of a newer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federation.errors import DeploymentError, SignatureError
from tasks.files.atomic import write_atomically

FILE = "revoked.crl"
LONGEST = 2**16  # bytes of a list: it travels in every request
PublicKey = ec.EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True, kw_only=True)
class RevokedKeys:
    """A list that the authority signed. numbers: of the keys on it. raw: DER."""

    number: int
    numbers: frozenset[int]
    raw: bytes


def number_of(key: PublicKey) -> int:
    """A key's number, in its certificate and in the list."""
    raw = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return int.from_bytes(sha256(raw).digest()[:19], "big") | 1  # positive, and never 0


def number_of_text(openssh: str) -> int:
    """The number of a key in OpenSSH's text."""
    key = serialization.load_ssh_public_key(openssh.encode())
    assert isinstance(key, PublicKey)
    return number_of(key)


def sign_list(path: Path, numbers: Iterable[int], authority: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """Replace the list by one with these keys too. Raises DeploymentError if it grows too long to travel."""
    before = read_list(path, authority)
    now, every = datetime.now(UTC), sorted({*(before.numbers if before else ()), *numbers})
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(authority.not_valid_after_utc)  # there is a newer one when a key is revoked, not after some days
        .add_extension(x509.CRLNumber(1 if before is None else before.number + 1), critical=False)
    )
    for number in every:
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    signed = builder.sign(key, hashes.SHA384())
    if len(signed.public_bytes(serialization.Encoding.DER)) > LONGEST:
        raise DeploymentError(f"{path} has {len(every):,} keys, too many to travel; begin with a new authority")
    write_atomically(path, signed.public_bytes(serialization.Encoding.PEM))


def read_list(path: Path, authority: x509.Certificate) -> RevokedKeys | None:
    """The list in a file, None without one. Raises SignatureError for a list that the authority did not sign."""
    if not path.exists():
        return None
    try:
        return _checked(x509.load_pem_x509_crl(path.read_bytes()), authority)
    except ValueError:
        raise SignatureError(f"{path} is no list of revoked keys; copy it from the coordinator again") from None


def list_in(raw: bytes, authority: x509.Certificate) -> RevokedKeys:
    """A list that came with a request (DER). Raises SignatureError."""
    try:
        return _checked(x509.load_der_x509_crl(raw), authority)
    except ValueError:
        raise SignatureError("a request comes with a list of revoked keys that is none") from None


def _checked(revoked: x509.CertificateRevocationList, authority: x509.Certificate) -> RevokedKeys:
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    if revoked.issuer != authority.subject or not revoked.is_signature_valid(key):
        raise SignatureError("a list of revoked keys is not signed by the authority in ca.pem")
    number = revoked.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    raw = revoked.public_bytes(serialization.Encoding.DER)
    return RevokedKeys(number=number, numbers=frozenset(each.serial_number for each in revoked), raw=raw)
