"""What a courier does for forecasts: now and then it fetches the newest champions, for the vault's user to read.

It verifies sizes, names and digests alone, which spare it downloads: `gotong node issue` verifies signatures. What a
coordinator that lies can take of it is bounded: so many files, so many bytes, so many seconds.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic

import httpx

PATH = "/v1/gotong/champions"  # at the gateway: a list, and below it the files
SUFFIX = ".champion"
ASKED = "asked.json"  # when the coordinator was last asked
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,150}\.champion")
MOST_FILES = 16
LARGEST = 256 * 2**20  # bytes of all files together
LONGEST_LIST = 2**16  # bytes
PATIENCE = 120.0  # seconds for all of it
WAITING = 8.0  # seconds for the next bytes: less than Flower takes a silent node for gone
READABLE = 0o640  # by the group that vault and courier share

HEADERS = {"accept-encoding": "identity"}

log = logging.getLogger("courier")


class NotFetchedError(Exception):
    """No champion was fetched; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A file that the coordinator offers. digest: SHA-256, hexadecimal."""

    name: str
    size: int
    digest: str


def fetch(client: httpx.Client, address: str, folder: Path, heartbeat: Callable[[], None]) -> list[str]:
    """Fetch what is new into the folder, and note that the coordinator was asked; names of new files.

    client: on whose connection this node has just made a call of its own, for the gateway serves nobody else. Raises
    NotFetchedError, with the files that were there before in their places, or httpx.HTTPError.
    """
    until = monotonic() + PATIENCE
    offered, new = _listed(client, f"https://{address}{PATH}", until, heartbeat), []
    try:
        for each in offered:
            if _digest(folder / each.name) != each.digest:
                _download(client, f"https://{address}{PATH}/{each.name}", folder, each, until, heartbeat)
                new.append(each.name)
        for path in folder.glob(f"*{SUFFIX}"):
            if path.name not in {each.name for each in offered}:
                path.unlink()
        _write(folder / ASKED, [json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds")}).encode()])
    except OSError as error:
        raise NotFetchedError(f"{folder}: {error.strerror}") from None
    return new


def _listed(client: httpx.Client, url: str, until: float, heartbeat: Callable[[], None]) -> list[Listed]:
    with _reply(client, url) as response:
        raw = b"".join(_parts(response, LONGEST_LIST, until, heartbeat))
    try:
        offered = [Listed(**each) for each in json.loads(raw)]
        sound = all(
            type(each.name) is str and NAME.fullmatch(each.name) and type(each.size) is int and each.size > 0
            for each in offered
        )
    except (ValueError, TypeError, RecursionError):
        sound = False
    if not sound or len(offered) > MOST_FILES or sum(each.size for each in offered) > LARGEST:
        raise NotFetchedError(f"its list of champions is none, or offers more than {LARGEST // 2**20} MiB")
    return offered


def _download(
    client: httpx.Client, url: str, folder: Path, each: Listed, until: float, heartbeat: Callable[[], None]
) -> None:
    with _reply(client, url) as response:
        parts = list(_parts(response, each.size, until, heartbeat))
    if sha256(b"".join(parts)).hexdigest() != each.digest:
        raise NotFetchedError(f"{each.name} is not the file that was announced")
    _write(folder / each.name, parts)


@contextmanager
def _reply(client: httpx.Client, url: str) -> Iterator[httpx.Response]:
    """A reply whose body is still to be read; one that leads elsewhere is not followed."""
    with client.stream("GET", url, follow_redirects=False, headers=HEADERS, timeout=WAITING) as response:
        if response.status_code != httpx.codes.OK:
            raise NotFetchedError(f"HTTP {response.status_code}")
        yield response


def _parts(response: httpx.Response, most: int, until: float, heartbeat: Callable[[], None]) -> Iterator[bytes]:
    size = 0
    for part in response.iter_raw():
        heartbeat()
        size += len(part)
        if size > most:
            raise NotFetchedError("more was sent than was announced")
        if monotonic() > until:
            raise NotFetchedError(f"it took more than {PATIENCE:.0f} s")
        yield part


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _write(path: Path, parts: Sequence[bytes]) -> None:
    """Replace a file as a whole, readable by the group."""
    temp_path = path.with_name(f".{path.name}.new")
    with temp_path.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    temp_path.chmod(READABLE)
    temp_path.replace(path)
