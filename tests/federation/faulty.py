"""A deployment's own grid over vaults of this process, one of which is faulty in one round."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from types import SimpleNamespace

from flwr.app import Message
from flwr.supercore.task_identity import TaskIdentity

from federation.coordinator import rounds
from federation.coordinator.state import Outcome, Watch
from federation.deployment.coordinator.polling_grid import PollingGrid
from federation.runs.run import Run
from federation.runs.simulation import Simulation
from federation.training import sequential
from federation.training.jobs import Job, Result
from federation.vault.round import serve
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, encode

Change = Callable[[Frame, Mapping[int, Frame]], list[Frame | bytes]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """change: (what the victim would send, what it sent in earlier rounds) -> what arrives instead.

    hangs: seconds for which the victim does nothing; crashes: its training raises; deaf: no request reaches it.
    """

    change: Change = lambda frame, earlier: [frame]  # noqa: ARG005
    hangs: float = 0.0
    crashes: bool = False
    deaf: bool = False


@dataclass(kw_only=True)
class Region:
    """What Flower's grid is to PollingGrid: nodes that are there, and take messages one after another."""

    ready: Simulation
    victim: str
    round: int
    fault: Fault
    _replies: dict[str, list[Message]] = field(default_factory=dict)
    _queue: list[Message] = field(default_factory=list)  # of the victim, while it hangs
    _until: float = 0.0
    _sent: dict[int, Frame] = field(default_factory=dict)
    _pushed: int = 0

    def get_nodes(self) -> Iterable[SimpleNamespace]:
        """All, always."""
        return [
            SimpleNamespace(node_id=node, last_activated_at="now") for node in self.ready.run.federation.nodes.values()
        ]

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Serve all but the victim while it hangs."""
        self._wake()
        names: list[str] = []
        served: list[Message] = []
        for message in messages:
            self._pushed += 1
            names.append(f"m{self._pushed}")
            message.metadata.__dict__["_message_id"] = names[-1]
            faulty = self._faulty(message)
            if faulty and self.fault.deaf:
                continue
            if faulty and self.fault.hangs:
                self._until = monotonic() + self.fault.hangs
            busy = monotonic() < self._until and self._country(message) == self.victim
            (self._queue if busy else served).append(message)
        self._serve(served)
        return names

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Replies, each once; the victim's as soon as it hangs no more, in the order of its requests."""
        self._wake()
        return [reply for name in message_ids for reply in self._replies.pop(name, [])]

    def _wake(self) -> None:
        if monotonic() >= self._until:
            for message in self._queue:
                self._serve([message])
            self._queue.clear()

    def _serve(self, messages: Sequence[Message]) -> None:
        inbox = [(self.ready.vaults[each.metadata.dst_node_id], unseal(each.content)) for each in messages]
        crash = self.fault.crashes and any(self._faulty(each) for each in messages)

        def train(jobs: Sequence[Job]) -> list[Result]:
            if crash and any(job.country == self.victim for job in jobs):
                raise RuntimeError("a record that the model cannot bear")
            return sequential.run(jobs)

        for message, data in zip(messages, serve(inbox, train), strict=True):
            self._replies[message.metadata.message_id] = [
                Message(seal(one if isinstance(one, bytes) else encode(one)), reply_to=message)
                for one in self._changed(message, decode(data))
            ]

    def _changed(self, message: Message, reply: Frame) -> list[Frame | bytes]:
        if self._country(message) != self.victim:
            return [reply]
        replies: list[Frame | bytes] = [reply]
        if self._faulty(message):
            replies = self.fault.change(reply, self._sent)
        self._sent[reply.header.get("round", 0)] = reply
        return replies

    def _faulty(self, message: Message) -> bool:
        return self._country(message) == self.victim and self._request(message).header["round"] == self.round

    def _country(self, message: Message) -> str:
        return self.ready.vaults[message.metadata.dst_node_id].country

    def _request(self, message: Message) -> Frame:
        return decode(unseal(message.content))


@dataclass(frozen=True, kw_only=True)
class WithFault:
    """A simulation in one round of which the victim is faulty."""

    simulation: Simulation
    fault: Fault
    victim: str
    round: int

    @property
    def run(self) -> Run:
        return self.simulation.run

    def rounds(self, watch: Watch) -> Outcome:
        """All rounds, on a deployment's own grid."""
        TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1  # Flower's messages are of a task
        region = Region(ready=self.simulation, victim=self.victim, round=self.round, fault=self.fault)
        grid = PollingGrid(region, enough=len(self.run.federation.nodes))
        return rounds.federate(grid, self.run.federation, self.run.progress, watch)

    def with_regional_rows(self, outcome: Outcome) -> Outcome:
        """As in every simulation."""
        return self.simulation.with_regional_rows(outcome)
