"""A coordinator and countries as processes on the loopback of this machine, for tests."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from federation.cli import main
from federation.deployment import members

GOTONG = [sys.executable, "-c", "from federation.cli import main; main()"]
PATIENCE = 90.0  # seconds for processes to start on a machine that is busy with other tests


@dataclass
class Place:
    """Everything under one folder. `processes`: coordinator, and a node a country."""

    folder: Path
    countries: Sequence[str]
    data: Path
    port: int = field(default_factory=lambda: free_port())
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "c"

    def set_up(self) -> None:
        """The words of docs/operate.md, one after another."""
        self.gotong("keys", "coordinator", f"home={self.home}", "names=[127.0.0.1]")
        for country in self.countries:
            self.enrol(country)
        self.start("coordinator", "coordinator", f"home={self.home}", f"port={self.port}")
        for country in self.countries:
            self.start_node(country)

    def enrol(self, country: str) -> None:
        node = self.folder / country
        self.gotong("keys", "node", f"country={country}", f"home={node}")
        (node / "ca.pem").write_bytes((self.home / "ca.pem").read_bytes())
        sent = node / "courier" / f"{country}.enrolment.json"
        self.gotong("keys", "enrol", f"from={sent}", f"home={self.home}")
        policy = self.data / country / "policy.toml"
        if not policy.exists():
            policy.write_text('tasks = ["health"]\n')

    def start_node(self, country: str, *words: str) -> None:
        self.start(
            country,
            "node",
            f"country={country}",
            f"data={self.data / country}",
            f"coordinator=127.0.0.1:{self.port}",
            f"home={self.folder / country}",
            *words,
        )

    def start(self, name: str, *words: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen([*GOTONG, *words], stdout=log, stderr=log, cwd=self.folder)

    def gotong(self, *words: str, code: int = 0) -> str:
        """What a verb prints, run in this process; it must end with this code."""
        told, ended = io.StringIO(), 0
        with redirect_stdout(told), redirect_stderr(told):
            try:
                main(words)
            except SystemExit as stopped:
                ended = int(stopped.code or 0)
        assert ended == code, f"{words}: {ended}\n{told.getvalue()}\n{self.logs()}"
        return told.getvalue()

    def submit(self, *words: str, code: int = 0) -> str:
        """A run to its end."""
        return self.gotong(*self.submission(*words), code=code)

    def submission(self, *words: str) -> tuple[str, ...]:
        return ("submit", f"home={self.home}", f"runs={self.folder / 'runs'}", "tracking=none", *words)

    def wait(self, what: str, true: Callable[[], bool], patience: float = PATIENCE) -> None:
        until = time.monotonic() + patience
        while not true():
            assert time.monotonic() < until, f"{what} did not come about\n{self.logs()}"
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended\n{self.logs()}"
            time.sleep(0.2)

    def connected(self, country: str) -> bool:
        return "connected to" in self.log(country)

    def wait_for_all(self) -> None:
        self.wait("enrolment", lambda: set(members.nodes(self.home)) == set(self.countries))
        for country in self.countries:
            self.wait(f"{country}'s link", lambda country=country: self.connected(country))  # type: ignore[misc]
            self.wait(f"{country}'s vault", lambda country=country: " serves " in self.log(country))  # type: ignore[misc]

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self.processes)

    def pid_of(self, name: str, part: str) -> int:
        """The process of one part, as its supervisor last told."""
        lines = [line for line in self.log(name).splitlines() if f" {part} started pid=" in line]
        return int(lines[-1].rsplit("=", 1)[1])

    def kill(self, name: str, part: str) -> int:
        """kill -9 of one part; returns its process id."""
        pid = self.pid_of(name, part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> None:
        """Stop all, by their process ids, and see that they are gone."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def results(self, run: str) -> object:
        return json.loads((self.folder / "runs" / run / "results.json").read_text())


def free_port() -> int:
    """A port whose next one is free too: the SuperLink listens there."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
