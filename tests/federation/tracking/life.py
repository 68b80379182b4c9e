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

from federation.settings.schema import TrackingSettings
from federation.tracking import cursor, upload_thread
from federation.tracking.delivery import Delivery
from federation.tracking.run_info import RunCard
from federation.tracking.tracker import Tracker
from tasks.files.atomic import write_atomically

SENDERS = ("sending", "creating", "noting", "noted")  # the sender dies, while the run waits
COUNTRIES = ("THA", "VNM")


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


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
    upload_thread.LINGER, upload_thread.RETRY = 0.01, 0.05
    if place == "sending":  # some rows of a piece are in MLflow, and nothing says so
        Delivery._log = after(Delivery._log, die, at)  # type: ignore[method-assign]
    if place == "creating":  # the federation's run is made, its countries' are not
        Delivery._create = after(Delivery._create, die, at)  # type: ignore[method-assign]
    if place == "noting":  # a piece is in MLflow whole, and the note of it is not written
        Delivery.send = after(Delivery.send, die, at)  # type: ignore[method-assign]
    if place == "noted":
        cursor.save = after(cursor.save, die, at)
    folder = runs / "demo"
    checkpoint = folder / "checkpoint.json"
    done = json.loads(checkpoint.read_text()) if checkpoint.exists() else {"round": 0, "committed": 0}
    tracker = Tracker(folder, TrackingSettings(patience=60), runs=runs, warn=print)
    tracker.begin(RunCard(id="demo-1", name="demo", countries=COUNTRIES, params={"rounds": rounds}), done["committed"])
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
        if place in SENDERS and round_ == done["round"] + 4:
            time.sleep(20)
        time.sleep(0.01)
    if place == "ending":
        Delivery._end = after(Delivery._end, die, at)  # type: ignore[method-assign]
    tracker.end("FINISHED")


if "LIFE" in globals():  # given by runpy
    live(*globals()["LIFE"])
