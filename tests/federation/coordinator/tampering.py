"""A grid on which somebody changes, drops or doubles what countries reply."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from flwr.app import Message

from federation.coordinator import rounds
from federation.runs.in_process_grid import InProcessGrid
from federation.runs.simulation import Simulation
from federation.training import sequential
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, encode
from tests.federation.federations import Ran, Watching

Tamper = Callable[[str, Frame], Iterable[Frame | bytes | None]]
ELSEWHERE = 99  # a node that nobody enrolled


class TamperedGrid(InProcessGrid):
    """tamper: (country, its reply) -> what arrives instead; bytes need not be a frame, None comes from elsewhere."""

    def __init__(self, ready: Simulation, tamper: Tamper, requested: list[tuple[str, int]]) -> None:
        super().__init__(ready.vaults, sequential.run)
        self._tamper = tamper
        self._names = {node: country for country, node in ready.run.federation.nodes.items()}
        self._requested = requested

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        requests = list(messages)
        arrived: list[Message] = []
        for instruction, reply in zip(requests, super().send_and_receive(requests, timeout=timeout), strict=True):
            country = self._names[instruction.metadata.dst_node_id]
            self._requested.append((country, decode(unseal(instruction.content)).header["round"]))
            for one in self._tamper(country, decode(unseal(reply.content))):
                if one is None:
                    stranger = Message(instruction.content, dst_node_id=ELSEWHERE, message_type="train")
                    arrived.append(Message(reply.content, reply_to=stranger))
                else:
                    data = one if isinstance(one, bytes) else encode(one)
                    arrived.append(Message(seal(data), reply_to=instruction))
        return arrived


def run_tampered(
    ready: Simulation,
    tamper: Tamper,
    watching: Watching | None = None,
    requested: list[tuple[str, int]] | None = None,
) -> Ran:
    """A federation on such a grid; every request's country and round are added to `requested`."""
    watch = watching or Watching()
    grid = TamperedGrid(ready, tamper, [] if requested is None else requested)
    outcome = rounds.federate(grid, ready.run.federation, ready.run.progress, watch)
    return Ran(ready=ready, outcome=outcome, reports=watch.reports)


def only(victim: str, change: Callable[[Frame], Any]) -> Tamper:
    """Change what one country sends while it trains; `change` gives the list of what arrives instead."""

    def tamper(country: str, frame: Frame) -> Iterable[Any]:
        return change(frame) if country == victim and frame.kind == "update" else [frame]

    return tamper


def scaled(frame: Frame, by: float, group: str = "update") -> Frame:
    arrays = {
        name: value * value.dtype.type(by) if name.startswith(f"{group}/") else value
        for name, value in frame.arrays.items()
    }
    return replace(frame, arrays=arrays)


def with_header(frame: Frame, **changes: Any) -> Frame:
    return replace(frame, header={**frame.header, **changes})


def with_array(frame: Frame, name: str, change: Callable[[Any], Any]) -> Frame:
    return replace(frame, arrays={**frame.arrays, name: change(frame.arrays.get(name))})
