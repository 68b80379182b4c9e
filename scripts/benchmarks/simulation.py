"""scripts/bench simulation [KEY=VALUE ...]: the same rounds in every engine, alternating, medians and spread.

clients=100         or 10,100,1000,10000
models=87k          or 87k,42k,42k-mixer: two mixers, and a perceptron as the tasks use
engines=cohort,sequential,plain,pfl,ray
rounds=10           per run; the first does not count, for it pays for start-up
repeats=3           of every engine, in turn
workers=2           processes of cohort and pfl, and actors of ray; the others have one
compiled=true       let cohort compile its steps; the table says what that takes, and when it has paid
chunk=10            clients in one step of cohort; 0: measured and chosen, not compiled
peers=PYTHON        interpreter that has pfl and ray; this one if left out
memory=false        true: measure ten times a second what all processes of an engine hold together, which disturbs times
out=FILE            JSON rows; plot=FILE: clients per second against clients
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import psutil
from quiet import MOST, listen
from work import Work

HERE = Path(__file__).parent
SAME = 1e-5  # largest difference of any weight between engines
OURS = ("cohort", "sequential", "plain")


@dataclass(kw_only=True)
class Row:
    """One engine on one piece of work. seconds: median of a round. busy: per cent of all cores that others took."""

    engine: str
    clients: int
    parameters: int
    seconds: float
    low: float  # quartiles of a round
    high: float
    first: float  # seconds of the first round
    start: float  # seconds before it
    cpu: float | None  # CPU seconds of a round: of pfl's first process, of all of ours
    mib: float  # most memory, records included: of all processes together if requested, or of the first
    busy: float
    gap: float  # largest difference of any weight from sequential
    plan: dict[str, Any] = field(default_factory=dict)


def main(words: Sequence[str]) -> int:
    """Run all, print the table, and say what cannot be said."""
    options = {
        "clients": "100", "models": "87k", "engines": "cohort,sequential,plain,pfl,ray", "rounds": "10", "repeats": "3",
        "workers": "2", "compiled": "true", "chunk": "10", "peers": sys.executable, "out": "", "plot": "",
        "memory": "false",
    }  # fmt: skip
    for word in words:
        key, _, value = word.partition("=")
        if key not in options or not value:
            print(f"{word!r} is none of {', '.join(options)} (KEY=VALUE)", file=sys.stderr)
            return 1
        options[key] = value
    rows: list[Row] = []
    for model in options["models"].split(","):
        for clients in map(int, options["clients"].split(",")):
            work = Work(clients=clients, model=model, rounds=int(options["rounds"]))
            rows += compare(work, options)
            show(rows, work)
    if options["out"]:
        Path(options["out"]).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if options["plot"]:
        plot(rows, Path(options["plot"]))
    unequal = [row for row in rows if not row.gap <= SAME]  # NaN too
    for row in unequal:
        print(
            f"FAILED: {row.engine} with {row.clients} clients ends {row.gap:.1e} away from sequential", file=sys.stderr
        )
    return 1 if unequal else 0


def compare(work: Work, options: dict[str, str]) -> list[Row]:
    """Every engine `repeats` times, in turn, so that a slow minute hits all of them."""
    engines = options["engines"].split(",")
    if "sequential" not in engines:
        engines.append("sequential")  # what the others are held to
    reports: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(int(options["repeats"])):
        for engine in engines:
            reports[engine].append(once(work, engine, options))
    wanted = reports["sequential"][0]["weights"]
    return [row_of(work, engine, many, wanted) for engine, many in reports.items()]


def once(work: Work, engine: str, options: dict[str, str]) -> dict[str, Any]:
    """One run of one engine in a process of its own."""
    quiet = listen()
    workers = int(options["workers"])
    given: dict[str, Any] = {"engine": engine, "threads": 1}
    if engine == "cohort":
        given |= {"workers": workers, "compiled": options["compiled"] == "true" and options["chunk"] != "0"}
        if options["chunk"] != "0":
            given["chunk"] = int(options["chunk"])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "ours.py"] if engine in OURS else [options["peers"], f"peer_{engine}.py"]
        if engine == "pfl" and workers > 1:
            command = [options["peers"], "-m", "torch.distributed.run", f"--nproc-per-node={workers}", "peer_pfl.py"]
        request = json.dumps({"work": asdict(work), "options": given})
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
        if engine not in OURS:
            environment.pop("PYTHONPATH")
        said, report_file = Path(folder) / "said.txt", Path(folder) / "report.json"
        with said.open("w") as file:
            run = subprocess.Popen([*command, request, folder], cwd=HERE, env=environment, stdout=file, stderr=file)
            held = most(run) if options["memory"] == "true" else None
            run.wait()
        if run.returncode or not report_file.exists():
            tail = "\n".join(said.read_text().strip().splitlines()[-5:])
            raise SystemExit(f"{engine} failed; is it installed for {command[0]}? (extra `bench`)\n{tail}")
        report: dict[str, Any] = json.loads(report_file.read_text())
        report["mib"] = held or report["mib"]
        report["weights"] = dict(np.load(Path(folder) / "weights.npz"))
    report["busy"] = max(quiet.busy, listen().busy)
    return report


def most(run: subprocess.Popen[bytes]) -> float:
    """MiB that a process and its children held at most; what they share counts once."""
    most = 0.0
    while run.poll() is None:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            first = psutil.Process(run.pid)
            most = max(most, sum(one.memory_full_info().pss for one in (first, *first.children(recursive=True))))
        time.sleep(0.1)  # nothing signals that memory grows
    return most / 2**20


def row_of(work: Work, engine: str, many: Sequence[dict[str, Any]], wanted: dict[str, Any]) -> Row:
    """Medians over all rounds but the first of every run."""
    rounds = [seconds for one in many for seconds in one["seconds"][1:]]
    quarters = quantiles(rounds, n=4) if len(rounds) > 1 else [rounds[0]] * 3
    cpu = [seconds for one in many for seconds in one.get("cpu", [])[1:]]
    return Row(
        engine=engine,
        clients=work.clients,
        parameters=sum(value.size for value in wanted.values()),
        seconds=median(rounds),
        low=quarters[0],
        high=quarters[2],
        first=median(one["seconds"][0] for one in many),
        start=median(one["start"] for one in many),
        cpu=median(cpu) if cpu else None,
        mib=max(one["mib"] for one in many),
        busy=max(one["busy"] for one in many),
        gap=max(float(np.abs(one["weights"][n] - wanted[n]).max()) for one in many for n in wanted),
        plan=many[0]["plan"],
    )


def show(rows: Sequence[Row], work: Work) -> None:
    """One table; ratios only from a quiet machine."""
    these = [row for row in rows if row.clients == work.clients][-5:]
    quiet = all(row.busy <= MOST for row in these)
    best = next((row for row in these if row.engine == "cohort"), these[0])
    print(
        f"\n{work.clients} clients x {work.examples} rows, {these[0].parameters:,} parameters, batch {work.batch}, SGD"
    )
    print("engine      s/round   quartiles        first    start   cpu s     MiB   others   gap       against cohort")
    for row in these:
        ratio = f"{row.seconds / best.seconds:.2f} x" if quiet else "busy: none"
        cpu = f"{row.cpu:7.2f}" if row.cpu is not None else "      -"
        print(
            f"{row.engine:10} {row.seconds:8.3f}   {row.low:.3f}-{row.high:.3f}  {row.first:8.2f} {row.start:8.2f}"
            f" {cpu}  {row.mib:6,.0f}   {row.busy:4.0f} %   {row.gap:.0e}   {ratio}"
        )
    others = [row for row in these if row is not best and row.seconds > best.seconds and row.engine != "cohort"]
    if best.plan.get("compiled") and quiet:
        paid = ", ".join(
            f"{ceil((best.start - r.start) / (r.seconds - best.seconds))} against {r.engine}" for r in others
        )
        print(f"cohort takes {best.start:.1f} s before its first round, mostly to compile; paid after rounds: {paid}")
    if not quiet:
        print(f"Others used more than {MOST:.0f} % of the cores: times are shown, ratios are not.")


def plot(rows: Sequence[Row], file: Path) -> None:
    """Clients per second against clients, a line an engine and model."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for engine, size in sorted({(row.engine, row.parameters) for row in rows}):
        line = sorted((r for r in rows if (r.engine, r.parameters) == (engine, size)), key=lambda r: r.clients)
        axes.plot([r.clients for r in line], [r.clients / r.seconds for r in line], "o-", label=f"{engine}, {size:,}")
    axes.set(xscale="log", yscale="log", xlabel="clients a round", ylabel="clients per second")
    axes.legend(title="engine, parameters")
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
