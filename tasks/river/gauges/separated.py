"""A score of the gauges without a twin in their own country: what is left when nothing is counted twice.

Of gauges that nearly say the same, all are left out, for none of them is the true one. The difference from the score of
all gauges would be that of the twins: where they, or those left, are fewer than five, the score stays in the country.
"""

from dataclasses import fields

import numpy as np

from tasks.data import Panel
from tasks.evaluation.histograms import SMALL_COUNT
from tasks.evaluation.score import Evaluated, FinalScore, Score, Sums
from tasks.gathered_windows import Lagged
from tasks.river.gauges.twins import has_twin
from tasks.river.settings import RiverSettings

TWINS = "twin"  # among what windows restore: 1 of a gauge that has one


def of_windows(panel: Panel, settings: RiverSettings) -> dict[str, Lagged]:
    """TWINS, (P, T)."""
    twin = has_twin(panel, settings).astype(np.float64)
    return {TWINS: Lagged(values=np.broadcast_to(twin[:, None], panel.target.shape))}


def separated(score: Score) -> FinalScore:
    """The score of the gauges without a twin, of the test alone."""

    def totals(evaluated: Evaluated) -> Sums:
        twin = evaluated.restore.get(TWINS, np.zeros(len(evaluated.place))) > 0
        gauges = [float(len(np.unique(evaluated.place[rows]))) for rows in (twin, ~twin)]
        return {**score.totals(evaluated.take(~twin)), "gauges": np.array(gauges)}

    def finish(given: Sums) -> Sums:
        twins, alone = given["gauges"]
        sums = score.finish({name: each for name, each in given.items() if name != "gauges"})
        few = twins > 0 and min(twins, alone) < SMALL_COUNT
        return {**sums, "small_count": np.full(len(sums["count"]), float(few))}

    kept = {each.name: getattr(score, each.name) for each in fields(score) if each.name not in ("totals", "finish")}
    return FinalScore(totals=totals, finish=finish, **kept)
