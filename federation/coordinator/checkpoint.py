"""Checkpoints: all a run needs to continue as if it had never stopped. One file, replaced atomically; no pickle."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from federation.coordinator.state import Arrays, Candidate, Federation, Progress
from federation.errors import CheckpointError, WireError
from federation.settings.upgrade import OLDEST, upgraded_header
from federation.settings.values import plain
from federation.wire.frame import STORED, VERSION, Frame, decode, digest, encode, version_of
from tasks.files.atomic import write_atomically

FILE = "checkpoint.gotong"
MODEL = "model.gotong"
GROUPS = ("model", "shared", "server", "board")


def save_model(folder: Path, run: str, model: Arrays, averaged: Sequence[int] = ()) -> None:
    """Keep the final model of a run that has ended. averaged: the numbers of rounds whose models it is the mean of."""
    arrays = {f"model/{name}": value for name, value in model.items()}
    _write(folder / MODEL, Frame(kind="model", header={"run": run, "averaged": list(averaged)}, arrays=arrays))


def load_model(folder: Path) -> Arrays:
    """The final model of a run. Raises CheckpointError if the run has not ended, or the file is damaged."""
    if not (folder / MODEL).exists():
        raise CheckpointError(f"run {folder.name} has not ended; end it first with resume={folder.name}")
    return _copied(_read(folder / MODEL)[0].group("model"))


def averaged_rounds(folder: Path) -> tuple[int, ...]:
    """Numbers of rounds whose models a run's final one is the mean of. Raises CheckpointError as `load_model` does."""
    if not (folder / MODEL).exists():
        raise CheckpointError(f"run {folder.name} has not ended; end it first with resume={folder.name}")
    return tuple(_read(folder / MODEL)[0].header.get("averaged", ()))


def save(federation: Federation, progress: Progress) -> None:
    """Write the checkpoint; it is either the old one or the new one, whole, at any moment of a crash."""
    arrays = {f"{group}/{name}": value for group in GROUPS for name, value in getattr(progress, group).items()}
    for candidate in progress.best:
        arrays |= {f"best.{candidate.round}/{name}": value for name, value in candidate.model.items()}
    header = {
        "run": federation.run,
        "round": progress.round,
        "tracked_bytes": progress.tracked_bytes,
        "examples": dict(progress.examples),
        "last_aggregated": dict(progress.last_aggregated),
        "records": dict(progress.records),
        "losses": dict(progress.losses),
        "first_losses": dict(progress.first_losses),
        "best": [[candidate.round, candidate.value] for candidate in progress.best],
        "settings": plain(federation.settings),
        "countries": sorted(federation.nodes),
    }
    _write(federation.checkpoint, Frame(kind="checkpoint", header=header, arrays=arrays))


def save_header(folder: Path, header: Mapping[str, Any]) -> None:
    """Keep what `read_header` reads of a run that is not continued here: settings, and no arrays."""
    _write(folder / FILE, Frame(kind="checkpoint", header=header))


def load(path: Path) -> tuple[Progress, Mapping[str, Any]]:
    """Where a run stands, to continue it, and its header. Raises CheckpointError if it is missing, damaged or old."""
    frame, version = _read(path)
    run = path.parent.name
    if version != VERSION:
        raise CheckpointError(
            f"run {run} was begun with {OLDEST}, and this version cannot continue it; finish it with that version, or "
            f"start a new run (start_from={run} takes its model if it has ended)"
        )
    header = frame.header
    best = tuple(
        Candidate(round=round_, value=value, model=_copied(frame.group(f"best.{round_}")))
        for round_, value in header["best"]
    )
    progress = Progress(
        round=header["round"],
        model=_copied(frame.group("model")),
        shared=_copied(frame.group("shared")),
        server=_copied(frame.group("server")),
        board=_copied(frame.group("board")),
        examples=header["examples"],
        last_aggregated=header["last_aggregated"],
        best=best,
        records=header.get("records", {}),
        losses=header.get("losses", {}),
        first_losses=header.get("first_losses", {}),
        tracked_bytes=header["tracked_bytes"],
    )
    return progress, header


def read_header(path: Path) -> Mapping[str, Any]:
    """A run's header alone (run, round, countries, settings), of this version or the one before.

    Raises CheckpointError if it is missing or damaged.
    """
    frame, version = _read(path)
    return frame.header if version == VERSION else upgraded_header(frame.header)


def _write(path: Path, frame: Frame) -> None:
    data = encode(frame)
    try:
        write_atomically(path, data + bytes.fromhex(digest(data)))
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror}); make room, and continue from the one before if it is there"
        ) from None


def _read(path: Path) -> tuple[Frame, int]:
    """A stored frame and its wire version."""
    if not path.exists():
        raise CheckpointError(f"{path} does not exist; resume=RUN takes a run that began")
    raw = path.read_bytes()
    data, seal = raw[:-32], raw[-32:]
    if bytes.fromhex(digest(data)) != seal:
        raise CheckpointError(f"{path} is damaged (its checksum does not match); restore it or start the run again")
    try:
        return decode(data, accepted=STORED), version_of(data)
    except WireError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _copied(arrays: Arrays) -> Arrays:
    """Arrays of their own, for those of a frame are views of its bytes."""
    return {name: value.copy() for name, value in arrays.items()}
