"""What the countries say of a round's model on their own validation years: a rank that few can steer, and an alarm.

Both look at each country against itself, so that neither how many place-periods it claims counts, nor how hard it is to
forecast for. A country whose scores are suppressed is left out.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from federation.reporting.rows import ALL, Row
from federation.settings.plan import Plan
from tasks.registry import TASKS

WORSE = 0.02  # share by which a loss must grow until a country is said to have got worse
Losses = Mapping[str, float]


def losses(rows: Sequence[Row], plan: Plan, region: str) -> dict[str, float]:
    """Country -> its headline score of the federated model as a loss above 0, over all horizons.

    Of a score of which larger is better, a skill or a share of at most 1, the loss is what is missing to 1.
    """
    headline, score = next(iter(TASKS[plan.task.name].scores.items()))
    found = {
        row.country: 1.0 - row.value if score.better == "larger" else row.value
        for row in rows
        if (row.arm, row.score, row.horizon) == ("federated", headline, ALL) and row.country != region
    }
    return {country: loss for country, loss in found.items() if isfinite(loss) and loss > 0}


def rank(first: Losses, now: Losses) -> float | None:
    """Trimmed mean over countries of log(loss / own loss in the first round): smaller is better; None without any.

    A quarter of the countries is cut off at either end, one at least of three or more: so many can claim what they
    like, and move it within the range of the others' values.
    """
    ratios = sorted(float(np.log(now[country] / first[country])) for country in first.keys() & now.keys())
    if not ratios:
        return None
    cut = max(1, len(ratios) // 4) if len(ratios) >= 3 else 0
    return float(np.mean(ratios[cut : len(ratios) - cut]))


def got_worse(before: Losses, now: Losses) -> str | None:
    """A sentence, if at least half of the countries scored in two successive rounds lost by the step between them."""
    both = sorted(before.keys() & now.keys())
    lost = [country for country in both if now[country] > (1 + WORSE) * before[country]]
    if len(both) < 2 or 2 * len(lost) < len(both):
        return None
    return f"{len(lost)} of {len(both)} countries got worse by more than {WORSE:.0%} in the round before"
