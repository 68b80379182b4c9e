"""Machines in one: network namespaces with addresses of their own, on a bridge that stands in for the internet."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

ETC = Path("/etc/netns")  # ip-netns(8): files that stand in for those of /etc
NET = "10.77.31"  # of private addresses; nobody outside the namespaces sees it


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A namespace, its address, and what a program is started with to run there."""

    name: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """The cable is out."""
        _ip("-n", self.name, "link", "set", "wire", "down")

    def reconnect(self) -> None:
        _ip("-n", self.name, "link", "set", "wire", "up")


@contextmanager
def machines(names: Sequence[str], hosts: Mapping[str, str] | None = None) -> Iterator[Mapping[str, Machine]]:
    """A machine a name, all of them on one bridge. Raises OSError or CalledProcessError where that is not allowed.

    hosts: host name -> the machine that all of them know under it.
    """
    tag = f"gotong-{os.getpid()}"
    bridge = f"{tag}-net"
    by_name = {
        name: Machine(name=f"{tag}-{name}", address=f"{NET}.{number}") for number, name in enumerate(names, start=1)
    }
    made: list[str] = []
    try:
        for space in (bridge, *(machine.name for machine in by_name.values())):
            _ip("netns", "add", space)
            made.append(space)
            _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", bridge, "link", "add", "bridge", "type", "bridge")
        _ip("-n", bridge, "link", "set", "bridge", "up")
        for machine in by_name.values():
            port = f"to-{machine.address.rpartition('.')[2]}"
            _ip("-n", bridge, "link", "add", port, "type", "veth", "peer", "name", "wire", "netns", machine.name)
            _ip("-n", bridge, "link", "set", port, "master", "bridge", "up")
            _ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", "wire")
            machine.reconnect()
            if hosts:
                lines = ["127.0.0.1 localhost", *(f"{by_name[name].address} {host}" for host, name in hosts.items())]
                (ETC / machine.name).mkdir(parents=True)
                (ETC / machine.name / "hosts").write_text("\n".join(lines) + "\n")
        yield by_name
    finally:
        for machine in by_name.values():
            rmtree(ETC / machine.name, ignore_errors=True)
        for space in made:
            _ip("netns", "delete", space)


def received(machine: Machine) -> int:
    """Bytes that came in over the machine's wire."""
    done = subprocess.run(
        [*machine.prefix, "cat", "/sys/class/net/wire/statistics/rx_bytes"], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)
