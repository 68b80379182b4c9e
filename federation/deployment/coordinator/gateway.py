"""The coordinator's gateway: the one port that faces the network. It passes a courier's fleet calls and nothing else.

A SuperLink serves three interfaces on one port: for nodes, for users who start runs and register keys, and for its
executors. The second has no password in the open-source edition, so anybody who reaches the port can start a program
on the coordinator. The SuperLink therefore listens on this machine only, and this proxy is in front of it. To enrolled
nodes it serves the coordinator's champions too.

A stranger gets little: a place among other strangers for half a minute, and small requests. Who has made a call that
the SuperLink replied to with success holds an enrolled key; large bodies are read from members alone.
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from federation.deployment import logs
from federation.deployment.coordinator import champions
from federation.deployment.coordinator.bodies import Bodies, Receive, RefusedError, drained, largest_of, received, taken
from federation.deployment.coordinator.connections import (
    IDLE,
    SUCCESS,
    Connection,
    Connections,
    Limits,
    files_needed,
    fitting,
)
from federation.deployment.coordinator.contacts import Contacts
from federation.deployment.coordinator.listener import LARGEST_HEAD, STOPPING, Server, bound, open_files

PASSED = frozenset(
    {
        "/v1/fleet/activate-node",
        "/v1/fleet/deactivate-node",
        "/v1/fleet/send-node-heartbeat",
        "/v1/fleet/pull-messages",
        "/v1/fleet/push-messages",
        "/v1/fleet/pull-object",
        "/v1/fleet/push-object",
        "/v1/fleet/confirm-message-received",
    }
)
PATIENCE = 60.0  # seconds for the SuperLink to reply
READING = 600.0  # seconds a peer may take to read a reply
STRANGERS_CALLS = 8  # of strangers that the SuperLink looks at together, however many there are
HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"host"})

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Gateway:
    """An ASGI application that passes allowed calls to the SuperLink at `superlink` (host:port).

    home: the coordinator's folder, with its authority's certificate; contacts of nodes are noted there.
    """

    def __init__(self, superlink: str, home: Path, connections: Connections) -> None:
        self._contacts, self._champions = Contacts(home), champions.Champions(home)
        self._downloads: set[str] = set()  # addresses
        self._connections, self._bodies = connections, Bodies(connections.limits.bodies * 2**20)
        self._strangers_calls = asyncio.Semaphore(STRANGERS_CALLS)
        places = connections.limits.members + STRANGERS_CALLS
        self._client = httpx.AsyncClient(
            base_url=f"https://{superlink}",
            verify=ssl.create_default_context(cafile=str(home / "ca.pem")),
            timeout=PATIENCE,
            limits=httpx.Limits(max_connections=places, max_keepalive_connections=64),
            trust_env=False,  # no proxy between two processes of this machine
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, self._client)
            return
        connection = self._connections.of(scope["client"])
        if scope["type"] != "http" or connection is None:  # it was closed a moment ago
            return
        with connection.serving():
            try:
                await self._serve(scope, receive, send, connection)
            except RefusedError as refused:
                await drained(receive)
                await _respond(send, refused.status, refused.reason)
            except httpx.HTTPError:
                await _respond(send, 503, b"the SuperLink does not run; it is being started again")

    async def _serve(self, scope: Scope, receive: Receive, send: Send, connection: Connection) -> None:
        if scope["path"].startswith(champions.PATH) and scope["method"] == "GET":
            await self._serve_champions(scope["path"], send, connection)
            return
        if scope["path"] == "/health" and scope["method"] in ("GET", "HEAD"):
            response = await self._call("GET", scope, [], connection)
        elif scope["method"] == "POST" and scope["path"] in PASSED:
            most = largest_of(scope["headers"], known=self._connections.knows(connection))
            async with self._bodies.room(most, connection.address):
                response = await self._call("POST", scope, await received(receive, most), connection)
            self._connections.learn(connection, response.status_code)
            if response.status_code == SUCCESS:
                self._contacts.note(scope["headers"])
        else:
            raise RefusedError(404, b"not served here")
        try:
            async with asyncio.timeout(READING):
                await _relay(response, send)
        except (TimeoutError, httpx.HTTPError):  # in the middle of the reply: nothing else can be said
            connection.close()
        finally:
            await response.aclose()

    async def _serve_champions(self, path: str, send: Send, connection: Connection) -> None:
        """The list of champions, or one of them, for a courier whose key was used on this connection just now."""
        if not connection.is_enrolled_node:
            raise RefusedError(403, b"for enrolled nodes, after a call of theirs on the same connection")
        if path == champions.PATH:
            await _send_all(send, [self._champions.listed()])
            return
        file = self._champions.file(path)
        if file is None:
            raise RefusedError(404, b"not served here")
        if connection.address in self._downloads or len(self._downloads) >= champions.AT_ONCE:
            raise RefusedError(503, b"others download champions; ask again later")
        self._downloads.add(connection.address)
        try:
            async with asyncio.timeout(champions.READING):
                await _send_all(send, champions.parts(file))
        except TimeoutError:  # in the middle of the reply: nothing else can be said
            connection.close()
        finally:
            self._downloads.discard(connection.address)

    async def _call(self, method: str, scope: Scope, parts: list[bytes], connection: Connection) -> httpx.Response:
        """The SuperLink's reply, of which the head alone was read. Strangers wait for one another, not members."""
        headers = [(name, value) for name, value in scope["headers"] if name not in HOP | {b"content-length"}]
        headers.append((b"content-length", str(sum(map(len, parts))).encode()))
        request = self._client.build_request(method, scope["path"], headers=headers, content=taken(parts))
        if self._connections.knows(connection):
            return await self._client.send(request, stream=True)
        async with self._strangers_calls:
            return await self._client.send(request, stream=True)


async def _relay(response: httpx.Response, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in HOP]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    async for part in response.aiter_raw():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_all(send: Send, parts: Iterable[bytes]) -> None:
    """A reply in parts, of a length that was not announced."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _respond(send: Send, status: int, body: bytes) -> None:
    """A reply of the gateway's own, after which the connection ends."""
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send, client: httpx.AsyncClient) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await client.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return


def config_of(gateway: Gateway, home: Path) -> uvicorn.Config:
    """How uvicorn serves it."""
    return uvicorn.Config(
        gateway,
        ssl_certfile=str(home / "server.pem"),
        ssl_keyfile=str(home / "server.key"),
        http="h11",  # it limits the head of a request; httptools does not
        h11_max_incomplete_event_size=LARGEST_HEAD,
        ws="none",
        proxy_headers=False,  # a peer's address is the one it calls from
        log_level="error",  # below it are lines that strangers could write
        access_log=False,
        timeout_keep_alive=int(IDLE),
        timeout_graceful_shutdown=STOPPING,
        server_header=False,
    )


def main() -> None:
    """Serve until stopped; arguments come from the coordinator."""
    parser = argparse.ArgumentParser(prog="gateway")
    for name in ("--host", "--port", "--superlink", "--home", "--limits"):
        parser.add_argument(name, required=True)
    words = parser.parse_args()
    logs.begin("gateway")
    wanted, home = Limits(**json.loads(words.limits)), Path(words.home)
    connections = Connections(fitting(wanted, open_files(files_needed(wanted))))
    try:
        listening = bound(words.host, int(words.port))
    except OSError as error:
        sys.exit(f"gateway: {words.host}:{words.port} cannot be used ({error.strerror}); choose another host= or port=")
    config = config_of(Gateway(words.superlink, home, connections), home)
    Server(config, connections).run(sockets=[listening])


if __name__ == "__main__":
    main()
