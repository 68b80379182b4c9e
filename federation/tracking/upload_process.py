"""A process that sends a run's records to MLflow while the run goes on.

A process of its own at low priority: MLflow takes seconds of CPU to import and to make its store, which a thread would
take from training; it needs 20 s to notice a locked store and never returns from a frozen server. It ends with the run,
however the run ends: the run holds the other end of its standard input.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from federation.errors import one_line
from federation.settings.parts import TrackingSettings
from federation.tracking import model
from federation.tracking.store import quiet
from federation.tracking.uploader import Uploader

LINGER = 2.0  # seconds between two uploads: batches of several rounds cost a tenth of single ones
RETRY = 5.0  # seconds before MLflow is tried again
NICE = 5  # training comes first, but on a busy machine the records must come through too
FINISH, NOW = "finish", "now"
PROGRAM = "from federation.tracking.upload_process import main; main()"


class UploadProcess:
    """`allow` says how much of the spool may be sent; `finish` waits for it, for a bounded time. Neither raises."""

    def __init__(self, folder: Path, settings: TrackingSettings, runs: Path) -> None:
        job = {"folder": str(folder.absolute()), "runs": str(runs.absolute()), "settings": asdict(settings)}
        self._job = json.dumps({**job, "linger": LINGER, "retry": RETRY})
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with suppress(OSError):  # `finish` says so
            self._process = _spawn()
        self._say(self._job)

    def allow(self, length: int, *, now: bool = False) -> None:
        """The first `length` bytes of the spool are durable and may be sent. now: from here on without a pause."""
        self._say(f"{length} {NOW}" if now else str(length))

    def finish(self, patience: float) -> str:
        """Wait until all is sent, one more attempt has failed, or patience (seconds) is over; '' or what is wrong."""
        if self._process is None:
            return "no process could be started"
        said = ""
        with suppress(OSError), self._process as process:
            try:
                said, _ = process.communicate(f"{FINISH}\n", timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
        reasons = said.splitlines()
        return str(json.loads(reasons[-1])) if reasons else f"its process ended with {self._process.returncode}"

    def _say(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):  # it has died; `finish` says so
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()


class UploadLoop:
    """What the process does: uploads what is allowed, tries again after an error, ends after `finish`."""

    def __init__(self, folder: Path, settings: TrackingSettings, runs: Path, *, linger: float, retry: float) -> None:
        self._folder, self._settings, self._runs = folder, settings, runs
        self._linger, self._retry = linger, retry
        self._changed = threading.Condition()
        self._allowed = 0
        self._hurried = False  # the run is about to end
        self._finishing = False
        self._reason = "it has not replied yet"
        self._uploader: Uploader | None = None
        self._prepared = False

    def allow(self, length: int, *, now: bool = False) -> None:
        """The first `length` bytes of the spool may be sent. now: from here on without a pause."""
        with self._changed:
            self._allowed = length
            self._hurried |= now
            self._changed.notify_all()

    def finish(self) -> None:
        """End after one more attempt."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def reason(self) -> str:
        """What is wrong so far, in case one more attempt takes too long."""
        with self._changed:
            return self._reason or "it is slow"

    def run(self) -> str:
        """Upload until `finish`; '' or what is wrong. The store is opened at once, for it can take seconds."""
        while True:
            with self._changed:
                finishing, allowed = self._finishing, self._allowed
            failed = False
            try:
                reason = self._upload(allowed)
            except Exception as error:  # HTTP, SQL, disk: whatever MLflow meets must not end the loop
                reason, failed = one_line(error), True
            if finishing:
                return reason
            with self._changed:
                self._reason = reason
                ending = self._pause(failed)
            if not ending:
                self._prepare()
            with self._changed:
                self._changed.wait_for(self._has_work)

    def _pause(self, failed: bool) -> bool:
        """Between two uploads; whether the run is about to end, which cuts it short unless the last one failed."""
        ending = (lambda: self._finishing) if failed else (lambda: self._finishing or self._hurried)
        return self._changed.wait_for(ending, timeout=self._retry if failed else self._linger)

    def _prepare(self) -> None:
        """While the run still trains, what its end would wait for; where that fails, its end says why.

        It comes a pause after the first records: a run that is over by then needs none.
        """
        if self._uploader is not None and self._uploader.done and not self._prepared:
            self._prepared = True
            with suppress(Exception):
                model.prepare()

    def _has_work(self) -> bool:
        return self._finishing or self._uploader is None or self._allowed > self._uploader.done

    def _upload(self, upto: int) -> str:
        if self._uploader is None:
            self._uploader = Uploader(self._folder, self._settings, self._runs)
        while self._uploader.done < upto:
            self._uploader.advance(upto)
        refused = self._uploader.refused
        return f"{len(refused)} records are not as it wants them, the first: {refused[0]}" if refused else ""


def main() -> None:
    """Read the job and then lengths from standard input; print the reason, as JSON, why not all was sent."""
    with suppress(OSError):
        os.nice(NICE)
    quiet()
    replies, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no reply
    serve(sys.stdin, replies)


def serve(commands: TextIO, replies: TextIO) -> None:
    """Upload as the commands allow, then end the process: at once if they end without `finish`, for the run is dead."""
    job: dict[str, Any] = json.loads(commands.readline())
    settings = TrackingSettings(**job["settings"])
    loop = UploadLoop(Path(job["folder"]), settings, Path(job["runs"]), linger=job["linger"], retry=job["retry"])

    def listen() -> None:
        for line in commands:
            if line.strip() == FINISH:
                print(json.dumps(loop.reason()), file=replies, flush=True)
                loop.finish()
                return
            length, *words = line.split()
            loop.allow(int(length), now=NOW in words)
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    print(json.dumps(loop.run()), file=replies, flush=True)
    os._exit(0)  # without MLflow's own threads, which would be waited for


def _spawn() -> "subprocess.Popen[str]":
    path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)  # a bundle's too
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM],  # -P: no module of the working directory in place of a library
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C is for the run, which then sends `finish`
    )
