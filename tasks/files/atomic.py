"""Writing a file so that a reader sees the old one or the new one, never half of either."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, making its folder if need be; raises OSError where the disk refuses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp_path = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temp_path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a rename may reach the disk before what it renames
        os.replace(temp_path, path)  # noqa: PTH105 - atomic on POSIX and Windows by documentation
    finally:
        temp_path.unlink(missing_ok=True)
