"""Bodies of requests to the gateway: how large, how slow, and how many at one time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

LARGEST = 16 * 2**20  # bytes of one request; Flower cuts arrays into objects of at most 5 MiB
SMALL = 64 * 2**10  # bytes of a stranger's request, and of one that needs no room among the others
PATIENCE = 60.0  # seconds a body waits for room
DRAIN = 2.0  # seconds in which the rest of a refused body is read and dropped, so that its sender reads the refusal
FIRST, SLOWEST = 30.0, 16 * 2**10  # seconds that any body may take; bytes a second that a larger one must bring

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class RefusedError(Exception):
    """A request that is not passed on; the gateway replies with the reason."""

    def __init__(self, status: int, reason: bytes) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Bodies:
    """Bytes of bodies that may be in memory at one time: all together, and a quarter of that of one address."""

    def __init__(self, most: int) -> None:
        self._most, self._of_one = most, most // 4
        self._held: Counter[str] = Counter()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def room(self, size: int, address: str) -> AsyncIterator[None]:
        """Wait until there is room for so many bytes, and hold it meanwhile. Small ones are not counted."""
        size = 0 if size <= SMALL else size
        try:
            async with asyncio.timeout(PATIENCE):
                while self._held.total() + size > self._most or self._held[address] + size > self._of_one:
                    await self._freed.wait()
        except TimeoutError:
            raise RefusedError(503, b"too many large requests at one time; send it again") from None
        self._held[address] += size
        try:
            yield
        finally:
            self._held[address] -= size
            self._held += Counter()  # forgets addresses that hold nothing
            self._freed.set()
            self._freed = asyncio.Event()


def largest_of(headers: Sequence[tuple[bytes, bytes]], *, known: bool) -> int:
    """Bytes of a body that are read: as many as it declares, LARGEST if it does not say. A stranger's are few.

    Raises RefusedError.
    """
    declared = [int(value) for name, value in headers if name == b"content-length"]
    size = declared[0] if declared else LARGEST
    if size > LARGEST:
        raise RefusedError(413, b"too large")
    if known:
        return size
    if declared and size > SMALL:
        raise RefusedError(413, b"too large before a smaller call of this node has succeeded")
    return min(size, SMALL)


async def received(receive: Receive, most: int) -> list[bytes]:
    """All parts of a body, in the time that its size allows. Raises RefusedError."""
    parts: list[bytes] = []
    left, more = most, True
    try:
        async with asyncio.timeout(FIRST + most / SLOWEST):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400, b"cut short")
                parts.append(message.get("body", b""))
                left, more = left - len(parts[-1]), message.get("more_body", False)
                if left < 0:
                    raise RefusedError(413, b"too large")
    except TimeoutError:
        raise RefusedError(408, b"too slow") from None
    return parts


async def taken(parts: list[bytes]) -> AsyncIterator[bytes]:
    """The parts one after another, each of them forgotten when it was sent."""
    parts.reverse()
    while parts:
        yield parts.pop()


async def drained(receive: Receive) -> None:
    """Drop what is left of a body, for a short while: one that writes on into a closed connection sees no reply."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            while (await receive()).get("more_body", False):
                pass
