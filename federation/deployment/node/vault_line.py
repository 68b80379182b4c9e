"""One frame to the vault's socket, one back."""

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from federation.errors import WireError
from federation.wire.frame import read_header
from federation.wire.header import LARGEST as ANY_HEADER
from federation.wire.signature import frame_of

LARGEST = 2**31  # bytes of a frame
ANY_VERSION = range(2**16)  # a reply of another wire version is passed on: the coordinator says what to install


class VaultAbsentError(Exception):
    """The vault took no frame, or died over it. The frame may be sent again: a vault repeats its replies."""


def exchange(vault: Path, frame: bytes, heartbeat: Callable[[], None]) -> bytes:
    """One frame to the vault, one back. Raises VaultAbsentError. The vault may take as long as training takes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)  # not a limit for the vault: how often a heartbeat may be due
        try:
            connection.connect(str(vault))
            sent = 0
            while sent < len(frame):
                sent += _retried(partial(connection.send, frame[sent : sent + 2**20]), heartbeat)
            connection.shutdown(socket.SHUT_WR)
            parts: list[bytes] = []
            while part := _retried(partial(connection.recv, 2**20), heartbeat):
                parts.append(part)
                if sum(map(len, parts)) > LARGEST:
                    raise VaultAbsentError(f"the vault at {vault} sends more than {LARGEST:,} bytes")
        except OSError as error:
            raise VaultAbsentError(f"the vault at {vault} does not reply: {error.strerror or error}") from None
    reply = b"".join(parts)
    try:
        read_header(frame_of(reply), accepted=ANY_VERSION, bounds=ANY_HEADER)
    except WireError:
        raise VaultAbsentError(f"the vault at {vault} broke off in the middle of its reply") from None
    return reply


def _retried(step: Callable[[], Any], heartbeat: Callable[[], None]) -> Any:
    """The result of a step of a socket with a timeout, as often as it takes."""
    while True:
        try:
            return step()
        except TimeoutError:
            heartbeat()
