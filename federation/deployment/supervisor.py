"""Child processes kept running: started, watched, started again when they end, stopped together.

One process, no threads: it waits in `sigtimedwait`, which returns as soon as a child ends or a signal to stop comes.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TextIO

from federation.errors import DeploymentError

AWAITED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # of nohup, which goes on
    AWAITED.add(signal.SIGHUP)  # the terminal was closed
PDEATHSIG = 1  # prctl(2): the signal a child gets when its parent dies
STABLE = 30.0  # seconds of running after which earlier failures no longer count
LONGEST_PAUSE = 30.0  # seconds before a child that keeps failing is started again
GRACE = 10.0  # seconds to stop before a child is killed


@dataclass(frozen=True, kw_only=True)
class Child:
    """A command that should always run. user: another OS user to run it as, where root starts it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    umask: int = 0o077


@dataclass
class _Running:
    child: Child
    process: "subprocess.Popen[bytes] | None" = None
    since: float = 0.0
    failures: int = 0
    again: float = 0.0


class Log:
    """Lines of text, or one JSON object a line."""

    def __init__(self, form: str, stream: TextIO | None = None) -> None:
        if form not in ("text", "json"):
            raise DeploymentError(f"log={form} is none of text, json")
        self._json, self._stream = form == "json", stream or sys.stdout

    def __call__(self, text: str, **values: str | int | float) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        if self._json:
            line = json.dumps({"at": at, "event": text, **values}, sort_keys=True)
        else:
            line = " ".join([at, text, *(f"{key}={value}" for key, value in values.items())])
        print(line, file=self._stream, flush=True)


def supervise(children: Sequence[Child], log: Log, tick: Callable[[], None], every: float = 1.0) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP; then stop the children in reverse order.

    `tick` is called about every `every` seconds. Raises what `tick` raises, after the children are stopped.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    running = [_Running(child) for child in children]
    try:
        while True:
            for each in running:
                _keep_running(each, log)
            tick()
            received = signal.sigtimedwait(AWAITED, every)
            if received is not None and received.si_signo != signal.SIGCHLD:
                log("stopping", signal=signal.Signals(received.si_signo).name)
                return
    finally:
        for each in reversed(running):
            _stop(each, log)
        while signal.sigtimedwait(AWAITED, 0) is not None:  # pending signals must not end us when unblocked
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _keep_running(running: _Running, log: Log) -> None:
    now, child = monotonic(), running.child
    if running.process is not None:
        code = running.process.poll()
        if code is None:
            if now - running.since > STABLE:
                running.failures = 0
            return
        running.process = None
        running.failures += 1
        pause = min(0.25 * 2 ** (running.failures - 1), LONGEST_PAUSE)
        running.again = now + pause
        log(f"{child.name} ended", code=code, again_in=round(pause, 2))
    if now < running.again:
        return
    running.process = _start(child)
    running.since = now
    log(f"{child.name} started", pid=running.process.pid)


def _start(child: Child) -> "subprocess.Popen[bytes]":
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

    def prepare() -> None:  # in the child, after it became its user, which would clear the death signal
        libc.prctl(PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before it was asked for
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)

    try:
        return subprocess.Popen(
            list(child.command),
            env={**os.environ, **child.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone, which stops them in order
            preexec_fn=prepare,
            umask=child.umask,
            user=child.user,
            group=None if child.user is None else _group_of(child.user),
            extra_groups=None if child.user is None else os.getgrouplist(child.user, _group_of(child.user)),
        )
    except (OSError, KeyError, subprocess.SubprocessError) as error:
        raise DeploymentError(f"{child.name} cannot be started: {error}") from None


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _stop(running: _Running, log: Log) -> None:
    if running.process is None or running.process.poll() is not None:
        return
    running.process.terminate()
    try:
        running.process.wait(GRACE)
    except subprocess.TimeoutExpired:
        log(f"{running.child.name} does not stop; killed")
        running.process.kill()
        running.process.wait()
    log(f"{running.child.name} stopped", code=running.process.returncode)
