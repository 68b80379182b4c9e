"""A country's own switch: pause, resume, withdraw. A file in the vault's folder, looked at before every frame."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from federation.deployment.node.layout import PAUSED, WITHDRAWN
from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically


def pause(home: Path) -> None:
    """From now on the vault refuses every frame, until resume."""
    _write(home, PAUSED)


def resume(home: Path) -> None:
    """Serve again. Raises DeploymentError after a withdrawal, which is for good."""
    if (_vault(home) / WITHDRAWN).exists():
        raise DeploymentError(
            f"{home} has withdrawn; a withdrawal is undone by a new key and a new home, not by resume"
        )
    (_vault(home) / PAUSED).unlink(missing_ok=True)


def withdraw(home: Path) -> bool:
    """Refuse every frame for good, and put the node's key out of use. Ledger and state stay for the country's books.

    False if the key is not there: a courier with a folder of its own has it.
    """
    _write(home, WITHDRAWN)
    key = home / "courier" / "node.key"
    if not key.exists():
        return key.with_name("node.key.withdrawn").exists()
    key.rename(key.with_name("node.key.withdrawn"))
    return True


def _write(home: Path, name: str) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    folder = _vault(home)
    path = folder / name
    write_atomically(path, json.dumps({"at": at, "by": os.geteuid()}).encode())
    owner = folder.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def _vault(home: Path) -> Path:
    folder = home / "vault"
    if not folder.is_dir():
        raise DeploymentError(f"{home} is no node that ever ran; give home= as for `gotong node`")
    return folder
