"""A gateway as the process it is, in front of a stand-in for the SuperLink, for tests."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from federation.deployment import certificates
from federation.deployment.coordinator.connections import Limits
from federation.deployment.rehearsal import free_port
from federation.deployment.secret_files import private_folder
from tests.deployment.loopback import PATIENCE

CALL = "/v1/fleet/pull-messages"
LARGE = "/v1/fleet/push-object"
ENROLLED = {"key": "enrolled"}


@dataclass(frozen=True, kw_only=True)
class Front:
    """A gateway that listens. pid: of its process."""

    port: int
    pid: int
    ca: Path

    def memory(self) -> float:
        """MiB that the process holds in memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def files(self) -> int:
        """Open files of the process, connections among them."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """A client that calls from this address."""
        transport = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=self.ca), local_address=source)
        return httpx.Client(transport=transport, base_url=f"https://127.0.0.1:{self.port}", timeout=30)

    def connected(self, source: str, tls: bool = False, sent: bytes = b"") -> socket.socket:
        """A connection from this address that has sent so much and sends no more."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(source, 0))
        if tls:
            context = ssl.create_default_context(cafile=self.ca)
            line = context.wrap_socket(line, server_hostname="127.0.0.1")
        if sent:
            line.sendall(sent)
        return line


def half_body(size: int, sent: int) -> bytes:
    """The head of a large request and the first bytes of its body."""
    return f"POST {LARGE} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + bytes(sent)


def ended(line: socket.socket) -> bool:
    """Whether the other side has closed it, or closes it within its timeout."""
    try:
        while line.recv(2**16):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def front(folder: Path, limits: Limits | None = None) -> Iterator[Front]:
    """A gateway in front of a SuperLink that knows one key."""
    home = private_folder(folder / "home")
    certificates.create(home, ["127.0.0.1"])
    port = free_port()
    with superlink(home, port + 1), (folder / "log").open("wb") as log:
        command = [
            *(sys.executable, "-m", "federation.deployment.coordinator.gateway", "--host", "127.0.0.1"),
            *("--port", str(port), "--superlink", f"127.0.0.1:{port + 1}", "--home", str(home)),
            *("--limits", json.dumps(asdict(limits or Limits()))),
        ]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + PATIENCE
            while not _listens(port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.05)
            yield Front(port=port, pid=process.pid, ca=home / "ca.pem")
            assert process.poll() is None, (folder / "log").read_text()
        finally:
            process.terminate()
            process.wait(20)
    assert (folder / "log").read_text() == ""


@contextmanager
def superlink(home: Path, port: int) -> Iterator[None]:
    """A stand-in for the SuperLink: success for the enrolled key, 401 for others; it repeats what it received."""
    certificate, key = home / "server.pem", home / "server.key"
    config = uvicorn.Config(_repeat, port=port, ws="none", log_level="error", ssl_certfile=certificate, ssl_keyfile=key)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(20)


async def _repeat(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    known = (b"key", b"enrolled") in scope["headers"] or scope["path"] == "/health"
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200 if known else 401, "headers": head})
    await send({"type": "http.response.body", "body": body})


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
