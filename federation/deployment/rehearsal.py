"""A federation on this machine alone, from keys to a product: every step is a command that an operator types.

Each machine of a real federation is a folder here, and every command runs in the folder of the machine it is for.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import IO

import psutil

from federation.deployment.supervisor import PDEATHSIG
from federation.errors import DeploymentError

COORDINATOR = "coordinator"
GOTONG = (sys.executable, "-c", "from federation.cli import main; main()")
PATIENCE = 120.0  # seconds for processes to start
GRACE = 30.0  # seconds for one to stop
RUN = "rehearsal"
Say = Callable[[str], None]


@dataclass
class Machines:
    """The machines of a rehearsal, a folder each. serving: what runs in the background, by machine."""

    folder: Path
    say: Say
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    serving: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def at(self, machine: str) -> Path:
        """The folder of a machine."""
        path = self.folder / machine
        path.mkdir(exist_ok=True)
        return path

    def type(self, machine: str, command: str) -> None:
        """A command to its end, with what it prints. Raises DeploymentError if it fails."""
        self._check("the step before")
        self.say(f"\n{machine}$ {command}")
        with self._start(machine, command, subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.say(f"  {line.decode(errors='replace').rstrip()}")
        if process.returncode != 0:
            raise DeploymentError(f"`{command}` at {machine} failed; its words are above\n{self.logs()}".rstrip())

    def serve(self, machine: str, command: str) -> None:
        """A command that runs until the rehearsal ends."""
        self.say(f"\n{machine}$ {command} &")
        with self._log(machine).open("wb") as log:
            self.serving[machine] = self._start(machine, command, log)

    def hand(self, sender: str, file: str, receiver: str, to: str) -> None:
        """What people send one another by other ways: a file, or a folder."""
        source, target = self.at(sender) / file, self.at(receiver) / to
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        self.say(f"\n# {file} of {sender} is handed to {receiver} as {to}")

    def wait(self, what: str, true: Callable[[], bool]) -> None:
        """Until something came about. Raises DeploymentError if it does not, or a process ended."""
        until = monotonic() + PATIENCE
        while not true():
            self._check(what)
            if monotonic() > until:
                raise DeploymentError(f"{what} did not come about: {PATIENCE:g} s have passed\n{self.logs()}")
            sleep(0.1)

    def _check(self, what: str) -> None:
        """Raise DeploymentError if what should run in the background has ended."""
        ended = [machine for machine, process in self.serving.items() if process.poll() is not None]
        if ended:
            raise DeploymentError(f"{what} did not come about: {', '.join(ended)} ended\n{self.logs()}")

    def log(self, machine: str) -> str:
        """What a machine's background command has printed."""
        path = self._log(machine)
        return path.read_text(errors="replace") if path.exists() else ""

    def says(self, machine: str, words: str) -> bool:
        """Whether a machine's background command has printed these words."""
        return words in self.log(machine)

    def logs(self) -> str:
        """The last words of all of them."""
        return "\n".join(f"--- {machine}\n{self.log(machine)[-1000:]}" for machine in self.serving)

    def stop(self) -> None:
        """End every process that was started here, the latest first, each by its own number."""
        alive = [process for process in reversed(self.started) if process.poll() is None]
        below = [child for process in alive for child in _children(process.pid)]
        for process in alive:
            process.terminate()
        for process in alive:
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _, left = psutil.wait_procs(below, GRACE)  # they get a signal when their parent ends, and end after it
        for child in left:
            child.kill()
        psutil.wait_procs(left)

    def _log(self, machine: str) -> Path:
        return self.folder / f"{machine}.log"

    def _start(self, machine: str, command: str, output: int | IO[bytes]) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [*GOTONG, *command.split()[1:]],
            cwd=self.at(machine),
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "110"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the rehearsal alone, which stops the others in order
            preexec_fn=_end_with_the_rehearsal,
        )
        self.started.append(process)
        return process


def rehearse(machines: Machines, countries: Sequence[str], rounds: int, port: int) -> None:
    """All steps of docs/operate.md from keys to the first run, and a product. Raises DeploymentError.

    Whoever calls it stops the machines, however it ends.
    """
    machines.serve(COORDINATOR, f"gotong coordinator home=coordinator names=[127.0.0.1] port={port}")
    _records(machines, countries)
    _members(machines, countries)
    for country in countries:
        machines.serve(country, f"gotong node country={country} data=records coordinator=127.0.0.1:{port} home=node")
    for country in countries:
        machines.wait(f"the link of {country}", partial(machines.says, country, "connected to"))
        machines.wait(f"the vault of {country}", partial(machines.says, country, " serves "))
    machines.type(
        COORDINATOR,
        f"gotong submit task=health region.countries=[{','.join(countries)}] rounds={rounds} quorum={len(countries)} "
        f"name={RUN} home=coordinator tracking=none",
    )
    machines.type(COORDINATOR, "gotong status home=coordinator")
    first = countries[0]
    machines.hand(COORDINATOR, f"runs/{RUN}", first, f"runs/{RUN}")
    machines.type(
        first, f"gotong forecast run={RUN} data=records country={first} to=product.csv format=hubverse origin=2008-12"
    )
    machines.type(first, "gotong ledger verify home=node")


def _records(machines: Machines, countries: Sequence[str]) -> None:
    here = machines.at("here")
    machines.type("here", f"gotong data synthesize task=health to=national countries=[{','.join(countries)}]")
    for country in countries:
        (here / "national" / country).rename(machines.at(country) / "records")


def _members(machines: Machines, countries: Sequence[str]) -> None:
    """Keys, policies, and every country a member."""
    for country in countries:
        machines.type(country, f"gotong keys node country={country} home=node policy=records/policy.toml")
        machines.hand(country, f"node/courier/{country}.enrolment.json", COORDINATOR, f"{country}.enrolment.json")
    machines.wait("the authority", (machines.at(COORDINATOR) / "coordinator" / "server.pem").exists)
    for country in countries:
        machines.hand(COORDINATOR, "coordinator/ca.pem", country, "node/ca.pem")
    files = ",".join(f"{country}.enrolment.json" for country in countries)
    machines.type(COORDINATOR, f"gotong keys enrol from=[{files}] home=coordinator")


def free_port() -> int:
    """A port of this machine whose next one is free too: the SuperLink listens there."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def _children(number: int) -> list[psutil.Process]:
    """All processes that a process started, and that these did."""
    try:
        return list(psutil.Process(number).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _end_with_the_rehearsal() -> None:
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGTERM)
