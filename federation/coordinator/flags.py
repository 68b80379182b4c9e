"""What a person should know of updates that count: flags by country, none of which changes what they do to the model.

A country learns from them how its own update was taken, and nobody what another sent.
"""

from collections.abc import Sequence

import numpy as np

from federation.coordinator.aggregation import separate, weight
from federation.coordinator.checks import Update
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.strategies.robust import TINY, lengths, rows, shortened
from federation.strategies.strategy import Part
from tasks.places.facilities import is_facility

FEWEST = 4  # updates, below which a centre says little of any of them


def looked_at(updates: Sequence[Update], plan: Plan) -> dict[str, tuple[float | None, tuple[str, ...]]]:
    """Country -> the cosine of its update with the centre of all, and sentences on it, if there are any.

    Nothing of facilities: they are too many for a line each.
    """
    trained = sorted((update for update in updates if update.examples), key=lambda update: update.country)
    trained = [update for update in trained if not is_facility(update.country)]
    parts = separate(trained, plan.strategy)
    if not parts:
        return {}
    near, remarks = cosines(parts), STRATEGIES[plan.strategy.name].remarks(parts, plan)
    flags = [
        (_bounded(update, part, plan.strategy), remark or _against(cosine))
        for update, part, remark, cosine in zip(trained, parts, remarks, near, strict=True)
    ]
    return {
        update.country: (cosine, tuple(filter(None, flagged)))
        for update, cosine, flagged in zip(trained, near, flags, strict=True)
    }


def cosines(parts: Sequence[Part]) -> list[float | None]:
    """Of every update with the coordinate median of all, each cut to the median length; None where they are too few."""
    if len(parts) < FEWEST:
        return [None] * len(parts)
    changes = rows(parts)
    cut = shortened(changes, float(np.median(lengths(changes))))
    centre = np.median(cut, axis=0)
    return [float(one) for one in cut @ centre / np.maximum(lengths(cut) * np.linalg.norm(centre), TINY)]


def _against(cosine: float | None) -> str:
    return "its update points against the centre of all" if cosine is not None and cosine < 0 else ""


def _bounded(update: Update, part: Part, settings: StrategySettings) -> str:
    if part.weight >= weight(update, settings.weights):
        return ""
    return f"it counts {settings.largest_share:g} times the median weight, as it has more examples"
