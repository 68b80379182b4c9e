"""Files that hold secrets: readable by their owner alone, and refused when others could read or change them."""

import os
import stat
from pathlib import Path

from federation.errors import DeploymentError


def private_folder(path: Path) -> Path:
    """A folder only its owner may enter, made if missing. Raises DeploymentError."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}; give a folder that you may write") from None
    return path


def write_secret(path: Path, content: bytes) -> None:
    """A file only its owner may read; it never exists with wider modes, not even for a moment."""
    from tasks.files.atomic import write_atomically  # late: a courier reads secrets, and has nothing of the tasks

    before = os.umask(0o077)
    try:
        write_atomically(path, content)
    finally:
        os.umask(before)


def read_secret(path: Path, what: str) -> bytes:
    """The content of a secret file. Raises DeploymentError if it is missing or others could read or replace it."""
    try:
        mode, owner = path.stat().st_mode, path.stat().st_uid
        content = path.read_bytes()
    except OSError as error:
        raise DeploymentError(f"{what} {path}: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DeploymentError(
            f"{what} {path} has mode {stat.S_IMODE(mode):o}, so others may read it; make it 600 and make a new key "
            f"if others use this machine"
        )
    if owner not in (os.geteuid(), 0):
        raise DeploymentError(f"{what} {path} belongs to user {owner}, not to the one that runs this; change its owner")
    return content
