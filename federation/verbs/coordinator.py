"""`gotong coordinator`: the coordinator's processes in the foreground, until Ctrl-C or SIGTERM."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment import certificates
from federation.deployment.coordinator.connections import Limits
from federation.deployment.coordinator.process import Addresses, become
from federation.errors import ConfigError
from federation.verbs import keys_coordinator


@dataclass
class Coordinator:
    """host, port: where nodes knock. inner: the port behind it, on this machine alone; 0 takes the next one.

    names: under which nodes reach it; the first start makes its keys for them, as `gotong keys coordinator` does.
    """

    home: str = "coordinator"
    names: list[str] = field(default_factory=list)
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
    if settings.names:
        _keys(Path(settings.home), settings.names)
    inner = settings.inner or settings.port + 1
    addresses = Addresses(host=settings.host.strip("[]"), port=settings.port, inner=inner)
    become(Path(settings.home), addresses, settings.limits, settings.log)


def _keys(home: Path, names: list[str]) -> None:
    """Make them where there are none. Raises ConfigError where there are, but not for these names."""
    if not (home / "server.pem").exists():
        keys_coordinator.create(keys_coordinator.Keys(home=str(home), names=names))
        sys.stdout.flush()  # before this process becomes the supervisor
        return
    known = certificates.names_of(certificates.certificate_of(home / "server.pem"))
    if not set(names) <= set(known):
        raise ConfigError(
            f"names={','.join(names)}: the certificate in {home} is for {', '.join(known)}; leave names= out, or run "
            f"`gotong keys rotate` with other names"
        )
