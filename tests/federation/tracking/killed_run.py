"""One life of a run in a process of its own, to be killed: it resumes from its checkpoint, and knows where to die.

Run by path (`runpy`) in a process that was forked from one with MLflow imported, so that a life costs little.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from federation.settings.parts import TrackingSettings
from federation.tracking import cursor, upload_process
from federation.tracking.mlflow_writer import MlflowWriter
from federation.tracking.run_info import RunInfo
from federation.tracking.tracker import Tracker
from tasks.files.atomic import write_atomically

UPLOADS = ("sending", "creating", "noting", "noted")  # where the upload dies while the run waits, and the run with it
COUNTRIES = ("THA", "VNM")


LIFE_PROCESS = os.getpid()


def die(*_: Any, **__: Any) -> None:
    os.kill(LIFE_PROCESS, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


class Forked:
    """In place of the `Popen` of an upload process: a fork, in which MLflow is imported already and patches hold."""

    def __init__(self) -> None:
        (commands, write), (read, replies) = os.pipe(), os.pipe()
        self.returncode = 0
        self._process = os.fork()
        if not self._process:
            os.close(write)
            os.close(read)
            try:
                upload_process.serve(os.fdopen(commands), os.fdopen(replies, "w"))
            finally:
                os._exit(1)
        os.close(commands)
        os.close(replies)
        self.stdin, self._replies = os.fdopen(write, "w"), os.fdopen(read)

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        self._replies.close()

    def communicate(self, text: str = "", timeout: float = 0.0) -> tuple[str, None]:  # noqa: ARG002
        self.stdin.write(text)
        self.stdin.close()
        return self._replies.read(), None


def after(function: Callable[..., Any], then: Callable[..., Any], times: int) -> Callable[..., Any]:
    """The function, and at its last call `then`."""
    left = [times]

    def both(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        left[0] -= 1
        if not left[0]:
            then()
        return result

    return both


def live(runs: Path, rounds: int, place: str, at: int) -> None:
    """Rounds from the checkpoint on; `place` and `at` say where and at which round or call to die, '' to live."""
    upload_process.LINGER, upload_process.RETRY = 0.01, 0.05
    upload_process._spawn = Forked  # type: ignore[assignment]
    if place == "sending":  # some rows of a piece are in MLflow, and nothing says so
        MlflowWriter._log = after(MlflowWriter._log, die, at)  # type: ignore[method-assign]
    if place == "creating":  # the federation's run is made, its countries' are not
        MlflowWriter._create = after(MlflowWriter._create, die, at)  # type: ignore[method-assign]
    if place == "noting":  # a piece is in MLflow whole, and the note of it is not written
        MlflowWriter.send = after(MlflowWriter.send, die, at)  # type: ignore[method-assign]
    if place == "ending":
        MlflowWriter._end = after(MlflowWriter._end, die, at)  # type: ignore[method-assign]
    if place == "noted":
        cursor.save = after(cursor.save, die, at)
    folder = runs / "demo"
    checkpoint = folder / "checkpoint.json"
    done = json.loads(checkpoint.read_text()) if checkpoint.exists() else {"round": 0, "committed": 0}
    tracker = Tracker(folder, TrackingSettings(patience=60), runs=runs, warn=print)
    tracker.begin(RunInfo(id="demo-1", name="demo", countries=COUNTRIES, params={"rounds": rounds}), done["committed"])
    for round_ in range(done["round"] + 1, rounds + 1):
        tracker.metrics({"loss": 1 / round_, "nothing": float("nan")}, step=round_)
        tracker.metrics({"seconds": random.random()}, step=round_)
        for country in COUNTRIES:
            tracker.metrics({"loss": 1 / round_ + len(country)}, step=round_, country=country)
        if place == "torn" and round_ == at:
            tracker._spool._file.write(b'{"do":"metrics","ti')  # type: ignore[union-attr]
            tracker._spool._file.flush()  # type: ignore[union-attr]
            die()
        length = tracker.commit()
        if place == "flushed" and round_ == at:
            while cursor.load(folder).tried < length:  # until MLflow has a round that no checkpoint knows
                time.sleep(0.01)
            die()
        write_atomically(checkpoint, json.dumps({"round": round_, "committed": length}).encode())
        while place in UPLOADS and cursor.load(folder).done < length:  # a round an upload, until one is the last
            time.sleep(0.01)
        time.sleep(0.01)
    tracker.end("FINISHED")


if "LIFE" in globals():  # given by runpy
    live(*globals()["LIFE"])
