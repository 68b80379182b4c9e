"""A Flower Grid that wastes no time: it looks for replies every 0.1 s where Flower's own looks every 3 s.

Built on the public calls of the grid that Flower hands to a ServerApp. It sends a message again to a node that came
back, because Flower delivers each message once; a vault repeats its answer, so nothing is trained or counted twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Protocol

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError
from flwr.supercore.run import Run

PULL = 0.1  # seconds between two looks for replies
LOOK = 1.0  # seconds between two looks at who is there
ABSENT = 2.0  # seconds a round waits for a node that was away when it began, once a quorum has answered
GONE = 30.0  # seconds it waits for one that went away meanwhile: a restart takes a few
AGAIN = 2.0  # seconds before a node that answered with an error is asked once more
TRIES = 3  # times a node is asked that keeps answering with errors


class Link(Protocol):
    """The part of Flower's grid that is used."""

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]: ...
    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]: ...
    def get_nodes(self) -> Iterable[Any]: ...


@dataclass(kw_only=True)
class _Asked:
    """One node of one round. activated: when the node last came, as Flower says, when it was asked."""

    message: Message
    waiting_for: str | None = None
    activated: str = ""
    tries: int = 0
    again: float = 0.0
    away: float | None = None
    present: bool = False


class FastGrid(Grid):
    """`enough`: how many answers make it needless to wait for those who are away."""

    def __init__(self, link: Link, enough: int) -> None:
        self._link, self._enough = link, enough
        self._group, self._before = "", 0  # of the round that is going on, and the answers that it has
        self._away: dict[int, float] = {}  # node -> since when; also over rounds, so that nobody is waited for twice

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
        """Who is online."""
        return [node.node_id for node in self._link.get_nodes()]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """As Flower's."""
        return self._link.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """As Flower's."""
        return self._link.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Replies that came in time, without those that are only an error."""
        until = None if timeout is None else monotonic() + timeout
        asked = [_Asked(message=message) for message in messages]
        self._begin(asked)
        replies: list[Message] = []
        looked = 0.0
        while any(one.waiting_for != "" for one in asked) and (until is None or monotonic() < until):
            if monotonic() - looked >= LOOK:
                self._look(asked)
                looked = monotonic()
            self._push([one for one in asked if one.present and _due(one)], until)
            replies += self._pull(asked)
            if self._before + len(replies) >= self._enough and not any(_worth_waiting(one) for one in asked):
                break
            if any(one.waiting_for != "" for one in asked):
                sleep(PULL)  # Flower's interface has no way to be told
        self._before += len(replies)
        return replies

    def _begin(self, asked: Sequence[_Asked]) -> None:
        """A round may ask twice: those who did not answer again. The answers of both times make it enough."""
        group = asked[0].message.metadata.group_id if asked else ""
        if group != self._group:
            self._group, self._before = group, 0

    def _look(self, asked: Sequence[_Asked]) -> None:
        """Who is there, and who came back since it was asked: its courier may have died with the message."""
        there = {node.node_id: str(node.last_activated_at) for node in self._link.get_nodes()}
        now = monotonic()
        for one in asked:
            node = one.message.metadata.dst_node_id
            came = there.get(node)
            one.present = came is not None
            one.away = None if one.present else self._away.setdefault(node, now)
            if one.present:
                self._away.pop(node, None)
            if came is not None and came != one.activated:
                one.activated = came
                if one.waiting_for not in (None, ""):
                    one.waiting_for = None

    def _push(self, due: Sequence[_Asked], until: float | None) -> None:
        if not due:
            return
        fresh = [_copy(one.message, until) for one in due]
        names: Iterable[str | None]
        try:
            names = self._link.push_messages(fresh)
        except ObjectPushError:  # the SuperLink was started again meanwhile, and forgot what it was being told
            names = [None] * len(due)
        for one, name in zip(due, names, strict=True):
            one.tries += 1
            one.again = monotonic() + AGAIN
            one.waiting_for = name or None

    def _pull(self, asked: Sequence[_Asked]) -> list[Message]:
        waiting = {one.waiting_for: one for one in asked if one.waiting_for}
        good = []
        for reply in self._link.pull_messages(list(waiting)) if waiting else ():
            one = waiting.get(reply.metadata.reply_to_message_id)
            if one is None:
                continue
            if reply.has_error():
                one.waiting_for = None
                one.again = monotonic() + AGAIN
            else:
                one.waiting_for = ""  # answered
                good.append(reply)
        return good


def _due(one: _Asked) -> bool:
    return one.waiting_for is None and one.tries < TRIES and (one.tries == 0 or monotonic() >= one.again)


def _worth_waiting(one: _Asked) -> bool:
    """Whether an answer may still come soon."""
    if one.waiting_for == "":
        return False
    if one.away is not None:
        return monotonic() - one.away < (GONE if one.tries else ABSENT)
    return one.waiting_for is not None or one.tries < TRIES


def _copy(message: Message, until: float | None) -> Message:
    """The same content as a new message: Flower knows a message by its content and time, and delivers it once."""
    meta = message.metadata
    ttl = meta.ttl if until is None else max(until - monotonic(), 1.0)
    return Message(
        message.content, dst_node_id=meta.dst_node_id, message_type=meta.message_type, group_id=meta.group_id, ttl=ttl
    )


def keys_of(link: Link) -> Mapping[int, bytes]:
    """node -> the public key it proved to hold, for those that are online."""
    return {node.node_id: bytes(node.public_key) for node in link.get_nodes()}
