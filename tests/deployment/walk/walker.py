"""Commands on machines of their own: typed to their end, or in the background with a log."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.deployment.namespaces import Machine

PATIENCE = 300.0  # seconds for something to come about on a busy machine


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command as the page writes it. how: to its end, until it is stopped, or with an eye on how it ends.

    says: words of what it prints. then: what a person does, or waits for, before the next one.
    """

    at: str
    command: str
    how: Literal["run", "serve", "follow"] = "run"
    says: tuple[str, ...] = ()
    then: Callable[[Any], None] | None = None  # what takes the step is given


@dataclass
class Walker:
    """Machines with a folder each under `folder`. processes: command lines that serve, by machine and number."""

    folder: Path
    machines: Mapping[str, Machine]
    processes: dict[tuple[str, str], "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def at(self, machine: str) -> Path:
        """The folder in which commands are typed on that machine."""
        path = self.folder / machine
        path.mkdir(exist_ok=True)
        return path

    def take(self, step: Step) -> None:
        """One step, and what it should have said."""
        if step.how == "run":
            printed = self.run(step.at, step.command)
            for words in step.says:
                assert words in printed, f"{step.command}\n{printed}\n{self.logs()}"
        else:
            self.start(step.at, step.command)
        if step.then is not None:
            step.then(self)

    def run(self, at: str, command: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            self._words(at, command), cwd=self.at(at), env=_environment(), capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout

    def start(self, at: str, command: str) -> None:
        """A command in the background, with its log next to the machine's folder."""
        with self._log(at, command).open("wb") as log:
            self.processes[at, command] = subprocess.Popen(
                self._words(at, command),
                cwd=self.at(at),
                env=_environment(),
                stdout=log,
                stderr=log,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
            )

    def stop(self, at: str, command: str, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        process = self.processes.pop((at, command))
        process.send_signal(number)
        return process.wait(120)

    def end(self, at: str, command: str) -> int:
        """The exit code of a command that ends by itself."""
        return self.processes.pop((at, command)).wait(300)

    def log(self, at: str, command: str) -> str:
        """What a command in the background has printed."""
        return self._log(at, command).read_text(errors="replace")

    def logs(self) -> str:
        """The last words of all of them."""
        return "\n".join(f"--- {at}: {command}\n{self.log(at, command)[-1500:]}" for at, command in self.processes)

    def wait(self, what: str, true: Callable[[], bool]) -> None:
        """Until something came about."""
        until = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < until, f"{what} did not come about\n{self.logs()}"
            time.sleep(0.2)

    def close(self) -> None:
        """Stop what is left."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(60)

    def _words(self, at: str, command: str) -> list[str]:
        return [*self.machines[at].prefix, *command.split()]

    def _log(self, at: str, command: str) -> Path:
        return self.folder / f"{at}-{re.sub('[^a-z]+', '-', command.lower())[:60]}.log"


def _environment() -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}  # people have no such variable
    return {**own, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
