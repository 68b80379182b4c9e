"""Pause, resume, withdraw: a country's own switch, a file in the vault's folder that is checked before every frame."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from federation.deployment import standing
from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically

PAUSED, WITHDRAWN = standing.PAUSED, standing.WITHDRAWN  # files in the vault's folder; its owner alone can make them
LINE = "line"  # a file there: the folder of the socket


def pause(home: Path) -> None:
    """Let the vault refuse every frame until resume."""
    _write(home, PAUSED)


def resume(home: Path) -> None:
    """Serve again. Raises DeploymentError after a withdrawal, which is for good."""
    if (_vault_folder(home) / WITHDRAWN).exists():
        raise DeploymentError(
            f"{home} has withdrawn; a withdrawal is undone by a new key and a new home, not by resume"
        )
    (_vault_folder(home) / PAUSED).unlink(missing_ok=True)
    publish(_vault_folder(home))


def withdraw(home: Path) -> bool:
    """Let the vault refuse every frame for good, and rename the node's key. Ledger and state are kept.

    False if the key is not in this home: a courier with a home of its own has it.
    """
    _write(home, WITHDRAWN)
    key = home / "courier" / "node.key"
    if not key.exists():
        return key.with_name("node.key.withdrawn").exists()
    key.rename(key.with_name("node.key.withdrawn"))
    return True


def _write(home: Path, name: str) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    folder = _vault_folder(home)
    path = folder / name
    write_atomically(path, json.dumps({"at": at, "by": os.geteuid()}).encode())
    owner = folder.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    publish(folder)


def publish(vault_folder: Path, line: Path | None = None) -> None:
    """Write the node's word next to the socket, for the courier. line: the socket's folder; None: where it last was."""
    note = vault_folder / LINE
    if line is not None:
        write_atomically(note, str(line).encode())
    elif note.exists():
        line = Path(note.read_text(encoding="utf-8"))
    if line is None or not line.is_dir():  # the node has not run yet, or does not run: its vault writes it at its start
        return
    names = [name for name in (WITHDRAWN, PAUSED) if (vault_folder / name).exists()]
    file = line / standing.FILE
    write_atomically(file, (names[0] if names else standing.SERVING).encode())
    file.chmod(0o644)  # the folder decides who reaches it


def _vault_folder(home: Path) -> Path:
    folder = home / "vault"
    if not folder.is_dir():
        raise DeploymentError(f"{home} is no node that ever ran; give the home= of `gotong node`")
    return folder
