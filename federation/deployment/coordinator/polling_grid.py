"""A Flower Grid that polls for replies every 0.1 s, where Flower's own polls every 3 s.

Built on the public calls of the grid that Flower hands to a ServerApp. It sends a message again to a node that came
back, because Flower delivers each message once; a vault repeats its reply, so nothing is trained or counted twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Protocol

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError
from flwr.supercore.run import Run

REPLY_POLL = 0.1  # seconds between two polls for replies
NODE_POLL = 1.0  # seconds between two polls of which nodes are online
ABSENT = 2.0  # seconds a round waits for a node that was offline when it began, once a quorum has replied
GONE = 30.0  # seconds it waits for one that went offline meanwhile: a restart takes a few
RETRY = 2.0  # seconds before a node that replied with an error is sent the request again
TRIES = 3  # times a node is sent a request to which it replies with errors


class Link(Protocol):
    """The part of Flower's grid that is used."""

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]: ...
    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]: ...
    def get_nodes(self) -> Iterable[Any]: ...


@dataclass(kw_only=True)
class _Request:
    """The request to one node in one round.

    message_id: of the message whose reply is awaited; None: to be sent. activated: when the node was last activated, as
    Flower says, at the time it was sent. offline_since: monotonic seconds; None: online.
    """

    message: Message
    message_id: str | None = None
    replied: bool = False
    activated: str | None = None
    tries: int = 0
    retry_at: float = 0.0
    offline_since: float | None = None

    @property
    def node(self) -> int:
        return self.message.metadata.dst_node_id

    @property
    def due(self) -> bool:
        """Whether to send it now."""
        if self.replied or self.activated is None or self.message_id is not None or self.offline_since is not None:
            return False
        return self.tries == 0 or (self.tries < TRIES and monotonic() >= self.retry_at)

    @property
    def worth_waiting(self) -> bool:
        """Whether a reply may come soon."""
        if self.replied:
            return False
        if self.offline_since is not None:
            return monotonic() - self.offline_since < (GONE if self.tries else ABSENT)
        return self.message_id is not None or self.tries < TRIES

    def failed(self) -> None:
        """Send it again after a pause."""
        self.message_id, self.retry_at = None, monotonic() + RETRY


class PollingGrid(Grid):
    """enough: the number of replies after which offline nodes are no longer awaited."""

    def __init__(self, link: Link, enough: int) -> None:
        self._link, self._enough = link, enough
        self._group, self._replies = "", 0  # the round in progress, and the number of its replies so far
        self._offline: dict[int, float] = {}  # node -> since when; kept over rounds, so that no node is awaited twice

    def set_run(self, run: Run) -> None:
        """Flower has set it on the grid below."""

    @property
    def run(self) -> Run:
        """Flower's record of the run."""
        return Run.create_empty(run_id=0)

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message to one node."""
        return Message(content, dst_node_id=dst_node_id, message_type=message_type, group_id=group_id, ttl=ttl)

    def get_node_ids(self) -> Iterable[int]:
        """Nodes that are online."""
        return [node.node_id for node in self._link.get_nodes()]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """As Flower's."""
        return self._link.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """As Flower's."""
        return self._link.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Replies that came in time, without errors."""
        until = None if timeout is None else monotonic() + timeout
        requests = [_Request(message=message) for message in messages]
        self._begin(requests)
        replies: list[Message] = []
        polled = float("-inf")
        while not all(request.replied for request in requests) and (until is None or monotonic() < until):
            if monotonic() - polled >= NODE_POLL:
                self._poll_nodes(requests)
                polled = monotonic()
            self._push([request for request in requests if request.due], until)
            replies += self._pull(requests)
            if self._replies + len(replies) >= self._enough and not any(each.worth_waiting for each in requests):
                break
            if not all(request.replied for request in requests):
                sleep(REPLY_POLL)  # Flower's interface does not notify
        self._replies += len(replies)
        return replies

    def _begin(self, requests: Sequence[_Request]) -> None:
        """A round may send twice, to the nodes that did not reply: replies of both times count towards `enough`."""
        group = requests[0].message.metadata.group_id if requests else ""
        if group != self._group:
            self._group, self._replies = group, 0

    def _poll_nodes(self, requests: Sequence[_Request]) -> None:
        """Note who is online. A node that was activated again gets the message again: its courier may have lost it."""
        online = {node.node_id: str(node.last_activated_at) for node in self._link.get_nodes()}
        for request in requests:
            activated = online.get(request.node)
            if activated is None:
                request.offline_since = self._offline.setdefault(request.node, monotonic())
                continue
            request.offline_since = None
            self._offline.pop(request.node, None)
            if activated != request.activated:
                request.activated, request.message_id = activated, None

    def _push(self, due: Sequence[_Request], until: float | None) -> None:
        if not due:
            return
        message_ids: Iterable[str | None]
        try:
            message_ids = self._link.push_messages([_copy(request.message, until) for request in due])
        except ObjectPushError:  # the SuperLink was started again meanwhile and lost the messages
            message_ids = [None] * len(due)
        for request, message_id in zip(due, message_ids, strict=True):
            request.tries += 1
            request.retry_at = monotonic() + RETRY
            request.message_id = message_id or None

    def _pull(self, requests: Sequence[_Request]) -> list[Message]:
        awaited = {request.message_id: request for request in requests if request.message_id and not request.replied}
        replies = []
        for reply in self._link.pull_messages([*awaited]) if awaited else ():
            request = awaited.get(reply.metadata.reply_to_message_id)
            if request is None:
                continue
            if reply.has_error():
                request.failed()
            else:
                request.replied = True
                replies.append(reply)
        return replies


def _copy(message: Message, until: float | None) -> Message:
    """The same content as a new message: Flower knows a message by its content and time, and delivers it once."""
    meta = message.metadata
    ttl = meta.ttl if until is None else max(until - monotonic(), 1.0)
    return Message(
        message.content, dst_node_id=meta.dst_node_id, message_type=meta.message_type, group_id=meta.group_id, ttl=ttl
    )


def public_keys(link: Link) -> Mapping[int, bytes]:
    """node -> the public key it proved to hold, for nodes that are online."""
    return {node.node_id: bytes(node.public_key) for node in link.get_nodes()}
