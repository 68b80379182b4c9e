"""`gotong coordinator`: the coordinator's processes in the foreground, until Ctrl-C or SIGTERM."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.coordinator.process import Addresses, become


@dataclass
class Coordinator:
    """host, port: where nodes knock. inner: the port behind it, on this machine alone; 0 takes the next one."""

    home: str = "coordinator"
    host: str = "127.0.0.1"
    port: int = 9440
    inner: int = 0
    log: str = "text"  # text | json


def run(words: Sequence[str]) -> None:
    """Serve."""
    compose("coordinator", words, Coordinator, start)


def start(settings: Coordinator) -> None:
    """Raises DeploymentError for keys or ports that cannot be used."""
    inner = settings.inner or settings.port + 1
    become(Path(settings.home), Addresses(host=settings.host, port=settings.port, inner=inner), settings.log)
