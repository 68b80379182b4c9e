"""uvicorn behind an accept loop that counts connections before TLS: uvicorn itself has one limit for all together."""

import asyncio
import logging
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from federation.deployment.coordinator.connections import Connection, Connections

HANDSHAKE = 10.0  # seconds of TLS before the first byte of a request
BACKLOG = 2048  # connections that the kernel holds before they are accepted
TICK = 1.0  # seconds between two looks at overdue connections
STOPPING = 5  # seconds for requests to end when the gateway stops
LARGEST_HEAD = 32 * 2**10  # bytes of a request's head

log = logging.getLogger("gateway")


class Server(uvicorn.Server):
    """A server whose connections are all in `connections`."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections
        self._tasks: set[asyncio.Task[None]] = set()
        self.servers = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept on the one given socket from now on."""
        await self.lifespan.startup()
        assert sockets is not None
        self._keep(self._accept(*sockets))
        self._keep(self._close_overdue())
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, and end what goes on."""
        for task in self._tasks:
            task.cancel()
        await super().shutdown(sockets)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, peer = await loop.sock_accept(listening)
            except OSError as error:  # the peer went away, or the machine is out of files
                log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(0.1)
                continue
            if connection := self._connections.admit(line, peer[:2]):
                self._keep(self._open(connection, line, peer[:2]))
            else:
                line.close()

    async def _open(self, connection: Connection, line: socket.socket, peer: tuple[str, int]) -> None:
        """TLS, then uvicorn's protocol; the connection is forgotten when either ends."""

        def protocol() -> Protocol:
            return Protocol(self.config, self.server_state, lambda: self._connections.forget(peer, connection))

        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, line, ssl=self.config.ssl, ssl_handshake_timeout=HANDSHAKE, ssl_shutdown_timeout=1.0
            )
        except OSError:  # no TLS, too slow, or gone: a stranger's everyday
            self._connections.forget(peer, connection)
            line.close()

    async def _close_overdue(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._connections.close_overdue()

    def _keep(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Protocol(H11Protocol):
    """One connection's HTTP. lost: called when it has ended."""

    def __init__(self, config: uvicorn.Config, state: ServerState, lost: Callable[[], None]) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._lost = lost

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; in the middle of a reply there is nothing left to say, where uvicorn raises."""
        if self.conn.our_state in (h11.MUST_CLOSE, h11.CLOSED):  # the last reply was the last
            self.transport.abort()
        elif self.cycle is None or self.cycle.response_complete:
            super().send_400_response(msg)
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost()


def bound(host: str, port: int) -> socket.socket:
    """A listening socket."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)
    listening.setblocking(False)
    return listening


def open_files(needed: int) -> int:
    """Raise this process's limit of open files as far as it may go, up to what is needed; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, needed if hard == resource.RLIM_INFINITY else min(needed, hard))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
