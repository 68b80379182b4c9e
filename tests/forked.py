"""Processes of their own that begin with everything imported: else each pays seconds for torch and MLflow alone."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from federation.cli import main

PRELOADED = ["mlflow.store.tracking.sqlalchemy_store", "federation.verbs.simulate", "federation.studies.compare"]
PATIENCE = 280.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Ended:
    """As of subprocess.run. returncode: negative for the signal that ended it."""

    returncode: int
    stdout: str
    stderr: str


@cache
def server() -> ForkServerContext:
    """One a worker of the tests, begun with its first process. It computes nothing, so torch may be forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def start(where: Path, output: Path, errors: Path, body: Callable[..., None], *given: Any) -> ForkServerProcess:
    """A function of a module, in a process whose folder is `where`."""
    process = server().Process(target=_become, args=(where, output, errors, body, given))
    process.start()
    return process


def run(where: Path, words: Sequence[str], body: Callable[..., None] = main) -> Ended:
    """`gotong WORDS` in that folder, to its end."""
    output, errors = where.with_suffix(".stdout"), where.with_suffix(".stderr")  # not in it: tests list its files
    process = start(where, output, errors, body, list(words))
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return Ended(returncode=process.exitcode, stdout=output.read_text(), stderr=errors.read_text())


def _become(where: Path, output: Path, errors: Path, body: Callable[..., None], given: Sequence[Any]) -> None:
    os.chdir(where)
    for stream, path in ((sys.stdout, output), (sys.stderr, errors)):
        stream.flush()
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    body(*given)
