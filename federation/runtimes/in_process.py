"""A Flower Grid whose nodes are vaults in this process: no network, no Ray, no copies of a process.

The same requests, vaults, gates and ledger as in a deployment; only the courier is missing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from federation.envelope import seal, unseal
from federation.errors import GotongError
from federation.training.jobs import Job, Result
from federation.vault.database import savepoint, transaction
from federation.vault.vault import Admission, Vault
from federation.wire import Frame, encode
from tasks.errors import TaskError

Train = Callable[[Sequence[Job]], list[Result]]
COORDINATOR = 1  # Flower's own node id of a SuperLink

log = logging.getLogger(__name__)


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


def serve(inbox: Sequence[tuple[Vault, bytes]], train: Train) -> list[bytes]:
    """Replies of several vaults to one request each. All they release is committed before any of it is returned."""
    if not inbox:
        return []
    admitted = [_admit(vault, data) for vault, data in inbox]
    jobs = [job for admission in admitted if isinstance(admission, Admission) for job in admission.jobs]
    by_country = {name: list(group) for name, group in groupby(train(jobs), key=lambda result: result.job.country)}
    replies: list[bytes] = []
    with transaction(inbox[0][0].database):
        for (vault, _), admission in zip(inbox, admitted, strict=True):
            replies.append(_release(vault, admission, by_country.get(vault.country, [])))
    return replies


def _admit(vault: Vault, data: bytes) -> Admission | bytes:
    try:
        return vault.admit(data)
    except (GotongError, TaskError) as error:
        return _refused(vault, error)


def _release(vault: Vault, admission: Admission | bytes, results: Sequence[Result]) -> bytes:
    if isinstance(admission, bytes):
        return admission
    try:
        with savepoint(vault.database):
            return vault.release(admission, results)
    except (GotongError, TaskError) as error:
        return _refused(vault, error)


def _refused(vault: Vault, error: Exception) -> bytes:
    """A refusal that may leave: a policy's words, but never what an error about records quotes from them."""
    log.warning("%s: %s", vault.country, error)
    told = str(error) if isinstance(error, GotongError) else "its records cannot be used; see the log of its node"
    return encode(Frame(kind="refused", header={"reason": f"{vault.country}: {told}"}))
