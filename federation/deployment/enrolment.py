"""Enrolment: a node makes its two keys where they stay; a small file with their public halves goes to the coordinator.

The courier's key opens the connection, the vault's signs replies. The vault's user makes its own (`VNM.vault.json` has
the public half), and the courier's user then makes the other and the enrolment file. Each public half is signed by its
private one, and the file names one country, so a changed or swapped file is refused. Two people check who sent it: both
sides print the same fingerprints.
"""

import base64
import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from federation.deployment.private_keys import read_ecdsa_key, read_signing_key, write_key
from federation.deployment.secret_files import private_folder
from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically
from tasks.places.countries import problem_with

COURIER_KEY, VAULT_KEY = "node.key", "vault.key"
LONGEST = 10_000  # bytes of an enrolment file
SIGNED, SIGNED_BY_VAULT, ROTATED = b"gotong enrolment 2\n", b"gotong vault key 1\n", b"gotong rotation 1\n"
AGAIN = "run `gotong keys node` again at the node, and enrol the file that it makes"


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """A country and the public keys (OpenSSH text) of its courier and its vault, as the coordinator keeps them.

    vault_key: empty in what an earlier version enrolled.
    """

    country: str
    public_key: str
    vault_key: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of both keys as OpenSSH prints them."""
        return " and ".join(fingerprint_of(key) for key in (self.public_key, self.vault_key) if key)

    def verifying_key(self) -> Ed25519PublicKey:
        """The key of its vault's replies. Raises DeploymentError if an earlier version enrolled it without one."""
        if not self.vault_key:
            raise DeploymentError(f"{self.country} is enrolled without a key of its vault (by 0.1.0); {AGAIN}")
        key = load_ssh_public_key(self.vault_key.encode())
        assert isinstance(key, Ed25519PublicKey)
        return key


@dataclass(frozen=True, kw_only=True)
class VaultKey:
    """The public half of a vault's key (OpenSSH text), signed by the private one (base64), and by the one before."""

    country: str
    vault_key: str
    vault_signature: str
    vault_rotation: str = ""
    vault_key_before: str = ""

    def succeeds(self) -> bool:
        """Whether the key before signed this one."""
        try:
            before = load_ssh_public_key(self.vault_key_before.encode())
            assert isinstance(before, Ed25519PublicKey)
            before.verify(
                base64.b64decode(self.vault_rotation), ROTATED + _signed_by_vault(self.country, self.vault_key)
            )
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, AssertionError):
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Signatures (base64) that the keys before made of the new ones; empty where a key is the first.

    A courier cannot vouch for the key of a vault: each part's new key is signed by its own old one.
    """

    courier: str
    vault: str

    def replaces(self, before: Enrolment, now: Enrolment) -> bool:
        """Whether the keys of `before` signed those of `now`, as far as they changed."""
        courier, vault = (load_ssh_public_key(key.encode()) for key in (before.public_key, before.vault_key))
        assert isinstance(courier, ec.EllipticCurvePublicKey)
        assert isinstance(vault, Ed25519PublicKey)
        try:
            if before.public_key != now.public_key:
                courier.verify(base64.b64decode(self.courier), ROTATED + _signed(now), ec.ECDSA(hashes.SHA384()))
            if before.vault_key != now.vault_key:
                vault.verify(base64.b64decode(self.vault), ROTATED + _signed_by_vault(now.country, now.vault_key))
        except (InvalidSignature, ValueError):
            return False
        return before.country == now.country


def create_keys(home: Path, country: str, passphrase: bytes | None = None) -> Enrolment:
    """Both keys of a node with one home. One that an earlier version made has a courier's key, which is kept.

    Raises DeploymentError if there are keys already.
    """
    vault_file = create_vault_key(home / "vault", country, passphrase)
    return create_courier_key(home / "courier", country, vault_file, passphrase)


def create_vault_key(folder: Path, country: str, passphrase: bytes | None = None) -> Path:
    """Make a vault's private key, which stays; returns the file with its public half. Raises DeploymentError."""
    _check_country(country)
    _check_new(private_folder(folder) / VAULT_KEY)
    key = Ed25519PrivateKey.generate()
    write_key(folder / VAULT_KEY, key, passphrase)
    public = _public(key.public_key())
    signature = _text(key.sign(_signed_by_vault(country, public)))
    path = folder / f"{country}.vault.json"
    _write(path, VaultKey(country=country, vault_key=public, vault_signature=signature))
    return path


def rotate_vault_key(folder: Path, country: str, passphrase: bytes | None = None) -> Path:
    """A new key of a vault in place of the old one, which signs it; returns the file with its public half.

    The old one is kept as vault.key.before. Raises DeploymentError.
    """
    path, fresh = folder / VAULT_KEY, folder / f"{VAULT_KEY}.new"
    old = read_vault_key(path)
    if not fresh.exists():  # else a rotation was broken off
        write_key(fresh, Ed25519PrivateKey.generate(), passphrase)
    key = read_vault_key(fresh)
    public = _public(key.public_key())
    vault = VaultKey(
        country=country,
        vault_key=public,
        vault_signature=_text(key.sign(_signed_by_vault(country, public))),
        vault_rotation=_text(old.sign(ROTATED + _signed_by_vault(country, public))),
        vault_key_before=_public(old.public_key()),
    )
    sent = folder / f"{country}.vault.json"
    _write(sent, vault)
    _replace(path, fresh)
    return sent


def rotate_courier_key(folder: Path, country: str, vault_file: Path, passphrase: bytes | None = None) -> Enrolment:
    """A new key of a courier in place of the old one, which signs the enrolment file. Raises DeploymentError."""
    vault, path, fresh = read_vault_key_file(vault_file), folder / COURIER_KEY, folder / f"{COURIER_KEY}.new"
    old = read_ecdsa_key(path, "the courier's key", AGAIN)
    if not fresh.exists():
        write_key(fresh, ec.generate_private_key(ec.SECP384R1()), passphrase, openssh=True)
    enrolment = _write_enrolment(folder, country, vault, read_ecdsa_key(fresh, "the courier's new key", AGAIN), old)
    _replace(path, fresh)
    return enrolment


def create_courier_key(folder: Path, country: str, vault_file: Path, passphrase: bytes | None = None) -> Enrolment:
    """Make a courier's private key, which stays, and the enrolment file next to it. Raises DeploymentError."""
    _check_country(country)
    vault = read_vault_key_file(vault_file)
    if vault.country != country:
        raise DeploymentError(f"{vault_file} is of {vault.country}, not of {country}; give the file of its own vault")
    private_folder(folder)
    sent = folder / f"{country}.enrolment.json"
    if (folder / COURIER_KEY).exists() and not _is_of_earlier_version(sent):
        _check_new(folder / COURIER_KEY)
    if not (folder / COURIER_KEY).exists():
        write_key(folder / COURIER_KEY, ec.generate_private_key(ec.SECP384R1()), passphrase, openssh=True)
    return _write_enrolment(folder, country, vault, read_ecdsa_key(folder / COURIER_KEY, "the courier's key", AGAIN))


def read_vault_key_file(path: Path) -> VaultKey:
    """The file that a vault's user handed to the courier's. Raises DeploymentError for a damaged or changed one."""
    values = _read(path, "the file of a vault's key")
    named = {name: _value(values, name, path) for name in ("country", "vault_key", "vault_signature")}
    signed = {name: str(values.get(name, "")) for name in ("vault_rotation", "vault_key_before")}
    vault = VaultKey(**named, **signed)
    _check_vault_signature(vault, path)
    return vault


def read_enrolment(path: Path) -> Enrolment:
    """An enrolment file that came from a node. Raises DeploymentError for a damaged or changed one."""
    return read_sent(path)[0]


def read_sent(path: Path) -> tuple[Enrolment, Rotation]:
    """The same, with the signatures that earlier keys made of these. Raises DeploymentError."""
    values = _read(path, "an enrolment file")
    if "vault_key" not in values and "public_key" in values:
        raise DeploymentError(f"{path} is of an earlier version and names no key of the vault; {AGAIN}")
    named = {name: _value(values, name, path) for name in ("country", "public_key", "vault_key")}
    enrolment = Enrolment(**named)
    if wrong := problem_with(enrolment.country):
        raise DeploymentError(f"{path}: {wrong}")
    vault_signature, signature = (_value(values, name, path) for name in ("vault_signature", "signature"))
    _check_vault_signature(
        VaultKey(country=enrolment.country, vault_key=enrolment.vault_key, vault_signature=vault_signature), path
    )
    try:
        key = load_ssh_public_key(enrolment.public_key.encode())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise DeploymentError(f"{path} holds a courier's key that is not ECDSA; {AGAIN}")
        key.verify(base64.b64decode(signature, validate=True), _signed(enrolment), ec.ECDSA(hashes.SHA384()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise _changed(path) from None
    return enrolment, Rotation(courier=str(values.get("rotation", "")), vault=str(values.get("vault_rotation", "")))


def read_vault_key(path: Path) -> Ed25519PrivateKey:
    """A vault's private key. Raises DeploymentError if it is missing, unfit, or readable by other users."""
    remedy = (
        "this vault cannot sign its replies without it: run `gotong keys node` (with part=vault where the courier has "
        "a home of its own), and have the coordinator enrol the file that it makes"
    )
    return read_signing_key(path, "the vault's key", remedy)


def _write_enrolment(
    folder: Path,
    country: str,
    vault: VaultKey,
    key: ec.EllipticCurvePrivateKey,
    old: ec.EllipticCurvePrivateKey | None = None,
) -> Enrolment:
    """The file that goes to the coordinator. old: the key before, which signs it too."""
    enrolment = Enrolment(country=country, public_key=_public(key.public_key()), vault_key=vault.vault_key)
    hashed = ec.ECDSA(hashes.SHA384())
    content = {
        **asdict(enrolment),
        "vault_signature": vault.vault_signature,
        "vault_rotation": vault.vault_rotation,
        "signature": _text(key.sign(_signed(enrolment), hashed)),
        "rotation": "" if old is None else _text(old.sign(ROTATED + _signed(enrolment), hashed)),
    }
    _write(folder / f"{country}.enrolment.json", content)
    return enrolment


def _replace(path: Path, fresh: Path) -> None:
    path.rename(path.with_name(f"{path.name}.before"))
    fresh.rename(path)


def _check_country(country: str) -> None:
    if wrong := problem_with(country):
        raise DeploymentError(f"country: {wrong}")


def _check_new(path: Path) -> None:
    if path.exists():
        raise DeploymentError(f"{path} exists and may be enrolled; to replace it, move it away and enrol the new one")


def _is_of_earlier_version(path: Path) -> bool:
    """Whether a node's enrolment file, or that it is missing, shows a courier's key without a vault's."""
    return not path.exists() or "vault_key" not in _read(path, "an enrolment file")


def _check_vault_signature(vault: VaultKey, path: Path) -> None:
    try:
        key = load_ssh_public_key(vault.vault_key.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise DeploymentError(f"{path} holds a vault's key that is not Ed25519; {AGAIN}")
        signature = base64.b64decode(vault.vault_signature, validate=True)
        key.verify(signature, _signed_by_vault(vault.country, vault.vault_key))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise _changed(path) from None


def _changed(path: Path) -> DeploymentError:
    return DeploymentError(f"{path} was changed on the way: its signature does not fit; get it from the node again")


def _signed(enrolment: Enrolment) -> bytes:
    return SIGNED + "\n".join((enrolment.country, enrolment.public_key, enrolment.vault_key)).encode()


def _signed_by_vault(country: str, vault_key: str) -> bytes:
    return SIGNED_BY_VAULT + f"{country}\n{vault_key}".encode()


def fingerprint_of(key: str) -> str:
    """SHA-256 of a public key in OpenSSH text, as OpenSSH prints it."""
    digest = sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _public(key: ec.EllipticCurvePublicKey | Ed25519PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def _write(path: Path, values: Any) -> None:
    content = values if isinstance(values, dict) else asdict(values)
    write_atomically(path, json.dumps(content, indent=1).encode())


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:  # may be /dev/stdin, which has no size
            raw = file.read(LONGEST + 1)
        if len(raw) > LONGEST:
            raise DeploymentError(f"{path} is too large for {what}; get the one that the node made")
        values = json.loads(raw.decode())
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}") from None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise DeploymentError(f"{path} is not {what}; get the one that the node made")
    return values


def _value(values: dict[str, Any], key: str, path: Path) -> str:
    if not isinstance(values.get(key), str):
        raise DeploymentError(f"{path} is no enrolment file: {key} is missing; get the one that the node made")
    return str(values[key])
