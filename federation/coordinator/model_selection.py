"""Which model a run ends with: the last, or the mean of the best rounds by validation. Test scores choose nothing."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from federation.coordinator.state import Arrays, Candidate, Progress
from federation.reporting.rows import ALL, Row
from federation.settings.schema import Plan
from tasks.registry import TASKS


def with_candidate(progress: Progress, rows: Sequence[Row], plan: Plan, region: str) -> Progress:
    """Progress with its model among the candidates, if it is of the best `keep_best` by the region's headline score."""
    if not plan.keep_best:
        return progress
    headline, score = next(iter(TASKS[plan.task.name].scores.items()))
    values = (
        row.value
        for row in rows
        if (row.country, row.arm, row.score, row.horizon) == (region, "federated", headline, ALL)
    )
    value = next(values, np.nan)  # no country may have replied
    if not np.isfinite(value):
        return progress
    sign = -1.0 if score.better == "larger" else 1.0
    candidate = Candidate(round=progress.round, value=sign * value, model=progress.model)
    ranked = sorted((*progress.best, candidate), key=lambda candidate: (candidate.value, candidate.round))
    return replace(progress, best=tuple(ranked[: plan.keep_best]))


def final_model(progress: Progress) -> Arrays:
    """The model to test and to keep: the mean of the candidates, or the last model if there is none."""
    if not progress.best:
        return progress.model
    models = [candidate.model for candidate in sorted(progress.best, key=lambda candidate: candidate.round)]
    return {
        name: np.mean([model[name] for model in models], axis=0, dtype=np.float64).astype(value.dtype)
        for name, value in progress.model.items()
    }
