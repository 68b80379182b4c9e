"""A coordinator's signature on requests and a vault's on replies, in the few lines that tests need."""

import base64
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.deployment import certificates, enrolment
from federation.deployment.secret_files import private_folder
from federation.errors import WireError
from federation.wire.frame import decode, digest
from federation.wire.signature import REQUEST, UNREAD, Statement, digest_of, open_envelope, sign


@dataclass
class Signer:
    """The coordinator of one country. home: with its keys. vault: the folder with the vault's key."""

    home: Path
    vault: Path
    country: str
    asked: list[Statement] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key, self.certificate = certificates.signer_of(self.home)
        path = self.vault / enrolment.VAULT_KEY
        self.vault_key = enrolment.read_vault_key(path).public_key() if path.exists() else None

    def request(self, frame: bytes, key: Ed25519PrivateKey | None = None, **changes: Any) -> bytes:
        """An envelope around a frame, as the coordinator writes it but for the changes of its statement."""
        run, round_ = _named(frame)
        statement = Statement(
            kind=REQUEST,
            country=self.country,
            run=run,
            round=round_,
            frame=digest(frame),
            request=token_hex(16),
            at=datetime.now(UTC).isoformat(),
            certificate=self.base64(self.certificate),
        )
        self.asked.append(replace(statement, **changes))
        return sign(self.asked[-1], key or self.key) + frame

    @staticmethod
    def base64(certificate: x509.Certificate) -> str:
        return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()

    def frame(self, reply: bytes) -> bytes:
        """The frame of a reply to the last request; the vault must have signed it."""
        envelope = open_envelope(reply)
        envelope.verify(self.vault_key or enrolment.read_vault_key(self.vault / enrolment.VAULT_KEY).public_key())
        frame = bytes(envelope.frame)
        of_none = envelope.statement.request == UNREAD and decode(frame).kind == "refused"
        assert of_none or envelope.statement.request == digest_of(self.asked[-1])
        return frame


def signer_in(folder: Path, country: str) -> Signer:
    """Keys of a coordinator (folder/coordinator) and of a node (folder), which trust each other."""
    home = private_folder(folder / "coordinator")
    certificates.create(home, ["127.0.0.1"])
    (folder / "ca.pem").write_bytes((home / "ca.pem").read_bytes())
    enrolment.create_keys(folder, country)
    return Signer(home, folder / "vault", country)


def _named(frame: bytes) -> tuple[str, int]:
    try:
        header = decode(frame).header
    except WireError:
        return "", 0
    return str(header.get("run", "")), int(header.get("round", 0))
