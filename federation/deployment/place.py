"""Where a vault works, as words that one process can hand to another."""

import json
from dataclasses import asdict, dataclass, field

SOCKET = "vault.sock"
LINE, BUNDLE = "GOTONG_VAULT_SOCKET", "GOTONG_BUNDLE"  # environment variables, as in bundle/gotong_app/client.py
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

    def as_argument(self) -> str:
        """JSON, for the vault's process."""
        return json.dumps(asdict(self))
