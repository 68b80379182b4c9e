"""`gotong node`: a country's vault and its courier in the foreground, until Ctrl-C or SIGTERM."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment.node.layout import Node
from federation.deployment.node.process import become
from federation.errors import ConfigError


@dataclass
class NodeSettings:
    """policy: none takes policy.toml in the data folder, which must be there."""

    country: str = MISSING
    data: str | None = None  # folder with this country's national files; a courier alone needs none
    policy: str | None = None
    coordinator: str = "127.0.0.1:9440"  # host:port
    home: str = "node"
    ca: str | None = None  # none: ca.pem in home
    part: str = "both"  # both | vault | courier
    vault_user: str | None = None
    courier_user: str | None = None
    group: str | None = None  # shared by the two users, for the socket
    line: str | None = None  # folder of the socket; none: in home
    device: str = "cpu"  # cpu | cuda | cuda:1 | auto
    threads: int = 1
    precision: str = "float32"  # float32 | tf32 | bf16, of the matrix products
    largest_frame: int = 256  # MiB of a frame that the vault reads
    frames_per_minute: int = 240  # of all runs together
    frames_per_run: int = 120  # a minute, of one run
    log: str = "text"  # text | json

    def node(self) -> Node:
        """What these settings describe. Raises ConfigError."""
        for key in ("country", "coordinator"):
            if not getattr(self, key):
                raise ConfigError(f"{key}= is empty; say which")
        if self.data is None and self.part in ("both", "vault"):
            raise ConfigError("a vault needs data=FOLDER with this country's national files")
        for key in ("largest_frame", "frames_per_minute", "frames_per_run"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key}={getattr(self, key)} must be at least 1")
        if self.vault_user is not None and self.courier_user is None:
            raise ConfigError("vault_user needs courier_user= too, the other user")
        users = None
        if self.vault_user is not None and self.courier_user is not None:
            users = (self.vault_user, self.courier_user)
        return Node(
            country=self.country,
            data=Path(self.data or "."),
            policy=None if self.policy is None else Path(self.policy),
            coordinator=self.coordinator,
            home=Path(self.home),
            ca=None if self.ca is None else Path(self.ca),
            users=users,
            caller=self.courier_user,
            socket=None if self.line is None else Path(self.line),
            group=self.group,
            device=self.device,
            threads=self.threads,
            precision=self.precision,
            largest=self.largest_frame * 2**20,
            per_minute=self.frames_per_minute,
            per_run=self.frames_per_run,
        )


def run(words: Sequence[str]) -> None:
    """Serve."""
    compose("node", words, NodeSettings, start)


def start(settings: NodeSettings) -> None:
    """Raises DeploymentError for keys, folders or users that cannot be used."""
    become(settings.node(), settings.part, settings.log)
