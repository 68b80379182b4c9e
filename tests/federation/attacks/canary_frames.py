"""Values that stand in one country's records alone, searched in every byte that passes to and from the coordinator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from federation.runs import simulation
from federation.vault import gate, outgoing
from federation.wire.frame import encode
from tests.deployment.canaries import canaries_in, plant
from tests.federation.attacks.differencing import FIVE
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.region import prepared, ran
from tests.federation.sealed.federation import Line

ATTACK, FOUND = "canaries in all messages", "patterns found"


def canaries(seed: int) -> Iterator[Figure]:
    """In plain and sealed runs with the gate as it is; and in a plain one whose gate lets observed cases pass."""
    for under, template, protection in (
        ("open", "open", "none"),
        ("guarded", "guarded", "none"),
        ("sealed", "sealed", "sealed"),
    ):
        yield found(under, searched(seed, template, protection))
    with broken_gate():
        yield found("open, with a broken gate", searched(seed, "open", "none"))


def found(under: str, messages: Mapping[str, bytes]) -> Figure:
    """How many patterns stand anywhere in these messages."""
    names = {name for data in messages.values() for name in canaries_in(data)}
    size = sum(map(len, messages.values()))
    note = f"{len(messages)} messages, {size / 1e6:.1f} MB"
    return Figure(attack=ATTACK, measure=FOUND, under=under, value=len(names), note=note)


def searched(seed: int, template: str, protection: str, **chosen: Any) -> dict[str, bytes]:
    """Every request and reply of a run with canaries in LAO's records."""
    synthesize, line = simulation._synthesize, Line()

    def with_canaries(settings: Any, task: Any, folder: Path, countries: Any) -> None:
        synthesize(settings, task, folder, countries)
        plant(folder / "data" / "LAO" / task.file)

    with TemporaryDirectory() as folder, patch.object(simulation, "_synthesize", with_canaries):
        ready = prepared(
            Path(folder), seed, template=template, protection=protection, countries=FIVE, rounds=2, quorum=1, **chosen
        )
        ran(ready, line=line)
    passed = [*line.requests, *line.replies]
    return {f"{number} {country}": encode(frame) for number, (country, frame) in enumerate(passed)}


@contextmanager
def broken_gate() -> Iterator[None]:
    """A gate that lets anything pass, and updates with the observed cases in them."""
    honest = outgoing.outgoing

    def leaking(request: Any, records: Any, federated: Any, scores: Any) -> gate.Outgoing:
        reply = honest(request, records, federated, scores)
        leak = {"update/leak": records.windows["train"].observed.astype("float32")} if reply.arrays else {}
        return replace(reply, arrays={**reply.arrays, **leak})

    anything = patch.object(gate, "_allowed", lambda name, value, contract: value)  # noqa: ARG005
    with anything, patch.object(outgoing, "outgoing", leaking):
        yield
