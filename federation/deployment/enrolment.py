"""Enrolment: a node makes its key on its own machine; a small file with the public half goes to the coordinator.

The file is signed by the private half and names one country, so a changed or swapped file is refused. Two people check
who sent it: both sides print the same fingerprint.
"""

import base64
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from federation.deployment.secret_files import private_folder, write_secret
from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically
from tasks.places.countries import problem_with

KEY = "node.key"
LONGEST = 10_000  # bytes of an enrolment file
SIGNED = b"gotong enrolment 1\n"


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """A country and its node's public key (OpenSSH text), as the coordinator keeps them."""

    country: str
    public_key: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key as OpenSSH prints it."""
        raw = base64.b64decode(self.public_key.split()[1])
        return "SHA256:" + base64.b64encode(sha256(raw).digest()).decode().rstrip("=")


def create_key(folder: Path, country: str) -> Enrolment:
    """Make a node's private key, which stays in `folder`. Raises DeploymentError if there is one already."""
    if wrong := problem_with(country):
        raise DeploymentError(f"country: {wrong}")
    private_folder(folder)
    if (folder / KEY).exists():
        raise DeploymentError(
            f"{folder / KEY} exists and may be enrolled; to replace it, move it away and enrol the new one"
        )
    key = ec.generate_private_key(ec.SECP384R1())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    write_secret(folder / KEY, text)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    enrolment = Enrolment(country=country, public_key=public.decode())
    signature = key.sign(_signed(enrolment), ec.ECDSA(hashes.SHA384()))
    content = {**enrolment.__dict__, "signature": base64.b64encode(signature).decode()}
    write_atomically(folder / f"{country}.enrolment.json", json.dumps(content, indent=1).encode())
    return enrolment


def read_enrolment(path: Path) -> Enrolment:
    """An enrolment file that came from a node. Raises DeploymentError for a damaged or changed one."""
    try:
        if path.stat().st_size > LONGEST:
            raise DeploymentError(f"{path} is too large for an enrolment file; get the one that the node made")
        values = json.loads(path.read_text(encoding="utf-8"))
        enrolment = Enrolment(country=_text(values, "country"), public_key=_text(values, "public_key"))
        signature = base64.b64decode(_text(values, "signature"), validate=True)
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise DeploymentError(f"{path} is no enrolment file; get the one that the node made") from None
    if wrong := problem_with(enrolment.country):
        raise DeploymentError(f"{path}: {wrong}")
    try:
        key = serialization.load_ssh_public_key(enrolment.public_key.encode())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise DeploymentError(f"{path} holds a key that is not ECDSA; make one with `gotong keys node`")
        key.verify(signature, _signed(enrolment), ec.ECDSA(hashes.SHA384()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise DeploymentError(
            f"{path} was changed on the way: its signature does not fit; get it from the node again"
        ) from None
    return enrolment


def _signed(enrolment: Enrolment) -> bytes:
    return SIGNED + enrolment.country.encode() + b"\n" + enrolment.public_key.encode()


def _text(values: Any, key: str) -> str:
    if not isinstance(values[key], str):
        raise TypeError(key)
    return str(values[key])
