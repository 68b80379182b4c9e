"""The grid of a deployment against a link whose nodes come, go, reply with errors or not at all."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from flwr.app import Error, Message, RecordDict
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError
from flwr.supercore.task_identity import TaskIdentity

from federation.deployment.coordinator import polling_grid as grids
from federation.deployment.coordinator.polling_grid import PollingGrid


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1  # Flower creates messages for a task only
    monkeypatch.setattr(grids, "NODE_POLL", 0.05)
    monkeypatch.setattr(grids, "RETRY", 0.05)
    monkeypatch.setattr(grids, "ABSENT", 0.3)
    monkeypatch.setattr(grids, "GONE", 0.6)


@dataclass
class Link:
    """online: node -> when it was activated, as Flower says. behaviour: node -> what it does with its messages."""

    online: dict[int, str]
    behaviour: dict[int, list[str]] = field(default_factory=dict)
    pushed: list[Message] = field(default_factory=list)
    open: dict[str, Message] = field(default_factory=dict)
    comes: dict[int, float] = field(default_factory=dict)
    breaks: int = 0

    def get_nodes(self) -> Iterable[SimpleNamespace]:
        now = time.monotonic()
        later = {node: str(at) for node, at in self.comes.items() if now >= at}
        online = {**self.online, **later}
        return [SimpleNamespace(node_id=node, last_activated_at=at) for node, at in online.items()]

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        names = []
        for message in messages:
            name = f"m{len(self.pushed)}"
            message.metadata.__dict__["_message_id"] = name
            self.pushed.append(message)
            self.open[name] = message
            names.append(name)
        if self.breaks:
            self.breaks -= 1
            raise ObjectPushError("object", 1, "session")
        return names

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        replies = []
        for name in message_ids:
            message = self.open.get(name)
            if message is None:
                continue
            node = message.metadata.dst_node_id
            todo = self.behaviour.get(node) or ["reply"]
            what = todo.pop(0) if len(todo) > 1 else todo[0]
            if what == "silent":
                continue
            del self.open[name]
            if what == "error":
                replies.append(Message(Error(code=3, reason="away"), reply_to=message))
            else:
                replies.append(Message(RecordDict(), reply_to=message))
        return replies


def _send(link: Link, nodes: Iterable[int], enough: int, timeout: float | None = 5.0) -> tuple[list[int], float]:
    messages = [Message(RecordDict(), dst_node_id=node, message_type="train", ttl=60.0) for node in nodes]
    began = time.monotonic()
    replies = PollingGrid(link, enough).send_and_receive(messages, timeout=timeout)
    return sorted(reply.metadata.src_node_id for reply in replies), time.monotonic() - began


def test_all_reply_and_no_time_is_lost() -> None:
    link = Link({2: "a", 3: "a"})
    replied, took = _send(link, (2, 3), enough=2)
    assert replied == [2, 3]
    assert took < 1
    assert len(link.pushed) == 2  # each once


def test_an_offline_node_is_awaited_shortly_once_a_quorum_replied() -> None:
    replied, took = _send(Link({2: "a"}), (2, 3), enough=1)
    assert replied == [2]
    assert 0.2 < took < 2


def test_a_node_that_gets_a_second_request_in_a_round_with_enough_replies_is_not_awaited_again() -> None:
    link = Link({2: "a"})
    grid = PollingGrid(link, 1)

    def send(group: str, *nodes: int) -> tuple[list[int], float]:
        messages = [
            Message(RecordDict(), dst_node_id=node, message_type="train", ttl=60.0, group_id=group) for node in nodes
        ]
        began = time.monotonic()
        replies = grid.send_and_receive(messages, timeout=5.0)
        return sorted(reply.metadata.src_node_id for reply in replies), time.monotonic() - began

    assert send("1", 2, 3)[0] == [2]
    replied, took = send("1", 3)
    assert replied == []
    assert took < 1
    replied, took = send("2", 2, 3)  # offline for long: the next round does not wait either
    assert replied == [2]
    assert took < 0.25
    link.online[3] = "b"
    assert send("3", 2, 3)[0] == [2, 3]


def test_without_a_quorum_the_round_lasts_as_long_as_its_deadline() -> None:
    replied, took = _send(Link({2: "a"}), (2, 3), enough=2, timeout=1.0)
    assert replied == [2]
    assert took == pytest.approx(1.0, abs=0.5)


def test_a_node_that_comes_late_gets_its_request_then() -> None:
    link = Link({2: "a"}, comes={3: time.monotonic() + 0.6})
    assert _send(link, (2, 3), enough=2)[0] == [2, 3]
    assert [message.metadata.dst_node_id for message in link.pushed] == [2, 3]


def test_a_node_that_came_back_gets_its_message_again_as_a_new_one() -> None:
    """Its courier died with the message: Flower delivers each one once."""
    link = Link({2: "a"}, {2: ["silent"]}, comes={})
    link.comes[2] = time.monotonic() + 0.4  # activated anew
    link.behaviour[2] = ["silent"] * 8 + ["reply"]
    assert _send(link, (2,), enough=1)[0] == [2]
    assert len(link.pushed) == 2
    assert link.pushed[0].metadata.message_id != link.pushed[1].metadata.message_id


def test_after_an_error_a_node_gets_its_request_a_few_times_more_and_an_error_is_never_a_reply() -> None:
    link = Link({2: "a", 3: "a"}, {2: ["error", "reply"], 3: ["error"]})
    replied, took = _send(link, (2, 3), enough=1)
    assert replied == [2]
    assert took < 3
    assert [message.metadata.dst_node_id for message in link.pushed].count(3) == grids.TRIES


def test_a_superlink_that_was_started_again_in_the_middle_of_a_push_gets_the_messages_again() -> None:
    link = Link({2: "a", 3: "a"}, breaks=1)
    assert _send(link, (2, 3), enough=2)[0] == [2, 3]
    assert [message.metadata.dst_node_id for message in link.pushed] == [2, 3, 2, 3]


def test_a_late_reply_to_an_earlier_message_counts_for_nothing() -> None:
    link = Link({2: "a"})
    stray = Message(RecordDict(), dst_node_id=2, message_type="train", ttl=60.0)
    link.push_messages([stray])
    assert _send(link, (2,), enough=1)[0] == [2]
    assert list(link.open) == ["m0"]  # not requested


def test_a_message_lives_no_longer_than_its_round() -> None:
    link = Link({2: "a"})
    _send(link, (2,), enough=1, timeout=7.0)
    assert 6 < link.pushed[0].metadata.ttl <= 7
