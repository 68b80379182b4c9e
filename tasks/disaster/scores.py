"""Brier skill that says nothing where nothing happened."""

import numpy as np

from tasks.scores import Estimate, Judged, Score, Sums, brier, skill, with_all

_SKILL = skill(brier)


def _sums(judged: Judged) -> Sums:
    happened = np.nansum(judged.observed, axis=0)
    return {**_SKILL.sums(judged), "events": with_all(happened)}


def _estimate(merged: Sums) -> Estimate:
    """NaN where no event was scored: whoever says never is right there, by luck and by any margin."""
    found, seen = _SKILL.estimate(merged), merged["events"] > 0
    value, low, high = (np.where(seen, each, np.nan) for each in (found.value, found.low, found.high))
    return Estimate(value=value, low=low, high=high, n=found.n)


brier_skill = Score(sums=_sums, estimate=_estimate, names=(*_SKILL.names, "events"), better="larger")
