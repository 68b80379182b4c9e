"""The verbs of the command line as functions: the same words, the same errors, and a run in return.

A call prints nothing and leaves the process as it was. It raises GotongError or TaskError for what the command line
says in one line. KeyboardInterrupt leaves a run that `simulate(resume=NAME)` continues.
"""

from collections.abc import Callable
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

import pandas as pd

from federation.api import finished_run
from federation.api.finished_run import FinishedRun
from federation.api.process import restored
from federation.api.words import words_of
from federation.composition.compose import jobs
from federation.composition.restore import check
from federation.errors import ConfigError
from federation.reporting.rows import RESULTS, plain
from federation.runs import folder as run_folder
from federation.runs.pair import is_pair, run_pair
from federation.runs.simulation import simulate as simulate_settings
from federation.settings.parts import TrackingSettings
from federation.settings.schema import Settings
from federation.studies.compare import compare as compared
from federation.verbs import simulate as simulate_verb
from federation.verbs import submit as submit_verb
from federation.verbs.submit import SubmitSettings
from federation.verbs.word_checks import only_with_resume


def simulate(*words: str, **keys: Any) -> FinishedRun:
    """`gotong simulate` with these words: a run on this machine, new or with resume=NAME an earlier one.

    words: 'key=value', as on a command line. keys: keys without a dot, whose values may be lists, tables or None.
    Raises GotongError or TaskError; what was done is kept and can be resumed.
    """
    settings = _one("simulate", words, keys, Settings, simulate_verb.WITH_RESUME)
    with restored() as (console, output):
        return _done(settings, partial(simulate_settings, console=console), output.getvalue)


def submit(*words: str, **keys: Any) -> FinishedRun:
    """`gotong submit` with these words: the same run on the machines of the enrolled countries, followed to its end.

    Raises as `simulate` does; interrupted, it leaves the run going (`gotong stop`).
    """
    settings = _one("submit", words, keys, SubmitSettings, submit_verb.WITH_RESUME)
    with restored() as (console, output):
        one = partial(submit_verb.submit_one, Path(settings.home), say=partial(console.print, markup=False))
        return _done(settings.run(), one, output.getvalue)


def forecast(run: FinishedRun | str, country: str, data: str | Path | None = None, **keys: Any) -> pd.DataFrame:
    """The newest forecast that a country's records allow, a line for a place, a horizon and a quantile level.

    run: a finished run, or its name under `runs`. data: the folder that holds one folder a country; None: the run's.
    keys: of `gotong forecast`, such as origin='2008-12' or arm='issued'. Raises GotongError or TaskError.
    """
    runs = str(keys.pop("runs", "runs"))
    return (load_run(run, runs=runs) if isinstance(run, str) else run).forecast(country, data, **keys)


def compare(*runs: FinishedRun | str, arm: str = "federated", folder: str | Path = "runs") -> pd.DataFrame:
    """Runs side by side: a line for a run and a country, with its headline score, and whether it wins there.

    runs: of one folder; none takes every finished one of `folder`. `.attrs['lines']` says in words who wins where.
    Raises TrackingError or ConfigError for runs that cannot be compared.
    """
    folders = {each.folder.parent for each in runs if isinstance(each, FinishedRun)} or {Path(folder)}
    if len(folders) > 1:
        raise ConfigError(f"runs of several folders cannot be compared: {', '.join(map(str, sorted(folders)))}")
    [place] = folders
    names = [each.name if isinstance(each, FinishedRun) else each for each in runs]
    names = names or sorted(path.parent.name for path in place.glob(f"*/{RESULTS}"))
    with restored():
        found = compared(place, TrackingSettings(), names, arm=arm)
    lines = [
        {"run": score.run, **plain(score.row), "wins": score.wins, "clear": score.clear}
        for each in found
        for score in each.scores
    ]
    table = pd.DataFrame(lines)
    table.attrs["lines"] = [line for each in found for line in each.lines]
    return table


def load_run(name: str, runs: str | Path = "runs") -> FinishedRun:
    """A run that began, finished or not. Raises ConfigError, naming the runs there are."""
    return finished_run.existing(name, str(runs))


def _one(verb: str, words: tuple[str, ...], keys: dict[str, Any], schema: type[Any], with_resume: Any) -> Any:
    """The checked settings of one run. Raises ConfigError for words that make several."""
    line = words_of(words, keys)
    only_with_resume(line, with_resume)
    with restored():
        [job] = jobs(verb, line, schema)
    if job.settings.sweep is not None:
        raise ConfigError(f"sweep={job.settings.sweep} is of many runs; call {verb} in a loop, or use the command line")
    return job.settings


def _done(settings: Settings, run_one: Callable[[Settings], object], output: Callable[[], str]) -> FinishedRun:
    """Do a run, or both of an operational pair, under a name that is known beforehand."""
    if settings.resume is None:
        settings.name = settings.name or _free(Path(settings.runs), run_folder.name_of(settings))
    if is_pair(settings):
        check(settings)
        run_pair(settings, run_one)
    else:
        run_one(settings)
    return FinishedRun(Path(settings.runs) / str(settings.resume or settings.name), output())


def _free(runs: Path, name: str) -> str:
    """The name, or with a number where two runs begin in one second."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(each for each in names if not (runs / each).exists())
