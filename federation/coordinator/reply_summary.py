"""Summaries of the countries' replies, facilities merged: thousands of them are one line a country."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from federation.coordinator.state import ReplySummary
from tasks.places.facilities import country_of, is_facility

WITHHELD = "of too few place-periods or events, or dominated by one"  # the scores that a vault keeps to itself


def summaries_by_country(summaries: Sequence[ReplySummary]) -> list[ReplySummary]:
    """One summary a country, in alphabetical order. A country that is one client keeps its own.

    Of facilities: examples and bytes are summed, the loss is the mean over examples, the norm the median. They are
    refused if all are; what befell some of them is a remark.
    """
    ordered = sorted(summaries, key=lambda summary: summary.country)
    groups = [
        (country, list(own)) for country, own in groupby(ordered, key=lambda summary: country_of(summary.country))
    ]
    return [
        _country_summary(country, own) if any(is_facility(summary.country) for summary in own) else own[0]
        for country, own in groups
    ]


def client_noun(summaries: Sequence[ReplySummary]) -> str:
    """What the clients that replied are called: 'facilities' or 'countries'."""
    return "facilities" if any(is_facility(summary.country) for summary in summaries) else "countries"


def mean_loss(summaries: Sequence[ReplySummary]) -> float | None:
    """Of those that trained and reported a loss, weighted by examples; None if none did."""
    losses = [
        (summary.loss, summary.examples) for summary in summaries if summary.loss is not None and not summary.refused
    ]
    examples = sum(weight for _, weight in losses)
    return sum(loss * weight for loss, weight in losses) / examples if examples else None


def withholds(summary: ReplySummary, score: str, horizons: int) -> bool:
    """Whether a country's vault keeps its score of the test over all horizons to itself. horizons: how many."""
    return f"test/federated/{score}/{horizons}" in summary.suppressed  # the row after the last horizon is of all


def _country_summary(country: str, own: Sequence[ReplySummary]) -> ReplySummary:
    trained = [summary for summary in own if summary.examples and not summary.refused]
    norms = [summary.norm for summary in trained if summary.norm is not None]
    refused = [summary.refused for summary in own if summary.refused]
    refusals = f"{country}: {len(refused)} of {len(own)} facilities did not count: {refused[0]}" if refused else None
    return ReplySummary(
        country=country,
        examples=sum(summary.examples for summary in trained),
        loss=mean_loss(own),
        norm=float(np.median(norms)) if norms else None,
        sent=sum(summary.sent for summary in own),
        received=sum(summary.received for summary in own),
        suppressed=_common([summary.suppressed for summary in own]),
        epsilon=max((summary.epsilon for summary in own if summary.epsilon is not None), default=None),
        refused=refusals if len(refused) == len(own) else None,
        remark=refusals if len(refused) < len(own) else None,
    )


def _common(suppressed: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """What every facility suppressed, so that the country has no such score at all."""
    shared = set(suppressed[0]).intersection(*suppressed[1:]) if suppressed else set()
    return tuple(sorted(shared))
