"""The gateway's application and HTTP parser under hostile bytes, in this process: no socket, no TLS."""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
from uvicorn.server import ServerState

from federation.deployment import certificates
from federation.deployment.coordinator import bodies
from federation.deployment.coordinator.connections import Connections, Limits
from federation.deployment.coordinator.gateway import PASSED, Gateway, config_of
from federation.deployment.coordinator.listener import Protocol
from federation.deployment.secret_files import private_folder
from tests.frames.vault import Outcome, rss

SEEDS: Sequence[bytes] = (
    b"POST /v1/fleet/pull-messages HTTP/1.1\r\nHost: x\r\nkey: enrolled\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST /v1/fleet/push-object HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    b"POST /v1/fleet/push-object HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + b"a" * 90_000,
    b"POST /v1/fleet/activate-node HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"HEAD /health HTTP/1.0\r\n\r\n",
    b"POST /v1/control/start-run HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
)
TOKENS: Sequence[bytes] = (
    *(b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b" ", b"\t", b":", b"%2e%2e/", b"//", b"/../", b"?x=1", b"#", b"%00"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"content-length: 99999999999999999999\r\n", b"Host: y\r\n"),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Connection: close\r\n",
        b"key: enrolled\r\n",
    ),
    *(b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n"),
    *(
        b"fffffffffffffffff\r\n",
        b"0\r\n\r\n",
        b"-1\r\n",
        b"HTTP/2.0",
        b"HTTP/1.0",
        b"HTTP/9.9",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ),
    *(
        b"CONNECT",
        b"OPTIONS",
        b"http://127.0.0.1:9441",
        b"X: " + b"a" * 40_000 + b"\r\n",
        b"A: b\r\n" * 2000,
        b"\x16\x03\x01",
    ),
    *(
        b"/v1/fleet/register-node",
        b"/v1/runtime/acquire-task",
        b"/health",
        b"/v1/fleet/pull-messages",
        b"GTNG",
        b"GTSE",
    ),
)


def mutated(draw: random.Random) -> bytes:
    """Bytes of one connection: one to three requests, with some changes."""
    data = bytearray(b"".join(draw.choice(SEEDS) for _ in range(draw.choice((1, 1, 1, 2, 3)))))
    for _ in range(draw.choice((0, 1, 1, 2, 3, 6))):
        head = min(len(data), 200)  # most of what can go wrong is in the head
        place = draw.randrange((head if draw.random() < 0.9 else len(data)) + 1)
        match draw.randrange(5):
            case 0:
                data[place : place + draw.choice((0, 1, 8))] = draw.choice(TOKENS)
            case 1:
                data[place : place + 1] = draw.randbytes(1)
            case 2:
                del data[place : place + draw.choice((1, 3, 30))]
            case 3:
                data[place:place] = data[place : place + draw.choice((1, 10, 100))] * draw.choice((1, 2, 20))
            case _:
                line = data.find(b"\r\n", place)
                data[line + 2 : line + 2] = draw.choice(TOKENS)
    return bytes(data)


class Front:
    """A gateway whose SuperLink notes what reaches it, and knows one key."""

    def __init__(self, folder: Path) -> None:
        certificates.create(private_folder(folder), ["127.0.0.1"])
        self.connections = Connections(Limits(strangers=8, members=8, per_minute=10**9))
        self.gateway = Gateway("127.0.0.1:1", folder, self.connections)
        self.reached: list[httpx.Request] = []
        self.gateway._client = httpx.AsyncClient(
            base_url="https://127.0.0.1:1", transport=httpx.MockTransport(self._superlink)
        )
        self.config = config_of(self.gateway, folder)
        self.config.load()
        self.state = ServerState()

    async def _superlink(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.reached.append(request)
        known = request.headers.get("key") == "enrolled" or request.url.path == "/health"
        return httpx.Response(200 if known else 401, stream=httpx.ByteStream(request.content[:100]))

    async def connect(self, data: bytes, number: int, draw: random.Random) -> bytes:
        """All that one connection gets back, after its bytes came in pieces and it went away."""
        peer = (f"10.0.{number % 7}.1", number)
        connection = self.connections.admit(Mock(), peer)
        assert connection is not None
        try:
            return await self._exchange(data, peer, draw)
        finally:
            self.connections.forget(peer, connection)

    async def _exchange(self, data: bytes, peer: tuple[str, int], draw: random.Random) -> bytes:
        protocol = Protocol(self.config, self.state, lambda: None)
        transport = Wire(peer)
        protocol.connection_made(transport)
        place = 0
        while place < len(data) and not transport.closed:
            size = draw.choice((1, 10, 1000, 10**6))
            protocol.data_received(data[place : place + size])
            place += size
            await settled(draw.choice((0, 2, 5)))
        await settled(40)
        protocol.connection_lost(None)
        await asyncio.wait_for(asyncio.gather(*self.state.tasks), 5)
        protocol._unset_keepalive_if_required()  # its timer would keep the protocol for a minute
        return bytes(transport.written)


class Wire(asyncio.Transport):
    """What a protocol writes to; closed once it has closed or aborted it."""

    def __init__(self, peer: tuple[str, int]) -> None:
        super().__init__({"peername": peer, "sockname": ("10.0.0.1", 443), "sslcontext": True})
        self.written, self.closed = bytearray(), False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def settled(steps: int) -> None:
    """Let what was scheduled run."""
    for _ in range(steps):
        await asyncio.sleep(0)


def attack(folder: Path, count: int, seed: int) -> Outcome:
    """Send the bytes of so many connections."""
    return asyncio.run(_attack(folder, count, seed))


async def _attack(folder: Path, count: int, seed: int) -> Outcome:
    draw, outcome, front = random.Random(seed), Outcome(), Front(folder)
    wrong: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
    noted = _Noted(wrong)
    logging.getLogger("uvicorn.error").addHandler(noted)
    for number in range(count):
        data, before = mutated(draw), time.process_time()
        try:
            got = await front.connect(data, number, draw)
        except Exception as error:  # what the prover looks for
            outcome.faults.append(f"{type(error).__name__}: {error}: {data[:300]!r}")
            continue
        outcome.cost = sorted([*outcome.cost, (time.process_time() - before, repr(data[:200]))], reverse=True)[:10]
        outcome.kinds[got[:12].decode("ascii", "replace") or "nothing"] += 1
        outcome.faults += [f"{fault}: {data[:300]!r}" for fault in _faults(front, got, wrong)]
        front.reached.clear()
        wrong.clear()
        if number % max(1, count // 20) == 0:
            outcome.memory.append(rss())
    logging.getLogger("uvicorn.error").removeHandler(noted)
    return outcome


class _Noted(logging.Handler):
    """Errors in the log are faults: whoever can write them can fill a disk."""

    def __init__(self, wrong: list[dict[str, Any]]) -> None:
        super().__init__(logging.ERROR)
        self._wrong = wrong

    def emit(self, record: logging.LogRecord) -> None:
        self._wrong.append({"log": record.getMessage()})


def _faults(front: Front, got: bytes, wrong: list[dict[str, Any]]) -> list[str]:
    faults = [f"an error outside any request: {each}" for each in wrong]
    if got and not got.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.1 100")):
        faults.append(f"a reply begins {got[:40]!r}")
    for request in front.reached:
        path, size = request.url.raw_path.decode(), len(request.content)
        if (request.method, path) != ("GET", "/health") and (request.method != "POST" or path not in PASSED):
            faults.append(f"{request.method} {path} was passed on")
        if size > bodies.LARGEST or (request.headers["content-length"] != str(size)):
            faults.append(f"a body of {size:,} bytes was passed on as {request.headers['content-length']}")
        if "transfer-encoding" in request.headers:
            faults.append("a transfer encoding was passed on")
    if front.gateway._bodies._held:
        faults.append("room for a body was not given back")
    if front.connections.counts() != (0, 0):
        faults.append("a connection was not forgotten")
    return faults
