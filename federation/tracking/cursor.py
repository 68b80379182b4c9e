"""How far a run's spool has been sent, and into which MLflow runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

NAME = "tracking.sent"


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Bytes of the spool that MLflow has (done) and may have (tried).

    runs: country ('' the federation) -> MLflow run.
    """

    store: str = ""
    done: int = 0
    tried: int = 0
    runs: Mapping[str, str] = field(default_factory=dict)


def load(folder: Path) -> Cursor:
    """What was noted, or an empty cursor: to begin again from the start is safe, sending is idempotent."""
    try:
        return Cursor(**json.loads((folder / NAME).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Cursor()


def save(folder: Path, cursor: Cursor) -> None:
    """Note it durably: a resumed run must know what may have reached MLflow even after a power cut."""
    temp_path = folder / f"{NAME}.{os.getpid()}.tmp"
    with temp_path.open("w", encoding="utf-8") as file:
        json.dump(asdict(cursor), file)
        file.flush()
        os.fsync(file.fileno())
    temp_path.replace(folder / NAME)
