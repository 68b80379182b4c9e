"""`gotong coordinator`: the coordinator's processes in the foreground, until Ctrl-C or SIGTERM."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.coordinator.connections import Limits
from federation.deployment.coordinator.process import Addresses, become


@dataclass
class Coordinator:
    """host, port: where nodes knock. inner: the port behind it, on this machine alone; 0 takes the next one."""

    home: str = "coordinator"
    host: str = "127.0.0.1"
    port: int = 9440
    inner: int = 0
    limits: Limits = field(default_factory=Limits)  # of what the gateway holds for strangers and for members
    log: str = "text"  # text | json


def run(words: Sequence[str]) -> None:
    """Serve."""
    compose("coordinator", words, Coordinator, start)


def start(settings: Coordinator) -> None:
    """Raises ConfigError for limits out of range, DeploymentError for keys or ports that cannot be used."""
    settings.limits.check()
    inner = settings.inner or settings.port + 1
    addresses = Addresses(host=settings.host, port=settings.port, inner=inner)
    become(Path(settings.home), addresses, settings.limits, settings.log)
