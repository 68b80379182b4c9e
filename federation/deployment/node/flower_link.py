"""A node's membership at the coordinator, in Flower's fleet protocol over TLS.

The one file of a node that uses Flower's internals; `check_flower_version` names the versions that it was tested with.
A program that a run ships is never fetched.
"""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import monotonic
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

from federation.deployment import standing
from federation.deployment.node import champions, reachable
from federation.errors import DeploymentError, WireError
from federation.wire.flower_message import unseal

KNOWN = ("1.41.",)  # Flower versions whose fleet protocol the contract test covers
HEARTBEAT_INTERVAL = 10.0  # seconds; the least that Flower allows. It takes a node for offline after two of them
HEARTBEAT = 4.0  # seconds between two heartbeats
CHAMPIONS_EVERY, CHAMPIONS_AGAIN = 3600.0, 600.0  # seconds between two looks at the champions, and after a failed one
REVOKED = "revoked.crl"

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


def check_flower_version() -> None:
    """Raise DeploymentError on a Flower whose fleet protocol was never tested with this courier."""
    installed = version("flwr")
    if not installed.startswith(KNOWN):
        raise DeploymentError(
            f"this courier knows Flower {', '.join(known + 'x' for known in KNOWN)}, installed is {installed}; install "
            f"a known one, or run tests/deployment/test_courier.py and add it to KNOWN in {__file__}"
        )


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
