"""Files of the archive: kept once by their digest, read-only, and on the disk before anything refers to them."""

import os
from hashlib import sha256
from pathlib import Path

from federation.errors import ArchiveError
from tasks.files.atomic import write_atomically

READ_ONLY = 0o444


def keep(folder: Path, content: bytes) -> str:
    """Keep these bytes in a folder, in a file named by their SHA-256, which is returned. Raises OSError.

    Call it in `archive.locked`: what a killed process left half written is removed.
    """
    digest = sha256(content).hexdigest()
    for left in folder.glob(".*.tmp"):
        left.unlink()
    path = folder / digest
    if not path.exists():
        write_read_only(path, content)
    return digest


def kept(folder: Path, digest: str, what: str) -> bytes:
    """The bytes with this digest. Raises ArchiveError where they are missing, or others lie in their place."""
    return verified(folder / digest, digest, what)


def verified(path: Path, digest: str, what: str) -> bytes:
    """A file's bytes. Raises ArchiveError where it is missing or not the one with this digest."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{what} {path}: {error.strerror}; restore it from a backup") from None
    if sha256(content).hexdigest() != digest:
        raise ArchiveError(f"{what} {path} was changed after it was archived; restore it from a backup")
    return content


def write_read_only(path: Path, content: bytes) -> None:
    """A file that is whole, durable and read-only as soon as it is there. Raises OSError."""
    write_atomically(path, content)
    path.chmod(READ_ONLY)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
