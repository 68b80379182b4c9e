"""How much a country may claim: as many records as its signed terms declare, or as any country could have, and the
steps that its training takes on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from federation.errors import UpdateRejected
from federation.settings.plan import Plan, is_noised
from federation.training.jobs import steps_in
from tasks.evaluation.score import Array
from tasks.places.facilities import country_of
from tasks.time_step import STEPS

# The largest panel that a country could have: more places than the villages or cells of most, over a century.
PLACES, YEARS = 100_000, 100
# Windows of a country over its examples, at most: a place that reports once a year is forecast from every month.
WINDOWS = 12


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The largest counts that a country declares for a run.

    examples: place-periods that it trains on. scored: place-periods of one part of the calendar at one horizon.
    end: the last period of its records; empty: it does not say.
    """

    examples: int
    scored: int
    end: str = ""


def claim_of(declared: Mapping[str, Claim], client: str, plan: Plan) -> tuple[Claim, str]:
    """The largest counts of a country or facility, and in words where they come from."""
    claim = declared.get(client, declared.get(country_of(client)))
    step = STEPS[plan.task.calendar.step]
    periods = YEARS * ceil((12 if step.unit == "M" else 366) / step.length)
    most = PLACES * periods
    if claim is None or max(claim.examples, claim.scored) > most:
        return Claim(examples=most, scored=most), "the largest plausible panel has"
    return claim, "its signed terms declare"


def check_examples(country: str, examples: int, claim: tuple[Claim, str]) -> None:
    """Raise UpdateRejected for more examples than declared."""
    most, source = claim
    if examples > most.examples:
        raise UpdateRejected(f"{country} claims {examples:,} examples, {source} {most.examples:,}")


def check_steps(country: str, steps: int, examples: int, plan: Plan) -> None:
    """Raise UpdateRejected unless that many optimiser steps are what the plan takes on so many examples.

    A window may have no target at a horizon, so that a country trains on more windows than it has examples.
    """
    if is_noised(plan):
        if steps != int(bool(examples)):
            raise UpdateRejected(f"{country} claims {steps:,} steps, a round under differential privacy is one")
        return
    fewest, most = (steps_in(plan.training, many) for many in (examples, WINDOWS * examples))
    if not fewest <= steps <= most:
        expected = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        raise UpdateRejected(f"{country} claims {steps:,} steps on {examples:,} examples, the plan takes {expected}")


def check_counts(country: str, score: str, counts: Array, claim: tuple[Claim, str]) -> None:
    """Raise UpdateRejected for more place-periods scored than declared. counts: (H + 1,), the last of all horizons."""
    most, source = claim
    horizons = len(counts) - 1
    for name, value, bound in (
        ("at a horizon", counts[:-1].max(initial=0), most.scored),
        ("over all horizons", counts[-1], horizons * most.scored),
    ):
        if value > bound:
            raise UpdateRejected(
                f"{country}: score {score} claims {value:,.0f} place-periods {name}, {source} {bound:,}"
            )
