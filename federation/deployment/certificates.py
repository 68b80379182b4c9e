"""The coordinator's certificate authority and the server certificate it signs.

Nodes trust this authority and no other: a certificate of a public authority is refused.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from federation.deployment.secret_files import read_secret, write_secret
from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically

AUTHORITY_YEARS = 10
SERVER_DAYS = 397  # the longest that common TLS stacks accept: https://support.apple.com/102028
WARN_DAYS = 30
LOCAL = ("localhost", "127.0.0.1")  # the coordinator's own processes speak TLS to each other


def create(folder: Path, names: list[str], days: int = SERVER_DAYS) -> None:
    """A new authority and its first server certificate. Raises DeploymentError if there is one already."""
    if (folder / "ca.key").exists():
        raise DeploymentError(
            f"{folder} has a certificate authority; every node trusts it, so it is not replaced. "
            f"`gotong keys rotate` makes a new server certificate under it"
        )
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Gotong coordinator authority")])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # signs certificates and lists
    certificate = (
        _builder(name, name, key.public_key(), now, timedelta(days=365 * AUTHORITY_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )
    write_secret(folder / "ca.key", _private(key))
    write_atomically(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
    issue(folder, names, days)


def issue(folder: Path, names: list[str], days: int = SERVER_DAYS) -> None:
    """A server certificate with a fresh key for these DNS names and IP addresses. Raises DeploymentError."""
    authority = certificate_of(folder / "ca.pem")
    signer = serialization.load_pem_private_key(read_secret(folder / "ca.key", "the authority's key"), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
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
    write_secret(folder / "server.key", _private(key))
    write_atomically(folder / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))


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


def expiry_note(path: Path, now: datetime | None = None) -> str | None:
    """A line about a certificate that expires within a month or has expired; else None."""
    left = certificate_of(path).not_valid_after_utc - (now or datetime.now(UTC))
    if left < timedelta(0):
        return f"{path.name} expired {-left.days} days ago; nodes refuse it. Run `gotong keys rotate`, then restart"
    if left < timedelta(days=WARN_DAYS):
        return f"{path.name} expires in {left.days} days; run `gotong keys rotate`, then restart the coordinator"
    return None


def fingerprint(path: Path) -> str:
    """SHA-256 of a certificate, which two people compare by telephone."""
    digest = sha256(certificate_of(path).public_bytes(serialization.Encoding.DER)).hexdigest()
    return ":".join(digest[i : i + 4] for i in range(0, 64, 4))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of nodes differ a little
        .not_valid_after(now + life)
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        if not name or not all(part and all(c.isalnum() or c == "-" for c in part) for part in name.split(".")):
            raise DeploymentError(f"{name!r} is no host name and no IP address; give names=[host.example]") from None
        return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
