"""A run of one country on its own machine: its own model's scores, and the frames that a run would send.

The vault, the rounds and the gate are those of a run, in a temporary folder. Nothing leaves the machine.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from flwr.app import Message

from federation.coordinator import rounds
from federation.coordinator.state import Federation, Outcome, Report
from federation.deployment.node.vault_process import read_policy
from federation.errors import PolicyRefusal
from federation.reporting.rows import Row
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.schema import Settings
from federation.training import sequential
from federation.vault.database import open_database
from federation.vault.vault import Vault
from federation.wire.flower_message import unseal
from federation.wire.frame import Frame, decode, encode
from tasks.registry import TASKS

NODE = 2
KEY = bytes(32)  # of a fingerprint that does not leave

PROTECTED = {  # parts of `protection` -> what each means for this country
    "none": "none beyond the policy: the coordinator sees this country's update",
    "sealed": "sealed: nobody sees this country's update, only sums of several",
    "differential_privacy": "differential privacy: noise hides every single place",
}


class RecordingGrid(InProcessGrid):
    """A grid of one vault that keeps the replies the vault would have sent."""

    def __init__(self, vaults: Mapping[int, Vault]) -> None:
        super().__init__(vaults, sequential.run)
        self.replies: list[bytes] = []

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """As in a simulation; the replies are kept."""
        replies = super().send_and_receive(messages, timeout=timeout)
        self.replies += [unseal(reply.content) for reply in replies]
        return replies


@dataclass
class RoundCounter:
    """A watch that counts rounds and tracks nothing."""

    rounds: int = field(default=0)

    def round(self, report: Report) -> None:
        """Count it."""
        self.rounds = report.round

    def flush(self) -> int:
        """Nothing is tracked."""
        return 0

    def commit(self) -> None:
        """Nothing is tracked."""


def train(settings: Settings, country: str, data: Path, policy: Path) -> list[Row]:
    """Test scores of the country's own model and the baselines. Raises PolicyRefusal or DataError."""
    with _one_country(settings, country, data, policy) as (grid, federation):
        outcome = _run(grid, federation)
    return [row for row in outcome.rows if row.country == country and row.arm != "federated"]


def preview(settings: Settings, country: str, data: Path, policy: Path) -> list[Frame]:
    """The frames that one round and the test would send, as they would leave. Raises PolicyRefusal or DataError."""
    with _one_country(replace(settings, rounds=1), country, data, policy) as (grid, federation):
        _run(grid, federation)
        return [decode(reply) for reply in grid.replies]


def introduction(settings: Settings, country: str, data: Path, policy: Path, frames: Sequence[Frame]) -> Iterator[str]:
    """Five lines for a person: who, what task and records, what leaves, bytes, protection."""
    task, rules = TASKS[settings.task.name], read_policy(policy, country)
    panel = task.read(data, country, settings.task)
    kinds = {frame.kind: frame for frame in frames}
    arrays = {name for frame in frames for name in frame.arrays if name.startswith("update/")}
    sizes = ", ".join(f"{len(encode(frame)):,} of {kind}" for kind, frame in kinds.items())
    yield f"who         {country}, from the national files in {data}: a trial on this machine, nothing was sent"
    yield (
        f"task        {task.title(settings.task)}: {len(panel.places)} places, {panel.periods[0]} to "
        f"{panel.periods[-1]}, {int(np.isfinite(panel.target).sum()):,} values on record"
    )
    yield (
        f"leaves      changes of the model's weights ({len(arrays)} arrays), sums and counts of errors, a count of "
        f"examples, a mean loss; no record and no name of a place"
    )
    yield f"bytes       {sizes}; an update in every round, of which this run has {settings.rounds}"
    protected = "; ".join(PROTECTED[name] for name in settings.protection.split("+"))
    yield (
        f"protection  {protected}; no number rests on fewer than {rules.minimum_cohort} place-periods; policy {policy}"
    )


def describe(frame: Frame) -> Iterator[str]:
    """Lines about a frame: the values of its header, then names, shapes and bytes of its arrays."""
    size = sum(value.nbytes for value in frame.arrays.values())
    yield f"{frame.kind}: {len(frame.arrays)} arrays, {size:,} bytes"
    for key, value in sorted(frame.header.items()):
        yield f"  {key} = {value!r}"
    for name, value in sorted(frame.arrays.items()):
        yield f"  {name}  {'x'.join(map(str, value.shape)) or 'one number'}  {value.dtype}  {value.nbytes:,} bytes"


@contextmanager
def _one_country(
    settings: Settings, country: str, data: Path, policy: Path
) -> Iterator[tuple[RecordingGrid, Federation]]:
    torch.set_num_threads(1)
    logging.getLogger("flwr").setLevel(logging.ERROR)  # its strategies log the number of nodes
    with TemporaryDirectory() as scratch:
        database = open_database(Path(scratch) / "vault.sqlite")
        vault = Vault(country=country, folder=data, policy=read_policy(policy, country), database=database, key=KEY)
        plan = settings.plan()
        vault.check(plan)
        vault.records(plan)
        federation = Federation(
            run="dry-run",
            plan=plan,
            settings=replace(settings, quorum=1, quorum_share=0.0, participation=1.0, availability=1.0),
            nodes={country: NODE},
            checkpoint=Path(scratch) / "checkpoint",
        )
        try:
            yield RecordingGrid({NODE: vault}), federation
        finally:
            database.close()


def _run(grid: RecordingGrid, federation: Federation) -> Outcome:
    outcome = rounds.federate(grid, federation, rounds.begin(federation), RoundCounter())
    for summary in outcome.summaries:
        if summary.refused:
            raise PolicyRefusal(summary.refused)
    return outcome
