"""A Flower Grid that signs what the coordinator requests and reads only what the enrolled vaults have signed."""

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from federation.deployment.coordinator.ledger import CoordinatorLedger
from federation.errors import LedgerError, SignatureError, WireError
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, digest, encode
from federation.wire.signature import (
    REPLY,
    REQUEST,
    UNREAD,
    Envelope,
    Head,
    Statement,
    digest_of,
    is_envelope,
    open_envelope,
    sign,
)


@dataclass(frozen=True, kw_only=True)
class Vault:
    """A country whose vault is at a node of Flower's, and the key of its replies."""

    country: str
    key: Ed25519PublicKey


@dataclass(frozen=True, kw_only=True)
class Signing:
    """What one run's requests are signed with, and whose replies are read. vaults: Flower's node -> its country.

    revoked: the list of revoked keys, base64 of DER; empty for none. ledger: where every signed frame is written down.
    """

    run: str
    key: Ed25519PrivateKey
    certificate: x509.Certificate
    vaults: Mapping[int, Vault]
    ledger: CoordinatorLedger
    revoked: str = ""


class SignedGrid(Grid):
    """Passes all on to another grid; a reply that is not signed as it must be becomes a refusal that says why."""

    def __init__(self, grid: Grid, signing: Signing) -> None:
        self._grid, self._signing = grid, signing
        self._certificate = base64.b64encode(signing.certificate.public_bytes(Encoding.DER)).decode()

    def set_run(self, run: Run) -> None:
        """Flower has set it on the grid below."""

    @property
    def run(self) -> Run:
        """Flower's record of the run."""
        return self._grid.run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message to one node."""
        return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """Nodes that are online."""
        return self._grid.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """As the grid below."""
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """As the grid below."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Replies with the frames in them; each message is signed for its node's country alone."""
        heads = self._signing.ledger.heads()
        asked: dict[int, Statement] = {}
        signed, entered = [], []
        for message in messages:
            frame = unseal(message.content)
            statement = self._statement(message, frame, heads)
            asked[message.metadata.dst_node_id] = statement
            entered.append((statement, len(frame)))
            signed.append(_carrying(message, seal(frame, sign(statement, self._signing.key))))
        self._signing.ledger.sent(entered)
        replies = list(self._grid.send_and_receive(signed, timeout=timeout))
        for reply in replies:
            if not reply.has_error() and reply.metadata.src_node_id in asked:
                reply.content = seal(self._frame_of(reply, asked[reply.metadata.src_node_id]))
        return replies

    def _statement(self, message: Message, frame: bytes, heads: Mapping[str, Head]) -> Statement:
        meta = message.metadata
        return Statement(
            kind=REQUEST,
            country=self._signing.vaults[meta.dst_node_id].country,
            run=self._signing.run,
            round=int(meta.group_id) if meta.group_id.isdecimal() else 0,
            frame=digest(frame),
            request=secrets.token_hex(16),
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            heads=heads,
            certificate=self._certificate,
            revoked=self._signing.revoked,
        )

    def _frame_of(self, reply: Message, asked: Statement) -> bytes:
        """The frame of a reply that its vault signed, or a refusal in its place."""
        vault = self._signing.vaults[reply.metadata.src_node_id]
        try:
            envelope = self._verified(unseal(reply.content), vault, asked)
        except (SignatureError, WireError) as error:
            self._signing.ledger.rejected(asked, str(error))
            return _refused(f"{vault.country}: its reply was not read: {error}")
        try:
            self._signing.ledger.received(asked, envelope)
        except LedgerError as error:
            return _refused(f"{vault.country}: {error}")
        return bytes(envelope.frame)

    def _verified(self, data: bytes, vault: Vault, asked: Statement) -> Envelope:
        """Raises SignatureError or WireError."""
        if not is_envelope(data):
            raise _why_unsigned(data)
        envelope = open_envelope(data)
        envelope.verify(vault.key)
        statement = envelope.statement
        if (statement.kind, statement.country) != (REPLY, vault.country):
            raise SignatureError(f"it is a {statement.kind} of {statement.country}")
        if statement.request == UNREAD:
            if decode(envelope.frame).kind != "refused":
                raise SignatureError("it names no request and is no refusal")
        elif statement.request != digest_of(asked):
            raise SignatureError("it replies to another request than this one: somebody sent an old reply again")
        elif (statement.run, statement.round) not in ((asked.run, asked.round), ("", 0)):
            raise SignatureError(f"it is of round {statement.round} of run {statement.run}")
        return envelope


def _carrying(message: Message, content: RecordDict) -> Message:
    """The same message with other content."""
    meta = message.metadata
    return Message(
        content, dst_node_id=meta.dst_node_id, message_type=meta.message_type, group_id=meta.group_id, ttl=meta.ttl
    )


def _refused(reason: str) -> bytes:
    return encode(Frame(kind="refused", header={"reason": reason}))


def _why_unsigned(data: bytes) -> WireError:
    """Another version of Gotong, where the frame says so."""
    try:
        decode(data)
    except WireError as error:
        return error
    return WireError("it is not signed; install the same version of Gotong on both sides")
