"""What a deployed vault does before and after it serves a request: verify who sent it, sign what it replies.

A request that the coordinator's key did not sign, or that is for another country, reaches neither policy nor records.
Every reply is signed with the vault's own key, refusals too, and names the very request that it replies to.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.deployment import certificates
from federation.deployment.node.revocations import Revocations
from federation.deployment.node.vault_ledger import VaultLedger
from federation.errors import DeploymentError, GotongError, SignatureError, WireError
from federation.vault.refusals import one_line, refusal
from federation.wire.frame import digest, read_header
from federation.wire.signature import (
    REPLY,
    REQUEST,
    UNREAD,
    Envelope,
    Statement,
    is_envelope,
    open_envelope,
    sign,
)

log = logging.getLogger("vault")


@dataclass(frozen=True, kw_only=True)
class SignedReplies:
    """respond: what serves a frame whose sender is known, and returns the frame of the reply. ledger: of the vault."""

    country: str
    key: Ed25519PrivateKey
    authority: x509.Certificate
    revocations: Revocations
    ledger: VaultLedger
    respond: Callable[[bytes], bytes]

    def serve(self, data: bytes) -> bytes:
        """The signed reply to an envelope; to bytes that are none, a refusal that an unsigned peer can read."""
        if not is_envelope(data):
            return self._refusal(_why_unsigned(data))
        statement, request = None, UNREAD
        try:
            envelope = open_envelope(data)
            request = sha256(envelope.raw).hexdigest()
            statement = self._verified(envelope)
            self.ledger.check(envelope)
            frame = self.respond(bytes(envelope.frame))
            self.ledger.sign_head()
        except GotongError as error:
            frame = self._refusal(error)
        return self._signed(frame, request, statement)

    def refuse_unread(self, reason: str) -> bytes:
        """A signed refusal of a frame that was not read: it was too large, or one too many."""
        return self._signed(self._refusal(WireError(reason)), UNREAD, None)

    def _verified(self, envelope: Envelope) -> Statement:
        """Raises SignatureError unless the coordinator signed this request, for this country."""
        statement = envelope.statement
        key = certificates.request_key(certificates.certificate_in(statement), self.authority)
        envelope.verify(key)
        self.revocations.check(statement, key)
        if (statement.kind, statement.country) != (REQUEST, self.country):
            raise SignatureError(
                f"a {statement.kind} for {statement.country} came here; its courier is misled, or misleads: compare "
                f"the keys of its node with the enrolled ones"
            )
        header = read_header(envelope.frame).header
        if header.get("run", "") != statement.run or header.get("round", 0) != statement.round:
            raise SignatureError("the signature names another run or round than the frame; compare versions of Gotong")
        return statement

    def _signed(self, frame: bytes, request: str, asked: Statement | None) -> bytes:
        statement = Statement(
            kind=REPLY,
            country=self.country,
            run="" if asked is None else asked.run,
            round=0 if asked is None else asked.round,
            frame=digest(frame),
            request=request,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            heads={self.country: self.ledger.head()},
            confirmed="" if asked is None else self.ledger.confirmed(asked),
        )
        return sign(statement, self.key) + frame

    def _refusal(self, error: Exception) -> bytes:
        log.warning("%s: refused unserved: %s", self.country, one_line(str(error)))
        return refusal(self.country, str(error))


def read_authority(path: Path, courier: int | None) -> x509.Certificate:
    """The coordinator's authority, whose word a vault takes. courier: another user, who must not be able to change it.

    Raises DeploymentError.
    """
    certificate = certificates.certificate_of(path)
    status = path.stat()
    if (courier is not None and status.st_uid == courier) or status.st_mode & 0o022:
        raise DeploymentError(
            f"{path} can be changed by others than this user; give it to root with mode 644, so that nobody else can "
            f"choose which coordinator this vault obeys"
        )
    return certificate


def _why_unsigned(data: bytes) -> WireError:
    """Another version of Gotong, where the frame says so."""
    try:
        read_header(data)
    except WireError as error:
        return error
    return WireError("the request is not signed; install the same version of Gotong on both sides")
