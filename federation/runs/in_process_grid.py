"""A Flower Grid whose nodes are vaults in this process: no network, no Ray, no copies of a process.

The same requests, vaults, gates and ledger as in a deployment; only the courier is missing.
"""

from collections.abc import Iterable, Mapping

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from federation.vault.round import Train, serve
from federation.vault.vault import Vault
from federation.wire.flower_message import seal, unseal

COORDINATOR = 1  # Flower's own node id of a SuperLink


class InProcessGrid(Grid):
    """Carries messages to vaults and trains all admitted jobs of a round together."""

    def __init__(self, vaults: Mapping[int, Vault], train: Train) -> None:
        self._vaults = vaults
        self._train = train
        self._replies: dict[str, Message] = {}
        self._pushed = 0
        # Flower creates an instruction only for the task that runs in this process.
        TaskIdentity.task_id = TaskIdentity.run_id = 1
        TaskIdentity.node_id = COORDINATOR

    def set_run(self, run: Run) -> None:
        """There is one run a process."""

    @property
    def run(self) -> Run:
        """Flower's record of the run."""
        return Run.create_empty(run_id=1)

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message to one vault."""
        return Message(content, dst_node_id=dst_node_id, message_type=message_type, group_id=group_id, ttl=ttl)

    def get_node_ids(self) -> Iterable[int]:
        """One node a vault."""
        return list(self._vaults)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Serve the messages at once; their ids fetch the replies."""
        names = []
        for reply in self.send_and_receive(messages):
            self._pushed += 1
            names.append(str(self._pushed))  # Flower gives a message its id on the way, which there is not here
            self._replies[names[-1]] = reply
        return names

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Replies to pushed messages, each once."""
        return [self._replies.pop(name) for name in message_ids if name in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        """Admit, train, release; a vault's refusal is a reply like any other."""
        inbox = [(message, self._vaults[message.metadata.dst_node_id]) for message in messages]
        replies = serve([(vault, unseal(message.content)) for message, vault in inbox], self._train)
        return [Message(seal(data), reply_to=message) for (message, _), data in zip(inbox, replies, strict=True)]
