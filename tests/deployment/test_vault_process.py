"""A vault as the process it is, behind its socket: what a round costs it, and what passes the line."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from flwr.app import Message

from federation.cli import main
from federation.coordinator import rounds
from federation.coordinator.state import Federation
from federation.deployment.node.dry_run import RoundCounter
from federation.deployment.node.settings import NodeSettings
from federation.deployment.node.vault_line import exchange
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.wire.compression import TRANSPORTS
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import decode
from tasks.registry import TASKS
from tasks.task import Task
from tests.deployment.signing import Signer, signer_in
from tests.whole import IN_FULL

HEALTH, WEEKLY = TASKS["health"], TASKS["health_weekly"]
NODE = 2
PATIENCE = 120.0  # seconds for a process to start on a busy machine


@dataclass
class Line:
    """A vault's socket. passed: bytes of signed frames, both ways together."""

    socket: Path
    pid: int
    signer: Signer
    frames: list[bytes] = field(default_factory=list)
    passed: int = 0

    def send(self, frame: bytes) -> bytes:
        request = self.signer.request(frame)
        reply = exchange(self.socket, request, lambda: None)
        self.frames.append(frame)
        self.passed += len(request) + len(reply)
        return self.signer.frame(reply)


class LineGrid(InProcessGrid):
    """A grid of one node, which is a process behind a socket."""

    def __init__(self, line: Line) -> None:
        super().__init__({}, sequential.run)
        self._line = line

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        return [Message(seal(self._line.send(unseal(each.content))), reply_to=each) for each in messages]


@contextmanager
def serving(folder: Path, policy: str = "", per_minute: int = 240, task: Task = HEALTH) -> Iterator[Line]:
    """The vault of a synthetic VNM, started as `gotong node` starts it."""
    for name in ("data", "line"):
        (folder / name).mkdir(parents=True)
    task.synthesize(folder / "data", "VNM", 5, task.settings())
    (folder / "data" / "policy.toml").write_text(f'tasks = ["{task.name}"]\n{policy}')
    settings = NodeSettings(
        country="VNM",
        data=str(folder / "data"),
        home=str(folder),
        frames_per_minute=per_minute,
        frames_per_run=per_minute,
    )
    signer = signer_in(folder, "VNM")
    command = [sys.executable, "-m", "federation.deployment.node.vault_process", settings.as_argument()]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until = time.monotonic() + PATIENCE
            while not _listens(settings.socket):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.05)
            yield Line(settings.socket, process.pid, signer)
        finally:
            process.terminate()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(path)) == 0


def federation_of(folder: Path, transport: str = "float32", rounds_: int = 8, task: Task = HEALTH) -> Federation:
    settings = Settings(
        task=task.settings(),
        strategy=STRATEGIES["fedavg"].settings(name="fedavg"),
        region=RegionSettings(countries=["VNM"]),
    )
    settings = replace(settings, rounds=rounds_, quorum=1, arms=["federated"], name="run", transport=transport)
    settings.training.epochs = 1
    return Federation(
        run="run", plan=settings.plan(), settings=settings, nodes={"VNM": NODE}, checkpoint=folder / "checkpoint"
    )


@pytest.mark.skipif(not IN_FULL, reason="tasks of any step pass the same line: scripts/prove ends")
def test_weeks_are_trained_and_tested_through_the_socket_as_in_one_process(tmp_path: Path) -> None:
    with serving(tmp_path / "vault", task=WEEKLY) as line:
        federation = federation_of(tmp_path, rounds_=2, task=WEEKLY)
        deployed = rounds.federate(LineGrid(line), federation, rounds.begin(federation), RoundCounter())
    words = "task=health task.calendar.step=week strategy=fedavg rounds=2 training.epochs=1 arms=[federated] name=run"
    here = "region.countries=[VNM] tracking=none quorum=1"
    (tmp_path / "nations" / "VNM").mkdir(parents=True)
    for name in ("health_weekly.csv", "health_weekly.oracle.npz"):
        shutil.copy(tmp_path / "vault" / "data" / name, tmp_path / "nations" / "VNM")
    main(["simulate", *words.split(), *here.split(), f"data={tmp_path / 'nations'}", f"runs={tmp_path / 'runs'}"])
    rows = json.loads((tmp_path / "runs" / "run" / "results.json").read_text())
    simulated = {
        (row["score"], row["horizon"]): row["value"]
        for row in rows
        if (row["country"], row["arm"]) == ("VNM", "federated")
    }
    values = {
        (row.score, row.horizon): row.value for row in deployed.rows if (row.country, row.arm) == ("VNM", "federated")
    }
    assert {"1 week", "8 weeks"} <= {horizon for _, horizon in values}
    assert values["log_wis", "8 weeks"] == simulated["log_wis", "8 weeks"]


@pytest.mark.long
@pytest.mark.skipif(not IN_FULL, reason="a figure of the documents: scripts/prove ends")
def test_int8_is_at_least_three_and_a_half_times_fewer_bytes_on_the_socket(tmp_path: Path) -> None:
    passed = {}
    for transport in TRANSPORTS:
        with serving(tmp_path / transport) as line:
            federation = federation_of(tmp_path, transport=transport)
            outcome = rounds.federate(LineGrid(line), federation, rounds.begin(federation), RoundCounter())
            assert outcome.rows
        passed[transport] = line.passed
    assert passed["float32"] / passed["int8"] >= 3.5, passed
    assert passed["float32"] / passed["bf16"] >= 1.9, passed


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: nobody could count")
def test_from_the_second_round_on_a_vault_opens_no_file_imports_nothing_and_touches_no_device(tmp_path: Path) -> None:
    trace = tmp_path / "calls"
    with serving(tmp_path / "vault") as line:
        federation = federation_of(tmp_path)
        grid, rounds_sent = LineGrid(line), []
        send = line.send

        def watched(frame: bytes) -> bytes:
            rounds_sent.append(decode(frame).header["round"])
            if rounds_sent[-1] != 2:
                return send(frame)
            with _traced(line.pid, trace):
                return send(frame)

        line.send = watched  # type: ignore[method-assign]
        rounds.federate(grid, federation, rounds.begin(federation), RoundCounter())
    calls = trace.read_text()
    assert rounds_sent == list(range(1, 11))
    assert "recvfrom(" in calls, "something was counted"
    opened = re.findall(r"(?:open|openat|openat2|execve|creat|memfd_create|socket)\(.*", calls)
    assert opened == []
    assert re.findall(r"ioctl\((?!\d+, FIONBIO).*", calls) == []  # FIONBIO: the caller's line got a time limit
    looked = set(re.findall(r'(?:stat|access|readlink)\w*\([^"]*"([^"]*)"', calls))
    assert {Path(path).name for path in looked} <= {"policy.toml", "paused", "withdrawn", "vault.sqlite", "localtime"}


@contextmanager
def _traced(pid: int, trace: Path) -> Iterator[None]:
    """Every call of the process to its kernel that names a file or a device, or opens a line."""
    calls = "trace=%file,ioctl,socket,memfd_create,recvfrom"
    command = ["strace", "-f", "-q", "-e", calls, "-p", str(pid), "-o", str(trace)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + PATIENCE
        while not _is_traced(pid):
            if process.poll() is not None or time.monotonic() > until:
                assert process.stderr is not None
                pytest.skip(f"strace may not look here: {process.stderr.read().decode()[:200]}")
            time.sleep(0.01)
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)


def _is_traced(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("TracerPid:")) != 0
