"""When each node last called and whether it serves, by its courier: the gateway notes it, `gotong status` shows it.

Only calls that the SuperLink accepted are noted, so every key is an enrolled node's.
"""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
    load_ssh_public_key,
)

from federation.deployment.standing import HEADER, SERVING, WORDS
from tasks.files.atomic import write_atomically

FILE = "contacts.json"  # in the coordinator's folder: public key as DER in hex -> [word, time]
KEY = "flwr-public-key"  # Flower's header: PEM in base64
EVERY = 10.0  # seconds between two writes, unless a word changed


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A node's last call. at: UTC, ISO 8601."""

    word: str
    at: str


class Contacts:
    """What the gateway has noted since its start, on top of what its file held."""

    def __init__(self, home: Path) -> None:
        self._file, self._written = home / FILE, -EVERY
        self._contacts = _read(self._file)

    def note(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """A call that was accepted."""
        values = {name.decode("latin-1").lower(): value for name, value in headers}
        word = values.get(HEADER, SERVING.encode()).decode("latin-1")
        try:
            key = _der(b64decode(values[KEY], validate=True))
        except (KeyError, ValueError, Base64Error, UnsupportedAlgorithm):
            return
        word = word if word in WORDS else SERVING
        before = self._contacts.get(key)
        self._contacts[key] = Contact(word=word, at=datetime.now(UTC).isoformat(timespec="seconds"))
        if before is None or before.word != word or monotonic() - self._written >= EVERY:
            self._written = monotonic()
            lines = {each: [contact.word, contact.at] for each, contact in self._contacts.items()}
            write_atomically(self._file, json.dumps(lines).encode())


def of_members(home: Path, keys: dict[str, str]) -> dict[str, Contact]:
    """country -> its node's last call. keys: country -> its courier's public key, as its enrolment has it."""
    known = _read(home / FILE)
    found = {country: known.get(_of_ssh(key)) for country, key in keys.items()}
    return {country: contact for country, contact in found.items() if contact is not None}


def _der(pem: bytes) -> str:
    key = load_pem_public_key(pem)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


def _of_ssh(text: str) -> str:
    try:
        key = load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


def _read(file: Path) -> dict[str, Contact]:
    try:
        return {key: Contact(word=word, at=at) for key, (word, at) in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # not there yet, or damaged: nodes call again in seconds
        return {}
