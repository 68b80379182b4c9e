"""The courier: carries frames between the coordinator and the vault of one country, and decides nothing.

It holds the node's key, and speaks Flower's fleet protocol over TLS on one side and to the vault's socket on the other.
It has no data and no torch, and it runs nothing that was sent to it: a program that a run ships is never fetched.
The one file of a node that uses Flower's internals; `check_flower_version` names the versions that it was tested with.
"""

import argparse
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep, time
from types import FrameType
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Error, Message
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_protobuf_utils import (
    make_pull_object_fn_protobuf,
    make_push_object_fn_protobuf,
)
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectPullError,
    ObjectPushError,
    inflate_object_from_contents,
    pull_objects,
    push_objects,
)
from flwr.supercore.interceptors.http.runtime_version import RuntimeVersionHttpInterceptor
from flwr.supercore.interceptors.http.utils import add_headers
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.client import ProtobufCall, ProtobufRequestContext
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from federation.deployment import logs, standing
from federation.deployment.node import champions, reachable
from federation.deployment.private_keys import read_ecdsa_key
from federation.errors import DeploymentError, WireError
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import read_header
from federation.wire.header import LARGEST as ANY_HEADER
from federation.wire.signature import frame_of

KNOWN = ("1.41.",)  # Flower versions whose fleet protocol the contract test covers
HEARTBEAT_INTERVAL = 10.0  # seconds; the least that Flower allows. It takes a node for offline after two of them
HEARTBEAT = 4.0  # seconds between two heartbeats
SHORTEST_POLL, LONGEST_POLL = 0.1, 2.0  # seconds between two polls: short after a message, longer while none come
LONGEST_PAUSE = 30.0  # seconds before the coordinator is tried again
CHAMPIONS_EVERY, CHAMPIONS_AGAIN = 3600.0, 600.0  # seconds between two looks at the champions, and after a failed one
VAULT_PATIENCE = 20.0  # seconds a message waits for a vault that is being started again
LARGEST = 2**31  # bytes of a frame
REVOKED = "revoked.crl"
ANY_VERSION = range(2**16)  # a reply of another wire version is passed on: the coordinator says what to install

log = logging.getLogger("courier")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A message of the coordinator and the frame in it."""

    message: Message
    frame: bytes

    @property
    def expires(self) -> float:
        """Unix time after which the coordinator takes no reply."""
        return float(self.message.metadata.created_at + self.message.metadata.ttl)


class VaultAbsentError(Exception):
    """The vault took no frame, or died over it. The frame may be sent again: a vault repeats its replies."""


class RefusedError(Exception):
    """The coordinator refuses this node; the text says why and what to do."""


class StandingInterceptor:
    """Sends the node's word (`standing`) with every call."""

    def __init__(self, line: Path) -> None:
        self._line = line

    def intercept(self, context: ProtobufRequestContext, call_next: ProtobufCall) -> httpx.Response:
        """Add the header."""
        add_headers(context.request, {standing.HEADER: standing.word_in(self._line)})
        return call_next(context)


class Link:
    """A node's membership at the coordinator: active from `__enter__` to `__exit__`.

    line: the folder of the vault's socket, where the country says whether it serves; the word goes with every call.
    node_file: where the number of the node is kept while it is active, for the next courier if this one is killed.
    """

    def __init__(
        self, address: str, ca_file: Path, key: ec.EllipticCurvePrivateKey, node_file: Path, line: Path
    ) -> None:
        self._address, self._node_file = address, node_file
        self._public_key = public_key_to_bytes(key.public_key())
        self._node = Node()
        self._last_heartbeat = 0.0
        self._champions_due, self._champions_failed = 0.0, ""
        self._client = FleetHttpClient(
            f"https://{address}",
            verify=_trust(ca_file),
            interceptors=[
                RuntimeVersionHttpInterceptor(component_name="SuperNode"),
                NodeAuthHttpInterceptor(key, key.public_key()),
                StandingInterceptor(line),
            ],
        )

    def __enter__(self) -> "Link":
        """Activate the node. One that a killed courier left active is deactivated first. Raises RefusedError."""
        try:
            if self._node_file.exists():
                self._deactivate(int(self._node_file.read_text()))
            request = ActivateNodeRequest(public_key=self._public_key, heartbeat_interval=HEARTBEAT_INTERVAL)
            self._node = Node(node_id=self._client.ActivateNode(request).node_id)
        except httpx.HTTPError as error:
            self._client.close()
            raise RefusedError(reachable.explain(error, self._address)) from error
        self._last_heartbeat = monotonic()
        temp_path = self._node_file.with_suffix(".new")
        temp_path.write_text(str(self._node.node_id))
        temp_path.replace(self._node_file)
        return self

    def __exit__(self, *_: object) -> None:
        self._deactivate(self._node.node_id)
        self._client.close()

    def heartbeat(self) -> None:
        """Send a heartbeat if one is due. Raises httpx.HTTPError."""
        if monotonic() - self._last_heartbeat >= HEARTBEAT:
            request = SendNodeHeartbeatRequest(node=self._node, heartbeat_interval=HEARTBEAT_INTERVAL)
            self._client.SendNodeHeartbeat(request)
            self._last_heartbeat = monotonic()

    def pull(self) -> Request | None:
        """The next message, or None. Raises httpx.HTTPError. A message that carries no frame is replied to here."""
        pulled = self._client.PullMessages(PullMessagesRequest(node=self._node))
        if not pulled.messages_list:
            return None
        meta, tree = message_from_proto(pulled.messages_list[0]).metadata, pulled.message_object_trees[0]
        pull = make_pull_object_fn_protobuf(self._with_heartbeat(self._client.PullObject), self._node, meta.run_id)
        names = [part.object_id for part in iterate_object_tree(tree)]
        message = inflate_object_from_contents(meta.message_id, pull_objects(names, pull, max_concurrent_pulls=1))
        assert isinstance(message, Message)
        message.metadata.__dict__["_message_id"] = meta.message_id
        self._client.ConfirmMessageReceived(
            ConfirmMessageReceivedRequest(node=self._node, run_id=meta.run_id, message_object_id=meta.message_id)
        )
        try:
            return Request(message=message, frame=unseal(message.content))
        except WireError as error:
            self.push(Message(Error(code=0, reason=str(error)), reply_to=message))
            return None

    def fetch_champions(self, folder: Path) -> None:
        """Fetch the coordinator's champions if it is time to look. What goes wrong is logged, and tried again."""
        if monotonic() < self._champions_due:
            return
        self._champions_due = monotonic() + CHAMPIONS_EVERY
        try:
            # The same connection: the gateway takes nothing else for a sign that this is an enrolled node.
            for name in champions.fetch(self._client._client, self._address, folder, self.heartbeat):
                log.info("%s was fetched", name)
            self._champions_failed = ""
        except (champions.NotFetchedError, httpx.HTTPError) as error:
            self._champions_due = monotonic() + CHAMPIONS_AGAIN
            if str(error) != self._champions_failed:
                log.warning("no champion was fetched from %s: %s", self._address, error)
            self._champions_failed = str(error)

    def push(self, reply: Message) -> None:
        """Send a reply. Raises httpx.HTTPError; sending it again is allowed."""
        with no_object_id_recompute():
            reply.metadata.__dict__["_message_id"] = reply.object_id
            accepted = self._client.PushMessages(
                PushMessagesRequest(
                    node=self._node,
                    messages_list=[message_to_proto(remove_content_from_message(reply))],
                    message_object_trees=[get_object_tree(reply)],
                )
            )
            push_objects(
                get_all_nested_objects(reply),
                make_push_object_fn_protobuf(
                    self._with_heartbeat(self._client.PushObject),
                    self._node,
                    reply.metadata.run_id,
                    accepted.session_id,
                ),
                object_ids_to_push=set(accepted.objects_to_push),
                max_concurrent_pushes=1,
            )

    def _with_heartbeat(self, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A call that transfers one object and keeps the node active: on a slow line a frame takes minutes."""

        def called(request: Any) -> Any:
            self.heartbeat()
            return call(request)

        return called

    def _deactivate(self, node: int) -> None:
        try:
            self._client.DeactivateNode(DeactivateNodeRequest(node_id=node))
        except httpx.HTTPError as error:  # gone already, or out of reach: Flower notices by itself after 20 s
            log.debug("leaving: %s", error)


def relay_request(link: Link, vault: Path, delivered: Path) -> None:
    """Pass messages to the vault and its replies back, one at a time, until the link breaks.

    delivered: the folder for champions, which are looked for while no message comes.

    Raises httpx.HTTPError, or ObjectPushError where the coordinator was started again in the middle of a reply: a node
    that is activated again is sent the request again, and its vault repeats the reply.
    """
    pause = SHORTEST_POLL
    while True:
        link.heartbeat()
        request = link.pull()
        if request is None:
            link.fetch_champions(delivered)
            sleep(pause)  # the fleet protocol has no push: a node must poll
            pause = min(pause * 1.25, LONGEST_POLL)
            continue
        pause = SHORTEST_POLL
        reply = reply_to(request, vault, link.heartbeat)
        try:
            link.push(reply)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.FORBIDDEN:
                raise
            log.warning("the run ended before this reply; dropped")


def reply_to(request: Request, vault: Path, heartbeat: Callable[[], None]) -> Message:
    """The vault's reply, or an error that says it is absent; keeps the node active meanwhile."""
    until, logged = min(monotonic() + VAULT_PATIENCE, monotonic() + request.expires - time()), ""
    while True:
        try:
            return Message(seal(exchange(vault, request.frame, heartbeat)), reply_to=request.message)
        except VaultAbsentError as error:
            if monotonic() >= until:
                log.error("%s", error)
                reason = "its vault does not reply; see the log of its node"
                return Message(Error(code=0, reason=reason), reply_to=request.message)
            if str(error) != logged:
                log.warning("%s; trying again", error)
                logged = str(error)
            heartbeat()
            sleep(0.5)  # the vault's supervisor starts it again


def exchange(vault: Path, frame: bytes, heartbeat: Callable[[], None]) -> bytes:
    """One frame to the vault, one back. Raises VaultAbsentError. The vault may take as long as training takes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)  # not a limit for the vault: how often a heartbeat may be due
        try:
            connection.connect(str(vault))
            sent = 0
            while sent < len(frame):
                sent += _retried(partial(connection.send, frame[sent : sent + 2**20]), heartbeat)
            connection.shutdown(socket.SHUT_WR)
            parts: list[bytes] = []
            while part := _retried(partial(connection.recv, 2**20), heartbeat):
                parts.append(part)
                if sum(map(len, parts)) > LARGEST:
                    raise VaultAbsentError(f"the vault at {vault} sends more than {LARGEST:,} bytes")
        except OSError as error:
            raise VaultAbsentError(f"the vault at {vault} does not reply: {error.strerror or error}") from None
    reply = b"".join(parts)
    try:
        read_header(frame_of(reply), accepted=ANY_VERSION, bounds=ANY_HEADER)
    except WireError:
        raise VaultAbsentError(f"the vault at {vault} broke off in the middle of its reply") from None
    return reply


def check_flower_version() -> None:
    """Raise DeploymentError on a Flower whose fleet protocol was never tested with this courier."""
    installed = version("flwr")
    if not installed.startswith(KNOWN):
        raise DeploymentError(
            f"this courier knows Flower {', '.join(known + 'x' for known in KNOWN)}, installed is {installed}; install "
            f"a known one, or run tests/deployment/test_courier.py and add it to KNOWN in {__file__}"
        )


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The node's key. Raises DeploymentError if it is missing, unfit, or readable by other users."""
    return read_ecdsa_key(path, "the courier's key", "make one with `gotong keys node`")


def _trust(ca_file: Path) -> ssl.SSLContext:
    """The coordinator's authority alone, and its list of revoked keys where one lies next to it."""
    try:
        context = ssl.create_default_context(cadata=ca_file.read_text(encoding="ascii"))
        if (revoked := ca_file.with_name(REVOKED)).exists():
            context.load_verify_locations(cafile=str(revoked))
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except OSError as error:
        raise DeploymentError(f"{ca_file}: {error.strerror}; let this user read the coordinator's ca.pem") from None
    return context


def run(address: str, home: Path, ca_file: Path, vault: Path, delivered: Path) -> None:
    """Carry until SIGTERM; a link that breaks is opened again. home: the courier's own folder, with node.key."""
    check_flower_version()
    key = read_key(home / "node.key")
    pause, logged = 1.0, ""
    while True:
        try:
            with Link(address, ca_file, key, home / "node.id", vault.parent) as link:
                log.info("connected to %s", address)
                pause, logged = 1.0, ""
                relay_request(link, vault, delivered)
        except (httpx.HTTPError, RefusedError, ObjectPullError, ObjectPushError, WireError) as error:
            reason = str(error) if isinstance(error, RefusedError) else reachable.explain(error, address)
            if reason != logged:
                log.warning("%s", reason)
                logged = reason
            sleep(pause)  # the coordinator is being started again, or the line is down
            pause = min(2 * pause, LONGEST_PAUSE)


def _retried(step: Callable[[], Any], heartbeat: Callable[[], None]) -> Any:
    """The result of a step of a socket with a timeout, as often as it takes."""
    while True:
        try:
            return step()
        except TimeoutError:
            heartbeat()


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise SystemExit(0)


def main() -> None:
    """`python -m federation.deployment.node.courier`, started by `gotong node`."""
    parser = argparse.ArgumentParser(prog="courier")
    for name in ("--coordinator", "--home", "--ca", "--vault", "--delivered"):
        parser.add_argument(name, required=True)
    words = parser.parse_args()
    logs.begin("courier")
    signal.signal(signal.SIGTERM, _stop)
    try:
        run(words.coordinator, Path(words.home), Path(words.ca), Path(words.vault), Path(words.delivered))
    except DeploymentError as error:
        sys.exit(f"courier: {error}")


if __name__ == "__main__":
    main()
