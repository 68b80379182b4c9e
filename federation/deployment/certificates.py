"""The coordinator's certificate authority, and the two certificates it signs: of its server and of its requests.

Nodes trust this authority and no other: a certificate of a public authority is refused. The key that signs requests is
not the server's: a vault takes no request signed by a key that was certified for something else.
"""

from base64 import b64decode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from federation.deployment.private_keys import read_ecdsa_key, read_signing_key, write_key
from federation.deployment.revocation import FILE, number_of, sign_list
from federation.errors import DeploymentError, SignatureError
from federation.wire.signature import Statement
from tasks.files.atomic import write_atomically

AUTHORITY_YEARS = 10
SERVER_DAYS = 397  # the longest that common TLS stacks accept: https://support.apple.com/102028
WARN_DAYS = 30
NEW = "make one with `gotong keys coordinator`, or restore it from a backup"
CLOCK = timedelta(hours=1)  # by which the clocks of two machines may differ
# The extended key usage of a key that signs requests: a UUID of its own as ITU-T X.667 makes an identifier of it.
SIGNS_REQUESTS = ObjectIdentifier("2.25.147690550221592158144536088247954988049")
SIGNER = "signer"  # .key and .pem
LOCAL = ("localhost", "127.0.0.1")  # the coordinator's own processes speak TLS to each other


def create(folder: Path, names: list[str], days: int = SERVER_DAYS, passphrase: bytes | None = None) -> None:
    """A new authority and its first two certificates. Raises DeploymentError if there is one already.

    passphrase: of the authority's key and of the one that signs requests. The server's key has none: Flower reads it.
    """
    if (folder / "ca.key").exists():
        raise DeploymentError(
            f"{folder} has a certificate authority; every node trusts it, so it is not replaced. "
            f"`gotong keys rotate` makes a new server certificate under it"
        )
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Gotong coordinator authority")])
    now = datetime.now(UTC)
    usage = _usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        _builder(name, name, key.public_key(), now, timedelta(days=365 * AUTHORITY_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )
    write_key(folder / "ca.key", key, passphrase)
    write_atomically(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
    issue(folder, names, days)
    issue_signer(folder, days, passphrase)


def issue(folder: Path, names: list[str], days: int = SERVER_DAYS) -> None:
    """A server certificate with a fresh key for these DNS names and IP addresses. Raises DeploymentError."""
    authority, signer = certificate_of(folder / "ca.pem"), _authority_key(folder)
    key = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64] if names else LOCAL[0])])
    alternatives = [_alternative(name) for name in dict.fromkeys([*names, *LOCAL])]
    certificate = (
        _builder(subject, authority.subject, key.public_key(), datetime.now(UTC), timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA384())
    )
    write_key(folder / "server.key", key)
    write_atomically(folder / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))


def issue_signer(folder: Path, days: int = SERVER_DAYS, passphrase: bytes | None = None) -> None:
    """A fresh Ed25519 key that signs requests, with its certificate. Raises DeploymentError."""
    authority, issuer = certificate_of(folder / "ca.pem"), _authority_key(folder)
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Gotong coordinator requests")])
    certificate = (
        _builder(subject, authority.subject, key.public_key(), datetime.now(UTC), timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([SIGNS_REQUESTS]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        .sign(issuer, hashes.SHA384())
    )
    write_key(folder / f"{SIGNER}.key", key, passphrase)
    write_atomically(folder / f"{SIGNER}.pem", certificate.public_bytes(serialization.Encoding.PEM))


def signer_of(folder: Path) -> tuple[Ed25519PrivateKey, x509.Certificate]:
    """The key that signs requests, and its certificate. Raises DeploymentError."""
    remedy = "it is made by `gotong keys rotate` (a home of an earlier version has none)"
    key = read_signing_key(folder / f"{SIGNER}.key", "the key that signs requests", remedy)
    return key, certificate_of(folder / f"{SIGNER}.pem")


def signer_key_of(folder: Path) -> Ed25519PublicKey | None:
    """The public half of the key that signs requests; None in a home of an earlier version. Raises DeploymentError."""
    if not (folder / f"{SIGNER}.pem").exists():
        return None
    key = certificate_of(folder / f"{SIGNER}.pem").public_key()
    assert isinstance(key, Ed25519PublicKey)
    return key


def revoke(folder: Path, numbers: Iterable[int]) -> None:
    """Sign a list of revoked keys with these too. Raises DeploymentError where the authority's key is not here."""
    sign_list(folder / FILE, numbers, certificate_of(folder / "ca.pem"), _authority_key(folder))


def own_numbers(folder: Path) -> list[int]:
    """The numbers of the server's key and of the one that signs requests, as far as there are such."""
    paths = [path for name in ("server", SIGNER) if (path := folder / f"{name}.pem").exists()]
    return [certificate_of(path).serial_number for path in paths]


def request_key(certificate: bytes, authority: x509.Certificate, now: datetime | None = None) -> Ed25519PublicKey:
    """The key that signs requests, by its certificate (DER). now: this machine's clock, in UTC.

    Raises SignatureError if the authority did not issue it, if it is for something else, or not valid now.
    """
    try:
        signer = x509.load_der_x509_certificate(certificate)
        signer.verify_directly_issued_by(authority)
        uses = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        key = signer.public_key()
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        raise SignatureError("a request is signed by a stranger: no authority in ca.pem certified its key") from None
    if list(uses) != [SIGNS_REQUESTS] or not isinstance(key, Ed25519PublicKey):
        raise SignatureError("a request is signed by a key that was certified for something else")
    now = now or datetime.now(UTC)
    first, last = signer.not_valid_before_utc, signer.not_valid_after_utc
    if not first - CLOCK <= now <= last + CLOCK:
        raise SignatureError(
            f"the certificate of the coordinator's requests is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d} and the "
            f"clock here says {now:%Y-%m-%d}; set the clock, or the coordinator runs `gotong keys rotate`"
        )
    return key


def certificate_in(statement: Statement) -> bytes:
    """The certificate (DER) that came with a request. Raises SignatureError."""
    try:
        return b64decode(statement.certificate, validate=True)
    except ValueError:
        raise SignatureError("a request comes without the certificate of its signer") from None


def moment(at: str) -> datetime:
    """The time in a statement. Raises SignatureError."""
    try:
        return datetime.fromisoformat(at).astimezone(UTC)
    except ValueError:
        raise SignatureError(f"{at!r} is no time") from None


def certificate_of(path: Path) -> x509.Certificate:
    """A certificate file. Raises DeploymentError if it is missing or is no certificate."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{path} is no certificate ({error}); run `gotong keys coordinator` first") from None


def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names and addresses a server certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def expiry_notes(home: Path) -> list[str]:
    """Lines about the two certificates of a coordinator."""
    paths = [path for name in ("server", SIGNER) if (path := home / f"{name}.pem").exists()]
    return [note for path in paths if (note := expiry_note(path)) is not None]


def expiry_note(path: Path, now: datetime | None = None) -> str | None:
    """A line about a certificate that expires within a month, has expired, or is not valid yet; else None."""
    certificate, now = certificate_of(path), now or datetime.now(UTC)
    left = certificate.not_valid_after_utc - now
    if now < certificate.not_valid_before_utc:
        first = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
        return (
            f"{path.name} is not valid before {first} UTC, and the clock here says {now:%Y-%m-%d %H:%M}; set the clock"
        )
    if left < timedelta(0):
        return f"{path.name} expired {-left.days} days ago; nodes refuse it. Run `gotong keys rotate`, then restart"
    if left < timedelta(days=WARN_DAYS):
        return f"{path.name} expires in {left.days} days; run `gotong keys rotate`, then restart the coordinator"
    return None


def fingerprint(path: Path) -> str:
    """SHA-256 of a certificate, which two people compare by telephone."""
    digest = sha256(certificate_of(path).public_bytes(serialization.Encoding.DER)).hexdigest()
    return ":".join(digest[i : i + 4] for i in range(0, 64, 4))


def _authority_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    return read_ecdsa_key(folder / "ca.key", "the authority's key", NEW)


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = [
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ]
    return x509.KeyUsage(**{**dict.fromkeys(names, False), **allowed})


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | Ed25519PublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(number_of(key))
        .not_valid_before(now - CLOCK)
        .not_valid_after(now + life)
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        if not name or not all(part and all(c.isalnum() or c == "-" for c in part) for part in name.split(".")):
            raise DeploymentError(f"{name!r} is no host name and no IP address; give names=[host.example]") from None
        return x509.DNSName(name)
