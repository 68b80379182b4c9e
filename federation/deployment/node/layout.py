"""A country's node, and where its vault works, as words that one process can hand to another."""

import grp
import json
import pwd
from dataclasses import asdict, dataclass, field
from pathlib import Path

SOCKET = "vault.sock"
PAUSED, WITHDRAWN = "paused", "withdrawn"  # files in the vault's folder; their owner alone can make them


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a vault works. home: its own folder. line: the folder of its socket. callers: users that may call it."""

    country: str
    data: str
    policy: str
    home: str
    line: str
    callers: list[str] = field(default_factory=list)
    group: str | None = None
    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"
    largest: int = 256 * 2**20
    per_minute: int = 240
    per_run: int = 120

    def as_argument(self) -> str:
        """JSON, for the vault's process."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, kw_only=True)
class Node:
    """One country's node.

    users: (vault's, courier's) where root starts both; None runs them as whoever starts them. caller: the courier's
    user where the two are started apart. socket: the folder of the socket, None for one in `home`.
    """

    country: str
    data: Path
    policy: Path | None
    coordinator: str
    home: Path
    ca: Path | None = None
    users: tuple[str, str] | None = None
    caller: str | None = None
    socket: Path | None = None
    group: str | None = None
    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"
    largest: int = 256 * 2**20  # bytes of a frame that the vault reads
    per_minute: int = 240  # frames of all runs together
    per_run: int = 120  # frames of one run

    @property
    def line(self) -> Path:
        """The folder of the socket."""
        return self.socket or self.home / "line"

    @property
    def shared(self) -> str | None:
        """The group that may pass to the socket: the one named, or the courier's own."""
        if self.group is not None or self.users is None:
            return self.group
        return grp.getgrgid(pwd.getpwnam(self.users[1]).pw_gid).gr_name

    @property
    def root(self) -> Path:
        """The certificate of the coordinator's authority."""
        return self.ca or self.home / "ca.pem"
