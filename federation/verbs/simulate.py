"""`gotong simulate`: one model over all member states on this machine, and what each could do alone."""

from collections.abc import Sequence

from federation.composition import plugins
from federation.composition.compose import jobs
from federation.composition.restore import check
from federation.runs.pair import is_pair, run_pair
from federation.runs.simulation import simulate
from federation.runs.sweep import sweep
from federation.runs.trials import Trial
from federation.settings.schema import Settings
from federation.verbs.word_checks import file_to_write, only_with_resume

WITH_RESUME = ("resume", "runs", "out")


def run(words: Sequence[str]) -> None:
    """Start a run or resume one; with -m or sweep=NAME all runs of a sweep."""
    only_with_resume(words, WITH_RESUME)
    if wanted := plugins.chosen(words):
        _by_plugins(words, "hydra/sweeper" in wanted)
        return
    composed = jobs("simulate", words, Settings)
    for job in composed:
        if job.settings.out is not None:
            file_to_write("out", job.settings.out)
    if len(composed) > 1 or any(job.settings.sweep for job in composed):
        sweep(composed, simulate)
        return
    for job in composed:
        start(job.settings)


def _by_plugins(words: Sequence[str], searched: bool) -> None:
    """All runs as a launcher or sweeper of Hydra's starts them. searched: for the best of a score."""
    given = [word.split("=", 1)[1] for word in words if word.startswith("hydra.sweeper.direction=")]
    best = plugins.sweep(words, Trial((given or ["minimize"])[-1] if searched else None))
    for key, value in best.items():
        print(f"{key}: {value}")
    print("all runs of the sweep are finished; see them with gotong compare")


def start(settings: Settings) -> None:
    """One run, or both of an operational pair."""
    if is_pair(settings):
        check(settings)
        run_pair(settings, simulate)
    else:
        simulate(settings)
