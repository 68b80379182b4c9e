"""What a country follows: a hostile one can hide any model in its masked frame, and nobody sees which one it was.

The mean update may be so long and no longer, and the countries may not find the model worse in round after round.
"""

import logging
from math import sqrt

import numpy as np

from federation.errors import PolicyRefusal
from federation.policy.keys import Policy
from federation.privacy.mechanism import noise_length
from federation.seals.run import SealedRun
from federation.settings.plan import is_noised
from federation.training.jobs import steps_in

log = logging.getLogger(__name__)
LONGEST_CHANGE = 5.0  # times the country's own update of the round, in L2, that the mean may have at the same pace


def check_change(run: SealedRun, country: str, round_: int, *, own: float, change: float) -> None:
    """Raise PolicyRefusal for a mean update that honest countries do not make.

    own, change: L2 norms of the country's update and of the mean. The own one is said in the node's log alone: a
    refusal leaves, and whoever can send a long update would learn the length of everybody's.
    """
    longest = LONGEST_CHANGE * pace(run, country) * own
    if change > longest:
        log.warning(
            "%s: its own update has a length of %.3g, and %.3g is the most that it follows", country, own, longest
        )
        raise PolicyRefusal(
            f"{country} leaves run {run.setup.terms.run}: the mean update of round {round_} has a length of "
            f"{change:.3g}, more than {LONGEST_CHANGE:g} times that of its own at the pace of the others"
        )


def check_votes(policy: Policy, run: str, rounds: int) -> None:
    """Raise PolicyRefusal for a run that got worse too often.

    rounds: after which half of the countries found the model worse. The count follows from sums that all opened.
    """
    if policy.worse_rounds and rounds >= policy.worse_rounds:
        raise PolicyRefusal(
            f"{policy.country} leaves run {run}: after {rounds} rounds half of the countries or more found the model "
            f"worse by their own records; one of them may be hostile, or the learning rate is too large. To stay, edit "
            f"`worse_rounds` in {policy.path} on that country's node"
        )


def pace(run: SealedRun, country: str) -> float:
    """How many times a country's optimiser steps of a round all countries take in the mean; 1 where it takes more.

    Updates grow with steps: with their root where they wander, in proportion where they agree. So a country of few
    records has short updates, and the others' are no sign of an attack. Steps follow from the examples that countries
    announced, of which no more count than in weights: who announces many gains nothing. Noised updates are one step.
    """
    if is_noised(run.plan):
        return 1.0
    share, claimed = run.plan.strategy.largest_share, {each: claims.examples for each, claims in run.claims.items()}
    median = float(np.median([examples for examples in claimed.values() if examples]))
    most = max(claimed.values()) if share is None else int(share * median)
    steps = {each: steps_in(run.plan.training, min(examples, most)) for each, examples in claimed.items()}
    mean = sum(run.weights[each] * count for each, count in steps.items()) / sum(run.weights.values())
    return max(1.0, mean / max(steps[country], 1))


def mean_noise(run: SealedRun, round_: int, values: int) -> float:
    """The L2 norm of the noise in a mean of noised updates. values: numbers of an update."""
    lengths = [
        weight * noise_length(run.plan, round_, run.claims[country].examples, values)
        for country, weight in run.weights.items()
        if weight
    ]
    return sqrt(sum(length**2 for length in lengths)) / sum(run.weights.values())
