"""Checkpoints: all a run needs to go on as if it had never stopped. One file, replaced atomically; no pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from federation.coordinator.progress import Federation, Progress
from federation.errors import CheckpointError, WireError
from federation.settings import plain
from federation.wire import Frame, decode, digest, encode
from tasks.atomic import write_atomically

FILE = "checkpoint.gotong"
GROUPS = ("model", "shared", "server")


def save(federation: Federation, progress: Progress) -> None:
    """Write the checkpoint; it is either the old one or the new one, whole, at any moment of a crash."""
    arrays = {f"{group}/{name}": value for group in GROUPS for name, value in getattr(progress, group).items()}
    header = {
        "run": federation.run,
        "round": progress.round,
        "tracked": progress.tracked,
        "examples": dict(progress.examples),
        "settings": plain(federation.settings),
        "nodes": sorted(federation.nodes),
    }
    data = encode(Frame(kind="checkpoint", header=header, arrays=arrays))
    write_atomically(federation.checkpoint, data + bytes.fromhex(digest(data)))


def load(path: Path) -> tuple[Progress, Mapping[str, Any]]:
    """Progress and header (run, settings, nodes). Raises CheckpointError if it is missing or damaged."""
    if not path.exists():
        raise CheckpointError(f"{path} does not exist; `gotong simulate resume=RUN` takes a run that began")
    raw = path.read_bytes()
    data, seal = raw[:-32], raw[-32:]
    if bytes.fromhex(digest(data)) != seal:
        raise CheckpointError(f"{path} is damaged (its checksum does not match); restore it or start the run again")
    try:
        frame = decode(data)
    except WireError as error:
        raise CheckpointError(f"{path}: {error}") from None
    groups: dict[str, Any] = {
        group: {name: value.copy() for name, value in frame.group(group).items()} for group in GROUPS
    }
    progress = Progress(
        round=frame.header["round"], tracked=frame.header["tracked"], examples=frame.header["examples"], **groups
    )
    return progress, frame.header
