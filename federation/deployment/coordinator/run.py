"""A deployed run, inside the process that Flower's executor starts for it on the coordinator.

What to do stands in the coordinator's folder, not in what Flower passes on to every node: the run's name alone travels.
"""

import ctypes
import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from cryptography.hazmat.primitives import serialization
from flwr.serverapp import Grid
from rich.console import Console

from federation.composition.restore import restore
from federation.coordinator import checkpoint, rounds
from federation.coordinator.state import Federation, Progress, Watch
from federation.deployment.coordinator import members, terms
from federation.deployment.coordinator.polling_grid import PollingGrid, public_keys
from federation.deployment.coordinator.submission import ENDED, OUTPUT, Submission, again, path_of
from federation.deployment.supervisor import PDEATHSIG
from federation.errors import ConfigError, DeploymentError, GotongError, QuorumError
from federation.runs import folder as run_folder
from federation.runs.simulation import Simulation
from federation.settings.schema import Settings
from tasks.errors import TaskError
from tasks.files.atomic import write_atomically

HOME = "GOTONG_COORDINATOR"  # environment variable: the coordinator's folder, set by the coordinator


Rounds = Callable[[Simulation, Watch], rounds.Outcome]
Conduct = Callable[[Simulation, str | None, float, Rounds, Console], None]


def main(link: Any, name: str, conduct: Conduct) -> None:
    """Do what was submitted under this name; how it ended stands in the run's folder before this returns or raises.

    conduct: follows the rounds as in a simulation: screen, tracking, results.
    """
    _die_with_the_executor()
    home = Path(os.environ[HOME])
    submission = read(home, name)
    folder = submission.folder
    ended: dict[str, str | None] | None = None
    with run_folder.locked(
        folder
    ):  # how it ended is there before the lock falls: who follows takes the rest for a death
        try:
            with (folder / OUTPUT).open("a", buffering=1) as output:
                console = Console(file=output, width=submission.width, highlight=False, force_terminal=False)
                began = perf_counter()
                ready, grid = _prepare(link, home, submission, console)

                def run(_: Simulation, watch: Watch) -> rounds.Outcome:
                    return rounds.federate(grid, ready.federation, ready.progress, watch)

                conduct(ready, submission.settings.out, began, run, console)
            ended = {"error": None}
        except KeyboardInterrupt:
            _tell(folder, None)
            os._exit(1)  # what Flower would still do on its way out waits without end where its SuperLink is gone
        except (GotongError, TaskError) as error:
            ended = {"error": str(error)}
            raise
        except Exception as error:  # a fault of ours: submit, in another process, must still hear that the run ended
            ended = {"error": f"{type(error).__name__}: {error}; see `flwr log` of this run"}
            raise
        finally:
            _tell(folder, ended)


def _tell(folder: Path, ended: Mapping[str, str | None] | None) -> None:
    """How the run ended, for who follows it. None: something stopped its process."""
    ended = ended or {"error": f"its process was stopped; {again(folder)}"}
    write_atomically(folder / ENDED, json.dumps(ended).encode())


def _die_with_the_executor() -> None:
    """So that a resume finds the run's folder free. Flower means to do it too, but its watch signals a thread that may
    sleep for minutes while the SuperLink is gone as well, and its handler then waits for that SuperLink."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGINT)


def read(home: Path, name: str) -> Submission:
    """What was submitted. Raises DeploymentError."""
    path = path_of(home, name)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{path}: {error}; start runs with `gotong submit`") from None
    return Submission(
        settings=restore(Settings, values["settings"], "submission"),
        folder=Path(values["folder"]),
        width=int(values["width"]),
        resume=bool(values["resume"]),
    )


def _prepare(link: Any, home: Path, submission: Submission, console: Console) -> tuple[Simulation, Grid]:
    """The run as its checkpoint left it, or a new one that every country consents to."""
    folder = submission.folder
    progress: Progress | None = None
    settings, known = submission.settings, members.nodes(home)
    wanted = sorted(settings.region.countries)
    if submission.resume:
        progress, header = checkpoint.load(folder / checkpoint.FILE)
        settings = replace(restore(Settings, header["settings"], "checkpoint"), **_may_change(submission.settings))
        wanted = list(header["nodes"])
    nodes = {country: known[country][0] for country in wanted if country in known}
    notes = _notes(wanted, nodes)
    if len(nodes) < settings.quorum:
        raise ConfigError(
            f"quorum={settings.quorum} and {len(nodes)} of {', '.join(wanted)} are enrolled; "
            f"enrol more nodes or set quorum to {len(nodes)} or less"
        )
    federation = Federation(
        run=folder.name, plan=settings.plan(), settings=settings, nodes=nodes, checkpoint=folder / checkpoint.FILE
    )
    _proven(link, {country: known[country] for country in nodes})
    grid = PollingGrid(link, enough=settings.quorum)
    answer = terms.request(grid, folder.name, nodes)
    terms.check(answer, federation.plan)
    if len(answer.terms) < settings.quorum:
        raise QuorumError(
            f"{len(answer.terms)} countries answered and quorum={settings.quorum} are needed; "
            f"absent are {', '.join(answer.absent)}: see `gotong status`, then submit again"
        )
    if answer.absent:
        notes.append(f"absent: {', '.join(answer.absent)}; they are asked again every round")
    if progress is None:
        progress = rounds.begin(federation, _start(settings))
        checkpoint.save(federation, progress)
    ready = Simulation(
        settings=settings, folder=folder, federation=federation, vaults={}, progress=progress, notes=tuple(notes)
    )
    console.print(f"{folder.name}: {', '.join(sorted(answer.terms))} agree", markup=False)
    return ready, grid


def _start(settings: Settings) -> Mapping[str, Any] | None:
    """The model of the run to start from. Raises ConfigError or CheckpointError."""
    if settings.start_from is None:
        return None
    return checkpoint.load_model(run_folder.existing(settings.runs, settings.start_from))


def _may_change(settings: Settings) -> dict[str, Any]:
    """What a resumed run takes from the command line."""
    return {f.name: getattr(settings, f.name) for f in fields(Settings) if f.name in ("runs", "out", "deadline")}


def _notes(wanted: list[str], nodes: Mapping[str, int]) -> list[str]:
    missing = [country for country in wanted if country not in nodes]
    return [f"not enrolled: {', '.join(missing)}; they do not take part"] if missing else []


def _proven(link: Any, known: Mapping[str, tuple[int, str]]) -> None:
    """Raise DeploymentError if a node is online under a country's number with another key than was enrolled."""
    online = public_keys(link)
    for country, (node, text) in known.items():
        key = serialization.load_ssh_public_key(text.encode())
        raw = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        if node in online and online[node] != raw:
            raise DeploymentError(f"the node of {country} is not the one that was enrolled; stop and find out why")
