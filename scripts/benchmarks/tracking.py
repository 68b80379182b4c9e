"""scripts/bench tracking [KEY=VALUE ...]: rounds with five kinds of failures of MLflow, over rounds without MLflow.

rounds=20           per run; the first does not count, for it pays for start-up
repeats=3           of every condition
delay=10            seconds a call of the slow server takes
only=down,slow      these conditions; all if left out
calls=true          only what a round spends in calls of tracking, which hardly depends on the machine's load
share=true          of whole runs of the region, what calls of tracking take of their time, and the last wait
words='KEY=VALUE'   further words of these runs
out=FILE            JSON rows

Every run has a twin without MLflow that runs at the same time, so that both meet the same load of the
machine; `none` is such a pair too, and its ratio is what chance does. A round's time is that between two records of the
run's own spool. When a run is over, so is its failure: what is missing is sent with `gotong replay`, and every row of
the spool must then be in MLflow once. A full disk needs a superuser.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from quiet import MOST, listen
from rich.console import Console

from federation.composition.compose import settings_of
from federation.runs.simulation import simulate
from federation.settings.parts import TrackingSettings
from federation.tracking import spool
from federation.tracking.run_info import RunInfo
from federation.tracking.store import SQLITE, create
from federation.tracking.tracker import Tracker
from tests.federation.tracking import mlflow_failures
from tests.federation.tracking.mlflow_failures import Failure

GOTONG = [sys.executable, "-c", "from federation.cli import main; main()"]
WORDS = ["arms=[federated]", "training.epochs=1", "name=run", "tracking.patience=5"]
MOST_SLOWER = 1.05
CALLS = ("begin", "metrics", "tags", "dataset", "artifact", "model", "commit")  # of the tracker; `commit` flushes
NONE = "none"
Pair = tuple[list[float], list[float]]  # seconds of rounds: of the run with a failing MLflow, of its twin


@contextmanager
def healthy(store: Path) -> Iterator[Failure]:
    """No failure."""
    yield Failure(uri=f"{SQLITE}{store}", over=lambda: None)


def conditions(folder: Path, delay: float) -> dict[str, Callable[[Path], AbstractContextManager[Failure]]]:
    """Name -> what happens to the store of a run."""
    failures_by_name: dict[str, Callable[[Path], AbstractContextManager[Failure]]] = {
        NONE: healthy,
        "healthy": healthy,
        "down": mlflow_failures.down,
        "slow": lambda store: mlflow_failures.slow(store, delay),
        "locked": mlflow_failures.locked,
        "restarted": lambda store: mlflow_failures.restarted(store, after=12, away=2),
    }
    if mlflow_failures.superuser():
        failures_by_name["full disk"] = lambda store: mlflow_failures.full(store, folder / "disk")
    return failures_by_name


def pair(name: str, failure: AbstractContextManager[Failure], folder: Path, rounds: int, turn: int) -> Pair:
    """A run with a failing MLflow and its twin. Raises SystemExit if a run fails or its history is incomplete."""
    with failure as store_:
        tracking = "tracking=none" if name == NONE else f"tracking.uri={store_.uri}"
        order = [("mine", tracking), ("twin", "tracking=none")][:: -1 if turn % 2 else 1]
        started = {who: _start([*WORDS, f"runs={who}", f"rounds={rounds}", how], folder) for who, how in order}
        for process in started.values():
            error = process.communicate()[1]
            if process.returncode:
                raise SystemExit(f"{name}: {error}")
        records = {who: list(spool.read_all(folder / who / "run" / spool.NAME)) for who in started}
        store_.over()
        if name != NONE:
            words = ["replay", "run=run", "runs=mine", tracking]
            done = subprocess.run([*GOTONG, *words], cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr}")
            store = Path(store_.uri.removeprefix(SQLITE)) if SQLITE in store_.uri else folder / "mlflow.db"
            _complete(name, records["mine"], store)
    return _seconds(records["mine"]), _seconds(records["twin"])


def in_calls(name: str, failure: AbstractContextManager[Failure], folder: Path, rounds: int) -> list[float]:
    """Seconds that the rounds of eleven countries spend in calls of tracking, half a second of other work between."""
    countries = ("BRN", "IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "SGP", "THA", "TLS", "VNM")
    spent = []
    with failure as store_:
        settings = TrackingSettings(name="none" if name == NONE else "mlflow", uri=store_.uri, patience=0)
        tracker = Tracker(folder / "run", settings, runs=folder, warn=lambda _: None)
        tracker.begin(RunInfo(id="run", name="run", countries=countries))
        for step in range(rounds):
            until = perf_counter() + 0.5
            while perf_counter() < until:
                sum(range(10_000))  # holds the interpreter as training does
            began = perf_counter()
            for country in countries:
                tracker.metrics({f"metric {at}": step * at for at in range(12)}, step=step, country=country)
            tracker.commit()
            spent.append(perf_counter() - began)
        tracker.end("FINISHED")
    return spent


def share(folder: Path, words: Sequence[str]) -> tuple[float, float, float]:
    """Of a run with MLflow: its seconds, those in calls of tracking until its end, and those of the wait at it.

    The end puts the last record and then waits until MLflow has everything, at most `tracking.patience`.
    """
    spent = {"calls": 0.0, "wait": 0.0}
    methods = {name: getattr(Tracker, name) for name in (*CALLS, "end")}

    def timed(name: str, kind: str) -> None:
        method = methods[name]

        def call(*arguments: Any, **named: Any) -> Any:
            began = perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                spent[kind] += perf_counter() - began

        setattr(Tracker, name, call)

    for name in CALLS:
        timed(name, "calls")
    timed("end", "wait")
    try:
        began = perf_counter()
        simulate(settings_of([*words, "name=run", f"runs={folder / 'runs'}"]), Console(quiet=True))
        return perf_counter() - began, spent["calls"], spent["wait"]
    finally:
        for name, method in methods.items():
            setattr(Tracker, name, method)


def shares(rounds: int, repeats: int, words: Sequence[str]) -> Iterator[str]:
    """A line of each run, then the medians of their shares."""
    percent = []
    for _ in range(repeats):
        with TemporaryDirectory() as scratch:
            seconds, calls, wait = share(Path(scratch), [f"rounds={rounds}", *words])
        percent.append((100 * calls / seconds, 100 * wait / seconds))
        yield f"{seconds:.1f} s: {calls:.2f} s in calls, {wait:.2f} s at the end, until MLflow has everything"
    calls_, waits, sums = (median(each) for each in zip(*((*each, sum(each)) for each in percent), strict=True))
    yield f"medians: {calls_:.2f} % in calls, {waits:.1f} % at the end, {sums:.1f} % together"


def _start(words: Sequence[str], folder: Path) -> "subprocess.Popen[str]":
    out, error = subprocess.DEVNULL, subprocess.PIPE
    return subprocess.Popen([*GOTONG, "simulate", *words], cwd=folder, stdout=out, stderr=error, text=True)


def _seconds(records: Sequence[spool.Record]) -> list[float]:
    """Of every round but the first."""
    ends = [each["time"] / 1000 for each in records if "round/countries" in each.get("values", {})]
    return [later - earlier for earlier, later in pairwise(ends)]


def _complete(name: str, records: Sequence[spool.Record], store: Path) -> None:
    expected = sorted(
        (each["country"] or "", metric, each["step"])
        for each in records
        if each["do"] == "metrics"
        for metric in each["values"]
    )
    with sqlite3.connect(store) as database:
        kept = database.execute(
            "SELECT coalesce(t.value, ''), m.key, m.step FROM metrics m"
            " LEFT JOIN tags t ON t.run_uuid = m.run_uuid AND t.key = 'gotong.country'"
        ).fetchall()
    if sorted(kept) != expected:
        raise SystemExit(f"{name}: MLflow holds {len(kept)} rows of {len(expected)}")


def main(words: Sequence[str]) -> int:
    """Run all in turn, print the table. Exit code 1 if a condition is slower than it may be."""
    options = {
        "rounds": "20",
        "repeats": "3",
        "delay": "10",
        "only": "",
        "calls": "false",
        "share": "false",
        "words": "",
        "out": "",
    }
    for word in words:
        key, _, value = word.partition("=")
        if key not in options or not value:
            print(f"{word!r} is none of {', '.join(options)} (KEY=VALUE)", file=sys.stderr)
            return 1
        options[key] = value
    heard = listen()
    if options["share"] == "true":
        words = options["words"].split()
        for line in shares(int(options["rounds"]), int(options["repeats"]), words):
            print(line, flush=True)
        print(
            f"others used {heard.busy:.0f} % of all cores before (load {heard.load:.1f}); quiet is up to {MOST:.0f} %"
        )
        return 0
    times: dict[str, Pair] = {}
    with TemporaryDirectory() as scratch:
        empty = Path(scratch) / "empty" / "mlflow.db"
        create(empty)
        for turn in range(int(options["repeats"])):
            for name in options["only"].split(",") if options["only"] else conditions(Path(), 0):
                folder = Path(scratch) / f"{name}-{turn}".replace(" ", "-")
                folder.mkdir()
                store = Path(shutil.copy(empty, folder / "mlflow.db"))
                failure = conditions(folder, float(options["delay"]))[name](store)
                if options["calls"] == "true":
                    spent = sorted(in_calls(name, failure, folder, int(options["rounds"])))
                    print(
                        f"{name:<10} {median(spent) * 1000:.1f} ms a round in calls, at most {spent[-1] * 1000:.0f} ms"
                    )
                    continue
                mine, twin = pair(name, failure, folder, int(options["rounds"]), turn)
                times.setdefault(name, ([], []))[0].extend(mine)
                times[name][1].extend(twin)
                print("\n".join(_line(_row(name, *seconds)) for name, seconds in times.items()), "\n", file=sys.stderr)
    rows = [_row(name, *seconds) for name, seconds in times.items()]
    for row in rows:
        print(_line(row))
    print(f"others used {heard.busy:.0f} % of all cores before (load {heard.load:.1f}); quiet is up to {MOST:.0f} %")
    if options["out"]:
        Path(options["out"]).write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(row["ratio"] > MOST_SLOWER for row in rows))


def _row(name: str, mine: Sequence[float], twin: Sequence[float]) -> dict[str, Any]:
    low, _, high = quantiles(mine, n=4)
    ratio = median(mine) / median(twin)
    return {"name": name, "seconds": median(mine), "low": low, "high": high, "ratio": ratio, "n": len(mine)}


def _line(row: dict[str, Any]) -> str:
    return "{name:<10} {seconds:.3f} s a round [{low:.3f}, {high:.3f}]  ratio {ratio:.3f}  n {n}".format(**row)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
