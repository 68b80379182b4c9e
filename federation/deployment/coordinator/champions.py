"""Champions that the gateway serves to couriers: a list with digests, and the files, from the coordinator's folder.

Nodes alone are served, on a connection on which an enrolled key was used just now. Files are read in parts; of a file
that is replaced meanwhile, whoever reads the old one goes on with it.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

PATH = "/v1/gotong/champions"
FOLDER, SUFFIX = "champions", ".champion"  # in the coordinator's home
MOST = 16  # files
AT_ONCE = 4  # downloads, and one an address: who reads slowly keeps nobody out but himself
READING = 120.0  # seconds that one may take
PART = 2**18  # bytes


class Champions:
    """What lies in the folder now; digests are computed once a file."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER
        self._digests: dict[tuple[str, int, int], str] = {}

    def listed(self) -> bytes:
        """JSON: name, size and digest of every file."""
        return json.dumps([{"name": path.name, **self._seen(path)} for path in self._files()]).encode()

    def file(self, path: str) -> Path | None:
        """The file of a request's path, if it is one of the list."""
        name = path.removeprefix(f"{PATH}/")
        return next((each for each in self._files() if each.name == name), None)

    def _files(self) -> list[Path]:
        every = sorted(path for path in self._folder.glob(f"[!.]*{SUFFIX}") if path.is_file())
        return every[:MOST]

    def _seen(self, path: Path) -> dict[str, int | str]:
        status = path.stat()
        key = (path.name, status.st_mtime_ns, status.st_size)
        if key not in self._digests:
            self._digests = {each: value for each, value in self._digests.items() if each[0] != path.name}
            self._digests[key] = sha256(path.read_bytes()).hexdigest()
        return {"size": status.st_size, "digest": self._digests[key]}


def parts(path: Path) -> Iterator[bytes]:
    """A file's bytes."""
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part
