"""A sealed federation on the toy task whose messages a test may drop, change or stop."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Message

from federation.coordinator import rounds
from federation.coordinator.state import Outcome
from federation.reporting.rows import ALL
from federation.runs import simulation
from federation.runs.in_process_grid import InProcessGrid
from federation.runs.simulation import Simulation
from federation.training import sequential
from federation.vault.round import Train, serve
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, encode
from tests.federation.federations import Watching, ready, settings_of

FIVE = ("IDN", "KHM", "LAO", "THA", "VNM")
Change = Callable[[str, Frame], Frame | None]


def untouched(country: str, frame: Frame) -> Frame | None:  # noqa: ARG001
    """As it came."""
    return frame


@dataclass
class Line:
    """What happens to messages. request, reply: (country, frame) -> what arrives; None: nothing.

    stop: raises before the message of this number is sent. requests, replies: all that passed, as it arrived.
    """

    request: Change = untouched
    reply: Change = untouched
    stop: int | None = None
    sent: int = 0
    requests: list[tuple[str, Frame]] = field(default_factory=list)
    replies: list[tuple[str, Frame]] = field(default_factory=list)


class StoppedLineError(Exception):
    """The coordinator dies here."""


class LineGrid(InProcessGrid):
    """Vaults in this process, behind a line."""

    def __init__(self, simulation: Simulation, line: Line, train: Train = sequential.run) -> None:
        super().__init__(simulation.vaults, train)
        self._line = line
        self._names = {node: country for country, node in simulation.run.federation.nodes.items()}

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Of the messages that arrive, the replies that arrive."""
        arrived = []
        for message in messages:
            if self._line.stop is not None and self._line.sent >= self._line.stop:
                raise StoppedLineError
            self._line.sent += 1
            country = self._names[message.metadata.dst_node_id]
            frame = self._line.request(country, decode(unseal(message.content)))
            if frame is not None:
                self._line.requests.append((country, frame))
                message.content = seal(encode(frame))
                arrived.append(message)
        replies = []
        for reply in super().send_and_receive(arrived, timeout=timeout):
            country = self._names[reply.metadata.src_node_id]
            frame = self._line.reply(country, decode(unseal(reply.content)))
            if frame is not None:
                self._line.replies.append((country, frame))
                reply.content = seal(encode(frame))
                replies.append(reply)
        return replies


def prepared(
    folder: Path, countries: Iterable[str] = FIVE, policies: Mapping[str, str] | None = None, **rest: Any
) -> Simulation:
    """A run on the toy task that may begin, sealed unless `protection` says otherwise."""
    chosen: dict[str, Any] = {"protection": "sealed", "rounds": 2, "retries": 0} | rest
    settings = settings_of(folder, list(countries), **chosen)
    return ready(settings, policies)


def ran(simulation: Simulation, line: Line | None = None) -> Outcome:
    """All rounds that are left, and the test."""
    grid = LineGrid(simulation, line or Line())
    return rounds.federate(grid, simulation.run.federation, simulation.run.progress, Watching())


def dropping(kind: str, *where: tuple[int, str]) -> Change:
    """Nothing of this kind reaches, or leaves, these countries in these rounds."""

    def change(country: str, frame: Frame) -> Frame | None:
        return None if frame.kind == kind and (frame.header["round"], country) in where else frame

    return change


def with_arrays(frame: Frame, **arrays: Any) -> Frame:
    """The frame with other arrays in it."""
    return replace(frame, arrays={**frame.arrays, **arrays})


KINDS = ("sealed_keys", "sealed_deal", "sealed_round", "sealed_reveal", "sealed_end", "train")


TWELVE = (
    "BGD",
    "BRN",
    "IDN",
    "KHM",
    "LAO",
    "MMR",
    "MYS",
    "PHL",
    "SGP",
    "THA",
    "TLS",
    "VNM",
)  # of four groups, one may stay out


EXCHANGES = 2 + 2 * 4 + 1  # keys, deal; frame and reveal of two rounds, a validation and the test; the end


def some(values: Iterable[Any], *short: Any) -> list[Any]:
    """Parameters of a test, of which all but these are of the long tests."""
    return [pytest.param(value, marks=[] if value in short else [pytest.mark.long]) for value in values]


def same(one: Outcome, other: Outcome) -> bool:
    return all(np.array_equal(one.model[name], other.model[name]) for name in one.model)


def headline(outcome: Outcome, country: str = "ASEAN") -> float:
    row = next(row for row in outcome.rows if (row.country, row.arm, row.horizon) == (country, "federated", ALL))
    return row.value


def asked(line: Line, kind: str, round_: int, country: str) -> Frame:
    return next(
        frame for who, frame in line.requests if (who, frame.kind, frame.header["round"]) == (country, kind, round_)
    )


def replied(ready: simulation.Simulation, country: str, frame: Frame) -> Frame:
    """What a vault says to a request of a lying coordinator's own."""
    vault = next(vault for vault in ready.vaults.values() if vault.country == country)
    [reply] = serve([(vault, encode(frame))], lambda jobs: sequential.run(jobs))
    return decode(reply)


def lying(kind: str, liar: str, change: Callable[[Frame], Frame]) -> Line:
    """A line on which one country sends something else."""
    return Line(reply=lambda country, frame: change(frame) if (country, frame.kind) == (liar, kind) else frame)


def without(frame: Frame, *countries: str, groups: tuple[str, ...] = ("frame", "words", "reveal")) -> Frame:
    """The frame without what these countries published."""
    gone = {f"{group}/{country}" for group in groups for country in countries}
    return replace(frame, arrays={name: value for name, value in frame.arrays.items() if name not in gone})
