"""Private keys in files: their owner's alone, and encrypted where a passphrase is given.

A passphrase comes from the first of: the systemd credential `gotong.passphrase`, the file that the environment variable
GOTONG_PASSPHRASE_FILE names, and a person at a terminal. A key without one is protected by its file's mode alone.
"""

import os
import sys
from getpass import getpass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.deployment.secret_files import read_secret, write_secret
from federation.errors import DeploymentError

CREDENTIAL, VARIABLE = "gotong.passphrase", "GOTONG_PASSPHRASE_FILE"
SHORTEST = 12  # characters of a passphrase
Key = ec.EllipticCurvePrivateKey | Ed25519PrivateKey


def write_key(path: Path, key: Key, passphrase: bytes | None = None, *, openssh: bool = False) -> None:
    """A new key's file: PKCS 8, encrypted where there is a passphrase. openssh: without one as OpenSSH writes it."""
    form = serialization.PrivateFormat.PKCS8
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        hidden = serialization.BestAvailableEncryption(passphrase)
    elif openssh:
        form = serialization.PrivateFormat.OpenSSH
    write_secret(path, key.private_bytes(serialization.Encoding.PEM, form, hidden))


def read_signing_key(path: Path, what: str, remedy: str) -> Ed25519PrivateKey:
    """A key of Ed25519. Raises DeploymentError as `read_key` does."""
    key = read_key(path, what, remedy)
    if not isinstance(key, Ed25519PrivateKey):
        raise _of_another_kind(path, what, remedy)
    return key


def read_ecdsa_key(path: Path, what: str, remedy: str) -> ec.EllipticCurvePrivateKey:
    """A key of ECDSA. Raises DeploymentError as `read_key` does."""
    key = read_key(path, what, remedy)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _of_another_kind(path, what, remedy)
    return key


def read_key(path: Path, what: str, remedy: str) -> object:
    """A private key. Raises DeploymentError if it is missing, unfit, encrypted without a passphrase, or if other
    users can read it."""
    if not path.exists():
        raise DeploymentError(f"{what} {path} is not there; {remedy}")
    raw = read_secret(path, what)
    try:
        key = _load(raw, given_passphrase(path) if is_encrypted(raw) else None)
    except (ValueError, TypeError):
        wrong = "the passphrase does not fit" if is_encrypted(raw) else f"this is no private key; {remedy}"
        raise DeploymentError(f"{what} {path}: {wrong}") from None
    return key


def is_encrypted(raw: bytes) -> bool:
    """Whether a key's file needs a passphrase."""
    return raw.startswith(b"-----BEGIN ENCRYPTED")


def given_passphrase(path: Path) -> bytes:
    """The passphrase of an existing key. Raises DeploymentError if nobody gives one."""
    given = configured_passphrase()
    if given is None and sys.stdin is not None and sys.stdin.isatty():
        given = getpass(f"Passphrase of {path}: ").encode()
    if not given:
        raise DeploymentError(
            f"{path} is encrypted; name a file with its passphrase in {VARIABLE}, or give a service the credential "
            f"{CREDENTIAL} (LoadCredentialEncrypted=)"
        )
    return given


def new_passphrase(ask: bool) -> bytes | None:
    """The passphrase for new keys, None for none. ask: a person types it, twice. Raises DeploymentError."""
    given = configured_passphrase()
    if given is None and ask:
        given = getpass("Passphrase for the new keys: ").encode()
        if getpass("Again: ").encode() != given:
            raise DeploymentError("the two passphrases differ; nothing was made")
    if given is not None and len(given) < SHORTEST:
        raise DeploymentError(f"a passphrase of {len(given)} characters is too short; take {SHORTEST} or more")
    return given


def configured_passphrase() -> bytes | None:
    """Of the service or the environment. Raises DeploymentError for a file that cannot be read."""
    folder, named = os.environ.get("CREDENTIALS_DIRECTORY"), os.environ.get(VARIABLE)
    paths = [Path(folder) / CREDENTIAL] if folder and (Path(folder) / CREDENTIAL).exists() else []
    paths += [Path(named)] if named else []
    if not paths:
        return None
    try:
        return paths[0].read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise DeploymentError(f"the passphrase's file {paths[0]}: {error.strerror}") from None


def _load(raw: bytes, passphrase: bytes | None) -> object:
    if raw.startswith(b"-----BEGIN OPENSSH"):
        return serialization.load_ssh_private_key(raw, passphrase)
    return serialization.load_pem_private_key(raw, passphrase)


def _of_another_kind(path: Path, what: str, remedy: str) -> DeploymentError:
    return DeploymentError(f"{what} {path} is a key of another kind; {remedy}")
