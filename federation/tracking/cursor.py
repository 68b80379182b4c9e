"""How far a run's spool has been sent, and into which MLflow runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

NAME = "tracking.sent"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Bytes of the spool that MLflow has (done) and may have (tried).

    runs: country ('' the federation) -> MLflow run.
    """

    store: str = ""
    done: int = 0
    tried: int = 0
    runs: Mapping[str, str] = field(default_factory=dict)


def load(folder: Path) -> Sent:
    """What was noted, or nothing: to begin again from the start is safe, sending is idempotent."""
    try:
        return Sent(**json.loads((folder / NAME).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Sent()


def save(folder: Path, sent: Sent) -> None:
    """Note it durably: a resumed run must know what may have reached MLflow even after a power cut."""
    beside = folder / f"{NAME}.{os.getpid()}.tmp"
    with beside.open("w", encoding="utf-8") as file:
        json.dump(asdict(sent), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / NAME)
