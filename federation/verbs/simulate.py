"""`gotong simulate`: one model over all member states on this machine, and what each could do alone."""

from collections.abc import Sequence

from federation.composition.compose import jobs
from federation.composition.restore import check
from federation.runs.pair import is_pair, run_pair
from federation.runs.simulation import simulate
from federation.runs.sweep import sweep
from federation.settings.schema import Settings
from federation.verbs.word_checks import file_to_write, only_with_resume

WITH_RESUME = ("resume", "runs", "out")


def run(words: Sequence[str]) -> None:
    """Start a run or resume one; with -m or sweep=NAME all runs of a sweep."""
    only_with_resume(words, WITH_RESUME)
    composed = jobs("simulate", words, Settings)
    for job in composed:
        if job.settings.out is not None:
            file_to_write("out", job.settings.out)
    if len(composed) > 1 or any(job.settings.sweep for job in composed):
        sweep(composed, simulate)
        return
    for job in composed:
        start(job.settings)


def start(settings: Settings) -> None:
    """One run, or both of an operational pair."""
    if is_pair(settings):
        check(settings)
        run_pair(settings, simulate)
    else:
        simulate(settings)
