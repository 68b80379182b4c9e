"""Failures of MLflow, for real: nobody at its port, ten seconds a call, a full disk, a lock, a server that dies.

Each failure is a context that gives the address of its MLflow, and a way to end the failure before the context ends.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from federation.tracking import ui
from federation.tracking.store import SQLITE, artifacts

LOCK = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""
SMALL = "32m"  # enough for a run, its artifacts and its model, once there is room


@dataclass(frozen=True, kw_only=True)
class Failure:
    """uri: where a run sends to. over: ends the failure; what was lost can then be sent again."""

    uri: str
    over: Callable[[], None]


def free_port() -> int:
    with socket.create_server((ui.HOST, 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def served(store: Path, port: int) -> Iterator[str]:
    """MLflow's own server over an SQLite file."""
    with ui._server(f"{SQLITE}{store}", artifacts(store), store.parent, port) as server:
        ui._wait(server, port, store.parent)
        yield f"http://{ui.HOST}:{port}"


@contextmanager
def down(store: Path) -> Iterator[Failure]:
    """Nobody listens at the port; afterwards a server does."""
    port, servers = free_port(), []

    def over() -> None:
        servers.append(served(store, port))
        servers[0].__enter__()

    try:
        yield Failure(uri=f"http://{ui.HOST}:{port}", over=over)
    finally:
        for each in servers:
            each.__exit__(None, None, None)


@contextmanager
def slow(store: Path, seconds: float) -> Iterator[Failure]:
    """Every call takes `seconds` more than it should."""
    port = free_port()
    with served(store, port), _proxy(port, seconds) as proxy:

        def over() -> None:
            proxy.wait = 0.0

        yield Failure(uri=f"http://{ui.HOST}:{proxy.server_address[1]}", over=over)


@contextmanager
def full(store: Path, disk: Path) -> Iterator[Failure]:
    """The store lies on a disk of its own that has no byte left. Needs a superuser."""
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(disk)], check=True)
    try:
        shutil.copy(store, disk / "mlflow.db")
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            for size in (1 << 20, 1 << 9):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        yield Failure(uri=f"{SQLITE}{disk / 'mlflow.db'}", over=filler.unlink)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def locked(store: Path) -> Iterator[Failure]:
    """Another process holds the SQLite file for itself."""
    holder = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"

    def over() -> None:
        holder.communicate("")

    try:
        yield Failure(uri=f"{SQLITE}{store}", over=over)
    finally:
        holder.kill()
        holder.communicate()


@contextmanager
def restarted(store: Path, after: float, away: float) -> Iterator[Failure]:
    """The server is killed `after` seconds and started again when it was `away`; both pass on a clock of their own."""
    port, lives, ended = free_port(), [], threading.Event()

    def live() -> None:
        lives.append(ui._server(f"{SQLITE}{store}", artifacts(store), store.parent, port))
        server = lives[-1].__enter__()
        ui._wait(server, port, store.parent)

    def die() -> None:
        lives.pop().__exit__(None, None, None)

    def fate() -> None:
        if not ended.wait(after):
            die()
            ended.wait(away)
            live()

    live()
    clock = threading.Thread(target=fate)
    clock.start()
    try:
        yield Failure(uri=f"http://{ui.HOST}:{port}", over=clock.join)
    finally:
        ended.set()
        clock.join()
        die()


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    wait = 0.0
    port = 0


class _Forward(BaseHTTPRequestHandler):
    server: _Proxy

    def do_GET(self) -> None:
        time.sleep(self.server.wait)  # this is what slow means
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        url = f"http://{ui.HOST}:{self.server.port}{self.path}"
        request = urllib.request.Request(url, body, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                self._reply(reply.status, reply.headers.get("Content-Type", ""), reply.read())
        except urllib.error.HTTPError as error:
            with error:
                self._reply(error.code, error.headers.get("Content-Type", ""), error.read())

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client waits no more

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _proxy(port: int, wait: float) -> Iterator[_Proxy]:
    with _Proxy((ui.HOST, 0), _Forward) as proxy:
        proxy.wait, proxy.port = wait, port
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def superuser() -> bool:
    """Whether a disk can be mounted here."""
    return os.geteuid() == 0
