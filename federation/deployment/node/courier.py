"""The courier: carries frames between the coordinator and the vault of one country, and decides nothing.

It holds the node's key, speaks Flower's fleet protocol over TLS on one side and the vault's socket on the other. It has
no data and no torch, and it runs nothing that was sent to it: a bundle that a run ships is never fetched.
The one file that touches Flower's internals; `known_flower` says which Flower it knows.
"""

import argparse
import logging
import signal
import socket
import stat
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
from cryptography.hazmat.primitives import serialization
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
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from federation.deployment import logs
from federation.errors import DeploymentError, WireError
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import decode

KNOWN = ("1.41.",)  # Flower versions whose fleet protocol the contract test has seen
INTERVAL = 10.0  # seconds; Flower takes a node for dead after two of them without a heartbeat, and allows no fewer
BEAT = 4.0  # seconds between two heartbeats
SOONEST, LATEST = 0.1, 2.0  # seconds between two looks for a message: soon after one came, seldom when none come
LONGEST_PAUSE = 30.0  # seconds before the coordinator is tried again
VAULT_PATIENCE = 20.0  # seconds a message waits for a vault that is being started again
LARGEST = 2**31  # bytes of a frame

log = logging.getLogger("courier")


@dataclass(frozen=True, kw_only=True)
class Post:
    """A message that came, and until when (Unix time) an answer is of use."""

    message: Message
    frame: bytes

    @property
    def until(self) -> float:
        """Unix time."""
        return float(self.message.metadata.created_at + self.message.metadata.ttl)


class VaultAbsentError(Exception):
    """The vault took no frame, or died over it. The frame may be handed in again: a vault repeats its answers."""


class Refused(Exception):  # noqa: N818  the coordinator's word, not a fault of this program
    """The coordinator does not talk to this node; the text says why and what to do."""


class Link:
    """A node's membership at the coordinator: present from `__enter__` to `__exit__`."""

    def __init__(self, address: str, root: Path, key: ec.EllipticCurvePrivateKey, remembered: Path) -> None:
        self._address, self._remembered = address, remembered
        self._public = public_key_to_bytes(key.public_key())
        self._node = Node()
        self._beaten = 0.0
        self._client = FleetHttpClient.from_server_address(
            address,
            insecure=False,
            root_certificates=_authority(root),
            interceptors=[
                RuntimeVersionHttpInterceptor(component_name="SuperNode"),
                NodeAuthHttpInterceptor(key, key.public_key()),
            ],
        )

    def __enter__(self) -> "Link":
        """Take the node's place. A courier that was killed left it occupied; its number was written down for this."""
        try:
            if self._remembered.exists():
                self._leave(int(self._remembered.read_text()))
            request = ActivateNodeRequest(public_key=self._public, heartbeat_interval=INTERVAL)
            self._node = Node(node_id=self._client.ActivateNode(request).node_id)
        except httpx.HTTPError as error:
            self._client.close()
            raise Refused(explained(error, self._address)) from error
        self._beaten = monotonic()
        beside = self._remembered.with_suffix(".new")
        beside.write_text(str(self._node.node_id))
        beside.replace(self._remembered)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(self._node.node_id)
        self._client.close()

    def beat(self) -> None:
        """Say that the node is there, when it is time to. Raises httpx.HTTPError."""
        if monotonic() - self._beaten >= BEAT:
            self._client.SendNodeHeartbeat(SendNodeHeartbeatRequest(node=self._node, heartbeat_interval=INTERVAL))
            self._beaten = monotonic()

    def pull(self) -> Post | None:
        """The next message, whole, or None. Raises httpx.HTTPError, WireError for one that carries no frame."""
        found = self._client.PullMessages(PullMessagesRequest(node=self._node))
        if not found.messages_list:
            return None
        meta, tree = message_from_proto(found.messages_list[0]).metadata, found.message_object_trees[0]
        pull = make_pull_object_fn_protobuf(self._beating(self._client.PullObject), self._node, meta.run_id)
        names = [part.object_id for part in iterate_object_tree(tree)]
        message = inflate_object_from_contents(meta.message_id, pull_objects(names, pull, max_concurrent_pulls=1))
        assert isinstance(message, Message)
        message.metadata.__dict__["_message_id"] = meta.message_id
        self._client.ConfirmMessageReceived(
            ConfirmMessageReceivedRequest(node=self._node, run_id=meta.run_id, message_object_id=meta.message_id)
        )
        try:
            return Post(message=message, frame=unseal(message.content))
        except WireError as error:
            self.push(Message(Error(code=0, reason=str(error)), reply_to=message))
            return None

    def push(self, reply: Message) -> None:
        """Hand in a reply. Raises httpx.HTTPError; handing it in again is allowed."""
        with no_object_id_recompute():
            reply.metadata.__dict__["_message_id"] = reply.object_id
            told = self._client.PushMessages(
                PushMessagesRequest(
                    node=self._node,
                    messages_list=[message_to_proto(remove_content_from_message(reply))],
                    message_object_trees=[get_object_tree(reply)],
                )
            )
            push_objects(
                get_all_nested_objects(reply),
                make_push_object_fn_protobuf(
                    self._beating(self._client.PushObject), self._node, reply.metadata.run_id, told.session_id
                ),
                object_ids_to_push=set(told.objects_to_push),
                max_concurrent_pushes=1,
            )

    def _beating(self, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A call of one object that keeps the node alive: on a thin line a frame takes minutes."""

        def beaten(request: Any) -> Any:
            self.beat()
            return call(request)

        return beaten

    def _leave(self, node: int) -> None:
        try:
            self._client.DeactivateNode(DeactivateNodeRequest(node_id=node))
        except httpx.HTTPError as error:  # gone already, or out of reach: Flower notices by itself after 20 s
            log.debug("leaving: %s", error)


def carry(link: Link, vault: Path) -> None:
    """Pass messages to the vault and its replies back, one at a time, until the link breaks.

    Raises httpx.HTTPError, or ObjectPushError where the coordinator was started again in the middle of a reply: a node
    that comes anew is asked anew, and its vault repeats the answer.
    """
    pause = SOONEST
    while True:
        link.beat()
        post = link.pull()
        if post is None:
            sleep(pause)  # the fleet protocol has no push: a node must ask
            pause = min(pause * 1.25, LATEST)
            continue
        pause = SOONEST
        reply = answer(post, vault, link.beat)
        try:
            link.push(reply)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.FORBIDDEN:
                raise
            log.warning("the run ended before this reply; dropped")


def answer(post: Post, vault: Path, beat: Callable[[], None]) -> Message:
    """The vault's reply, or an error that says it is not there; keeps the node alive meanwhile."""
    until, said = min(monotonic() + VAULT_PATIENCE, monotonic() + post.until - time()), ""
    while True:
        try:
            return Message(seal(exchange(vault, post.frame, beat)), reply_to=post.message)
        except VaultAbsentError as error:
            if monotonic() >= until:
                log.error("%s", error)
                return Message(
                    Error(code=0, reason="its vault does not answer; see the log of its node"), reply_to=post.message
                )
            if str(error) != said:
                log.warning("%s; trying again", error)
                said = str(error)
            beat()
            sleep(0.5)  # the vault's supervisor starts it again


def exchange(vault: Path, frame: bytes, beat: Callable[[], None]) -> bytes:
    """One frame to the vault, one back. Raises VaultAbsentError. The vault may take as long as training takes."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1.0)  # not how long the vault may take, but how often the heart is looked after
        try:
            line.connect(str(vault))
            sent = 0
            while sent < len(frame):
                sent += _patiently(partial(line.send, frame[sent : sent + 2**20]), beat)
            line.shutdown(socket.SHUT_WR)
            parts: list[bytes] = []
            while part := _patiently(partial(line.recv, 2**20), beat):
                parts.append(part)
                if sum(map(len, parts)) > LARGEST:
                    raise VaultAbsentError(f"the vault at {vault} sends without end")
        except OSError as error:
            raise VaultAbsentError(f"the vault at {vault} does not answer: {error.strerror or error}") from None
    reply = b"".join(parts)
    try:
        decode(reply)
    except WireError:
        raise VaultAbsentError(f"the vault at {vault} broke off in the middle of its reply") from None
    return reply


def explained(error: Exception, address: str) -> str:
    """What stands between this node and its coordinator, and what to do about it."""
    text = str(error)
    if isinstance(error, ObjectPullError | ObjectPushError):
        return f"{address} broke off in the middle of a message, or the run ended ({text}); connecting anew"
    if isinstance(error, httpx.HTTPStatusError):
        code = error.response.status_code
        if code == httpx.codes.UNAUTHORIZED:
            return f"{address} refuses this node's signature: its key was revoked, or its clock is off by five minutes"
        if code == httpx.codes.PRECONDITION_FAILED:
            return (
                f"{address} does not know this node's key (not enrolled yet, or revoked), or another courier with the "
                f"same key is there; compare the fingerprints, or wait 20 s if a courier was just killed"
            )
        return f"{address} answers with HTTP {code}: {error.response.text[:200]}"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        if "Hostname mismatch" in text or "IP address mismatch" in text:
            return (
                f"the certificate of {address} is for another name; use a name it was made for, or `gotong keys rotate`"
            )
        if "expired" in text:
            return f"the certificate of {address} has expired; its coordinator must run `gotong keys rotate`"
        return f"the certificate of {address} is not from the authority in ca.pem: a stranger, or an old ca.pem"
    return f"{address} cannot be reached: {text or type(error).__name__}"


def known_flower() -> None:
    """Raise DeploymentError on a Flower whose fleet protocol was never tried with this courier."""
    found = version("flwr")
    if not found.startswith(KNOWN):
        raise DeploymentError(
            f"this courier knows Flower {', '.join(known + 'x' for known in KNOWN)}, installed is {found}; install a "
            f"known one, or run tests/deployment/test_courier.py and add it to KNOWN in {__file__}"
        )


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The node's key. Raises DeploymentError if it is missing, unfit, or others could read it."""
    try:
        mode, raw = path.stat().st_mode, path.read_bytes()
        key = serialization.load_ssh_private_key(raw, None)
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{path}: {error}; make a key with `gotong keys node`") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DeploymentError(f"{path} can be read by others; make it 600, and a new key if others use this machine")
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DeploymentError(f"{path} is no ECDSA key; make one with `gotong keys node`")
    return key


def _authority(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}; let this user read the coordinator's ca.pem") from None


def run(address: str, home: Path, root: Path, vault: Path) -> None:
    """Carry until SIGTERM, through every break of the line. home: the courier's own folder, with node.key."""
    known_flower()
    key = read_key(home / "node.key")
    pause, said = 1.0, ""
    while True:
        try:
            with Link(address, root, key, home / "node.id") as link:
                log.info("connected to %s", address)
                pause, said = 1.0, ""
                carry(link, vault)
        except (httpx.HTTPError, Refused, ObjectPullError, ObjectPushError, WireError) as error:
            told = str(error) if isinstance(error, Refused) else explained(error, address)
            if told != said:
                log.warning("%s", told)
                said = told
            sleep(pause)  # the coordinator is being started again, or the line is down
            pause = min(2 * pause, LONGEST_PAUSE)


def _patiently(step: Callable[[], Any], beat: Callable[[], None]) -> Any:
    while True:
        try:
            return step()
        except TimeoutError:
            beat()


def _stopped(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise SystemExit(0)


def main() -> None:
    """`python -m federation.deployment.node.courier`, started by `gotong node`."""
    parser = argparse.ArgumentParser(prog="courier")
    for name in ("--coordinator", "--home", "--root", "--vault"):
        parser.add_argument(name, required=True)
    words = parser.parse_args()
    logs.begin("courier")
    signal.signal(signal.SIGTERM, _stopped)
    try:
        run(words.coordinator, Path(words.home), Path(words.root), Path(words.vault))
    except DeploymentError as error:
        sys.exit(f"courier: {error}")


if __name__ == "__main__":
    main()
