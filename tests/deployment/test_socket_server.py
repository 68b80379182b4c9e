"""The vault's socket: whom it serves, how much, and what a caller without manners gets."""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from federation.vault.service import callers, socket_server
from federation.vault.service.socket_server import Limits, Service
from federation.wire.frame import Frame, decode, digest, encode

REQUEST = encode(Frame(kind="train", header={"run": "r", "round": 1}))


def _echo(data: bytes) -> bytes:
    return encode(Frame(kind="echo", header={"digest": digest(data)}))


@contextmanager
def _served(
    path: Path, respond: Callable[[bytes], bytes] = _echo, users: frozenset[int] | None = None, **limits: int
) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(path.with_suffix(".db"), isolation_level=None, check_same_thread=False)
    generous = {"largest": 2**20, "per_minute": 240, "per_run": 120}
    allowed = Limits(users=frozenset([os.geteuid()]) if users is None else users, **{**generous, **limits})
    service = Service(path, database=database, respond=respond, limits=allowed)
    line = service.listen()

    def serve() -> None:  # a thread in place of the process that a node starts
        with pytest.raises(OSError):  # noqa: PT011  the test closes the socket under it
            service.serve(line)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield database
    finally:
        line.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        line.close()
        database.close()
        assert not thread.is_alive()


def _connected(path: Path, sent: bytes = b"") -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(str(path))
    if sent:
        line.sendall(sent)
    return line


def _send(path: Path, data: bytes) -> bytes:
    with _connected(path) as line:
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass  # a user that may not call
        return _received(line)


def _received(line: socket.socket) -> bytes:
    parts = []
    try:
        while part := line.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_a_frame_is_recorded_before_its_reply(tmp_path: Path) -> None:
    with _served(tmp_path / "s") as database:
        assert decode(_send(tmp_path / "s", REQUEST)).header == {"digest": digest(REQUEST)}
        rows = database.execute("SELECT uid, digest, bytes, kind, run, round FROM arrivals").fetchall()
        assert rows == [(os.geteuid(), digest(REQUEST), len(REQUEST), "train", "r", "1")]
        for change in ("UPDATE arrivals SET kind = ''", "DELETE FROM arrivals"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(change)


def test_the_arrivals_of_an_older_vault_are_kept_and_continued(tmp_path: Path) -> None:
    """Version 0.1.0 had a column for the SHA-256 of a Flower bundle."""
    with closing(sqlite3.connect(tmp_path / "s.db")) as older:
        column = ", bundle TEXT NOT NULL DEFAULT ''"
        older.executescript(socket_server.SCHEMA.replace("round TEXT NOT NULL", f"round TEXT NOT NULL{column}"))
        older.execute("INSERT INTO arrivals VALUES (1, 'at', 0, 'd', 0, 'train', 'r', '1', 'ab')")
        older.commit()
    with _served(tmp_path / "s") as database:
        assert decode(_send(tmp_path / "s", REQUEST)).kind == "echo"
        rows = database.execute("SELECT digest, bytes, kind, bundle FROM arrivals").fetchall()
        assert rows == [("d", 0, "train", "ab"), (digest(REQUEST), len(REQUEST), "train", "")]


def test_only_known_users_are_read(tmp_path: Path) -> None:
    with _served(tmp_path / "s", users=frozenset([os.geteuid() + 1])) as database:
        assert _send(tmp_path / "s", REQUEST) == b""
        assert database.execute("SELECT count(*) FROM arrivals").fetchone() == (0,)


def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    with _served(tmp_path / "s"):
        assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_a_caller_after_a_long_silence_has_all_of_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "SECONDS", 0.3)
    with _served(tmp_path / "s"):
        for _ in range(3):
            time.sleep(0.6)
            assert decode(_send(tmp_path / "s", REQUEST)).kind == "echo"


def test_a_frame_over_the_limit_is_refused_without_being_kept(tmp_path: Path) -> None:
    with _served(tmp_path / "s", largest=1000) as database:
        for size in (1001, 5_000_000):
            assert "larger than 1,000" in decode(_send(tmp_path / "s", bytes(size))).header["reason"]
        assert decode(_send(tmp_path / "s", REQUEST)).kind == "echo"
        rows = database.execute("SELECT kind, bytes FROM arrivals").fetchall()
        assert rows == [("2 frames refused unread", 0), ("train", len(REQUEST))]


def test_a_flood_is_refused_and_leaves_one_row_for_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _served(tmp_path / "s", per_minute=3) as database:
        kinds = [decode(_send(tmp_path / "s", REQUEST)).kind for _ in range(6)]
        assert kinds == ["echo"] * 3 + ["refused"] * 3
        assert database.execute("SELECT count(*) FROM arrivals").fetchone() == (3,)
        monkeypatch.setattr(socket_server, "MINUTE", 0.0)
        assert decode(_send(tmp_path / "s", REQUEST)).kind == "echo"
        rows = database.execute("SELECT kind FROM arrivals").fetchall()
        assert rows == [*[("train",)] * 3, ("3 frames refused unread",), ("train",)]


def test_a_run_that_floods_leaves_room_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = encode(Frame(kind="train", header={"run": "another", "round": 1}))
    with _served(tmp_path / "s", per_run=2) as database:
        assert [decode(_send(tmp_path / "s", REQUEST)).kind for _ in range(4)] == ["echo"] * 2 + ["refused"] * 2
        assert "of one run" in decode(_send(tmp_path / "s", REQUEST)).header["reason"]
        assert decode(_send(tmp_path / "s", other)).kind == "echo"
        assert database.execute("SELECT count(*) FROM arrivals").fetchone() == (6,)  # all that were looked at
        monkeypatch.setattr(socket_server, "MINUTE", 0.0)
        assert decode(_send(tmp_path / "s", REQUEST)).kind == "echo"


def test_no_caller_ends_the_service_and_none_learns_what_went_wrong(tmp_path: Path) -> None:
    def fail(data: bytes) -> bytes:
        raise ValueError(f"secret of the records: 42 cases in {len(data)}")

    with _served(tmp_path / "s", fail):
        for data in (REQUEST, b"", b"GTNG", os.urandom(500), b"GTNG\x01\x00\xff\xff\xff\x7f"):
            reply = decode(_send(tmp_path / "s", data))
            assert reply.kind == "refused"
            assert "42" not in str(reply.header)
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(tmp_path / "s"))
            rude.sendall(REQUEST)  # and goes away in the middle
        assert decode(_send(tmp_path / "s", REQUEST)).kind == "refused"


def test_slow_callers_hold_nobody_and_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "SECONDS", 1.0)
    with _served(tmp_path / "s"), ExitStack() as held:
        silent = held.enter_context(_connected(tmp_path / "s"))
        half = held.enter_context(_connected(tmp_path / "s", REQUEST[:20]))
        before = time.monotonic()
        assert decode(_send(tmp_path / "s", REQUEST)).kind == "echo"
        assert time.monotonic() - before < 0.9  # nobody's second was waited for
        with suppress(OSError):
            for _ in range(100):  # a byte now and then does not help
                half.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - before < 4
        assert _received(silent) == _received(half) == b""


def test_a_reply_that_is_not_read_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = bytes(4 * 2**20)
    monkeypatch.setattr(callers, "SECONDS", 2.0)
    with _served(tmp_path / "s", lambda data: large if data == REQUEST else _echo(data)), ExitStack() as held:
        deaf, late = (held.enter_context(_connected(tmp_path / "s", REQUEST)) for _ in range(2))
        for line in (deaf, late):
            line.shutdown(socket.SHUT_WR)
        before = time.monotonic()
        assert decode(_send(tmp_path / "s", b"x")).kind == "echo"
        assert time.monotonic() - before < 1.5
        assert _received(late) == large
        time.sleep(max(0, before + 3 - time.monotonic()))
        assert len(_received(deaf)) < len(large)


def test_unfinished_frames_of_one_user_share_the_memory_of_one(tmp_path: Path) -> None:
    with _served(tmp_path / "s", largest=10 * 2**20) as database, ExitStack() as held:
        lines = [held.enter_context(_connected(tmp_path / "s", bytes(3 * 2**20))) for _ in range(5)]
        for line in lines:
            line.shutdown(socket.SHUT_WR)
        assert [decode(_received(line)).kind for line in lines] == ["echo"] * 3 + ["refused"] * 2
        assert database.execute("SELECT max(bytes) FROM arrivals").fetchone() == (3 * 2**20,)


def test_a_user_with_many_callers_displaces_his_own(tmp_path: Path) -> None:
    with _served(tmp_path / "s"), ExitStack() as held:
        lines = [held.enter_context(_connected(tmp_path / "s", REQUEST[:20])) for _ in range(callers.EACH + 1)]
        assert _received(lines[0]) == b""
        lines[1].shutdown(socket.SHUT_WR)
        assert decode(_received(lines[1])).kind == "echo"


def test_time_in_which_the_vault_trains_is_not_a_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(data: bytes) -> bytes:
        time.sleep(1.5)
        return _echo(data)

    monkeypatch.setattr(callers, "SECONDS", 1.0)
    with _served(tmp_path / "s", train), ExitStack() as held:
        first, second = (held.enter_context(_connected(tmp_path / "s", REQUEST[:20])) for _ in range(2))
        for line in (first, second):
            line.sendall(REQUEST[20:])
            line.shutdown(socket.SHUT_WR)
            time.sleep(0.5)  # the second goes on while the first is served
        for line in (first, second):
            assert decode(_received(line)).kind == "echo"
