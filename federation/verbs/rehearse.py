"""`gotong rehearse`: a coordinator and three nodes on this machine, from keys to a product, in one command."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

from federation.composition.compose import compose
from federation.deployment.rehearsal import Machines, free_port, rehearse
from federation.errors import ConfigError
from federation.settings.checks import within
from tasks.places.countries import problem_with


@dataclass  # not frozen: Hydra merges it
class RehearsalSettings:
    """countries: whose nodes take part; the first makes the product. rounds: of the run. port: 0 takes a free one.

    folder: where keys, records and logs stay, one that is not there yet; None: a temporary one, removed at the end.
    """

    countries: list[str] = field(default_factory=lambda: ["VNM", "KHM", "LAO"])
    rounds: int = 2
    port: int = 0
    folder: str | None = None


def run(words: Sequence[str]) -> None:
    """Print every step as an operator types it, with what it says. Nothing is left running, however it ends."""
    compose("rehearse", words, RehearsalSettings, _rehearse)


def _rehearse(settings: RehearsalSettings) -> None:
    within("rounds", settings.rounds, 1, 100)
    if len(set(settings.countries)) < 2 or len(set(settings.countries)) < len(settings.countries):
        raise ConfigError(f"countries={settings.countries}: name at least two, each once")
    for country in settings.countries:
        if wrong := problem_with(country):
            raise ConfigError(f"countries: {wrong}")
    began, folder = monotonic(), _folder(settings.folder)
    machines = Machines(folder=folder, say=partial(print, flush=True))
    print(f"A rehearsal in {folder}: a coordinator and {len(settings.countries)} countries on 127.0.0.1.")
    try:
        rehearse(machines, settings.countries, settings.rounds, settings.port or free_port())
    finally:
        machines.stop()
        if settings.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    ended = f"{len(machines.started)} processes have ended"
    left = f"everything lies in {folder}" if settings.folder is not None else "the folder is removed"
    print(f"\nDone in {monotonic() - began:.0f} s; {ended}, and {left}.")


def _folder(given: str | None) -> Path:
    """Raises ConfigError for a folder that is there or cannot be made."""
    if given is None:
        return Path(tempfile.mkdtemp(prefix="gotong-"))
    folder = Path(given).resolve()
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"folder={given} cannot be made ({error.strerror}); name one that is not there yet") from None
    return folder
