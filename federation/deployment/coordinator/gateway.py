"""The coordinator's gateway: the one port that faces the network. It passes a courier's fleet calls and nothing else.

A SuperLink serves three interfaces on one port: for nodes, for users who start runs and register keys, and for its
executors. The second has no password in the open-source edition, so anybody who reaches the port can start a program
on the coordinator. The SuperLink therefore listens on this machine only, and this proxy is in front of it.
"""

import argparse
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import uvicorn

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
LARGEST = 16 * 2**20  # bytes of one request; Flower cuts arrays into objects of at most 5 MiB
PATIENCE = 60.0  # seconds for the SuperLink to reply
HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"host", b"content-length"})

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class TooLargeError(Exception):
    """A request over the limit; handled in this file."""


class Gateway:
    """An ASGI application that passes allowed calls to the SuperLink at `superlink` (host:port)."""

    def __init__(self, superlink: str, ca_file: Path) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"https://{superlink}",
            verify=ssl.create_default_context(cafile=str(ca_file)),
            timeout=PATIENCE,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
            trust_env=False,  # no proxy between two processes of this machine
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, self._client)
            return
        if scope["type"] != "http":
            return
        if scope["path"] == "/health" and scope["method"] in ("GET", "HEAD"):
            await self._pass(scope, receive, send, "GET")
        elif scope["method"] == "POST" and scope["path"] in PASSED:
            await self._pass(scope, receive, send, "POST")
        else:
            await _respond(send, 404, b"not served here")

    async def _pass(self, scope: Scope, receive: Receive, send: Send, method: str) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name not in HOP]
        try:
            body = b"".join([part async for part in _body(receive)])
            response = await self._client.request(method, scope["path"], headers=headers, content=body)
        except TooLargeError:
            await _respond(send, 413, b"too large")
        except httpx.HTTPError:
            await _respond(send, 503, b"the SuperLink does not run; it is being started again")
        else:
            kept = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in HOP]
            await _respond(send, response.status_code, response.content, kept)


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if size > LARGEST:
            raise TooLargeError
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [*(headers or []), (b"content-length", str(len(body)).encode())]
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


def main() -> None:
    """Serve until stopped; arguments come from the coordinator."""
    parser = argparse.ArgumentParser(prog="gateway")
    for name in ("--host", "--port", "--superlink", "--home"):
        parser.add_argument(name, required=True)
    words = parser.parse_args()
    home = Path(words.home)
    uvicorn.run(
        Gateway(words.superlink, home / "ca.pem"),
        host=words.host,
        port=int(words.port),
        ssl_certfile=str(home / "server.pem"),
        ssl_keyfile=str(home / "server.key"),
        log_level="warning",
        access_log=False,
        limit_concurrency=2048,
        timeout_keep_alive=75,
        server_header=False,
    )


if __name__ == "__main__":
    main()
