"""A coordinator and countries as processes on the loopback of this machine, for tests."""

import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from federation.cli import main
from federation.deployment.coordinator import members
from federation.deployment.rehearsal import free_port
from federation.reporting.rows import PAIRED
from tests.deployment.namespaces import Machine
from tests.deployment.users import become

GOTONG = [sys.executable, "-c", "from federation.cli import main; main()"]
PATIENCE = 300.0  # seconds for processes to start on a machine that is busy with other tests


@dataclass
class Deployment:
    """Everything under one folder. `processes`: coordinator, and a node a country."""

    folder: Path
    countries: Sequence[str]
    data: Path
    port: int = field(default_factory=free_port)
    parts: bool = False  # vault and courier of a country under a supervisor each
    prefix: Sequence[str] = ()  # what every process is started with, where it is on no machine of its own
    machines: Mapping[str, Machine] = field(default_factory=dict)  # by country, and `coordinator`; none: this one
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "c"

    def set_up(self) -> None:
        """The words of docs/operate.md, one after another."""
        self.make_keys()
        for country in self.countries:
            self.enrol(country)
        self.start_coordinator()
        for country in self.countries:
            if self.parts:
                self.start_parts(country)
            else:
                self.start_node(country)

    def make_keys(self) -> None:
        self.gotong("keys", "coordinator", f"home={self.home}", f"names=[{self.host}]")

    @property
    def host(self) -> str:
        return self.machines["coordinator"].address if self.machines else "127.0.0.1"

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
            f"coordinator={self.host}:{self.port}",
            f"home={self.folder / country}",
            *words,
        )

    def start_coordinator(self) -> None:
        self.start("coordinator", "coordinator", f"home={self.home}", f"port={self.port}", f"host={self.host}")

    def start_parts(self, country: str) -> None:
        """Vault and courier under supervisors of their own, `VNM-vault` and `VNM-courier`, each with its own socket."""
        home = self.folder / country
        common = (f"country={country}", f"home={home}")
        (home / "inner").mkdir()
        vault = (*common, "part=vault", f"data={self.data / country}", f"line={home / 'inner'}")
        courier = (*common, "part=courier", f"coordinator=127.0.0.1:{self.port}", f"line={home / 'outer'}")
        self.start(f"{country}-vault", "node", *vault)
        self.start(f"{country}-courier", "node", *courier)

    def start(self, name: str, *words: str, user: str | None = None) -> None:
        machine = self.machines.get(name) or self.machines.get("coordinator")
        command = [*(machine.prefix if machine else self.prefix), *(become(user) if user else ()), *GOTONG, *words]
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def gotong(self, *words: str, code: int = 0) -> str:
        """What a verb prints, run in this process; it must end with this code."""
        output, ended = io.StringIO(), 0
        with redirect_stdout(output), redirect_stderr(output):
            try:
                main(words)
            except SystemExit as stopped:
                ended = int(stopped.code or 0)
        assert ended == code, f"{words}: {ended}\n{output.getvalue()}\n{self.logs()}"
        return output.getvalue()

    def submit(self, *words: str, code: int = 0) -> str:
        """A run to its end."""
        return self.gotong(*self.submission(*words), code=code)

    def submission(self, *words: str, tracking: str = "none") -> tuple[str, ...]:
        return ("submit", f"home={self.home}", f"runs={self.folder / 'runs'}", f"tracking={tracking}", *words)

    def wait(self, what: str, true: Callable[[], bool], patience: float = PATIENCE) -> None:
        until = time.monotonic() + patience
        while not true():
            assert time.monotonic() < until, f"{what} did not come about\n{self.logs()}"
            for name, process in self.processes.items():
                assert not process.poll(), f"{name} failed\n{self.logs()}"
            time.sleep(0.2)

    def connected(self, country: str) -> bool:
        return "connected to" in self.log_of(country, "courier")

    def wait_for_all(self) -> None:
        self.wait("enrolment", lambda: set(members.nodes(self.home)) == set(self.countries))
        for country in self.countries:
            self.wait(f"{country}'s link", lambda country=country: self.connected(country))  # type: ignore[misc]
            self.wait(f"{country}'s vault", lambda country=country: " serves " in self.log_of(country, "vault"))  # type: ignore[misc]

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def log_of(self, country: str, part: str) -> str:
        return self.log(f"{country}-{part}" if self.parts else country)

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self.processes)

    def pid_of(self, name: str, part: str) -> int:
        """The process of one part, by its supervisor's last line."""
        lines = [line for line in self.log(name).splitlines() if f" {part} started pid=" in line]
        return int(lines[-1].rsplit("=", 1)[1])

    def kill(self, name: str, part: str) -> int:
        """kill -9 of one part; returns its process id."""
        pid = self.pid_of(name, part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def ports_are_free(self) -> bool:
        return all(_free(port) for port in (self.port, self.port + 1))

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
        """All rows but differences in the whole region, which a simulation alone can compute."""
        rows = json.loads((self.folder / "runs" / run / "results.json").read_text())
        return [row for row in rows if (row["part"], row["country"]) != (PAIRED, "ASEAN")]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def history(runs: Path, run: str) -> list[tuple[str, str, int, float]]:
    """Every row that a run left in MLflow: country, key, step, value (none of what a clock measured)."""
    with closing(sqlite3.connect(runs / "mlflow" / "mlflow.db")) as store:
        return store.execute(
            "SELECT coalesce(c.value, ''), m.key, m.step, "
            " iif(m.key LIKE 'cost/%' OR m.key LIKE 'system/%', 0.0, m.value) FROM metrics m"
            " LEFT JOIN tags c ON c.run_uuid = m.run_uuid AND c.key = 'gotong.country'"
            " JOIN tags r ON r.run_uuid = m.run_uuid AND r.key = 'gotong.run' AND r.value = ?"
            " ORDER BY 1, 2, 3, 4",
            (run,),
        ).fetchall()
