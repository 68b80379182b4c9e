"""What the countries' replies came to, facilities taken together: thousands of them are one line a country."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from federation.coordinator.state import Answer
from tasks.places.facilities import country_of, is_facility


def by_country(answers: Sequence[Answer]) -> list[Answer]:
    """One answer a country, in alphabetical order. A country that is one client keeps its own.

    Of facilities: examples and bytes are summed, the loss is the mean over examples, the norm the median. They are
    refused if all are; what befell some of them is a remark.
    """
    ordered = sorted(answers, key=lambda answer: answer.country)
    groups = [(country, list(own)) for country, own in groupby(ordered, key=lambda answer: country_of(answer.country))]
    return [
        _together(country, own) if any(is_facility(answer.country) for answer in own) else own[0]
        for country, own in groups
    ]


def who(answers: Sequence[Answer]) -> str:
    """What those who answered are called."""
    return "facilities" if any(is_facility(answer.country) for answer in answers) else "countries"


def mean_loss(answers: Sequence[Answer]) -> float | None:
    """Of those that trained and told it, weighted by examples; None if nobody did."""
    told = [(answer.loss, answer.examples) for answer in answers if answer.loss is not None and not answer.refused]
    examples = sum(weight for _, weight in told)
    return sum(loss * weight for loss, weight in told) / examples if examples else None


def _together(country: str, own: Sequence[Answer]) -> Answer:
    trained = [answer for answer in own if answer.examples and not answer.refused]
    norms = [answer.norm for answer in trained if answer.norm is not None]
    refused = [answer.refused for answer in own if answer.refused]
    told = f"{country}: {len(refused)} of {len(own)} facilities did not count: {refused[0]}" if refused else None
    return Answer(
        country=country,
        examples=sum(answer.examples for answer in trained),
        loss=mean_loss(own),
        norm=float(np.median(norms)) if norms else None,
        sent=sum(answer.sent for answer in own),
        received=sum(answer.received for answer in own),
        withheld=_common([answer.withheld for answer in own]),
        refused=told if len(refused) == len(own) else None,
        remark=told if len(refused) < len(own) else None,
    )


def _common(withheld: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """What every facility withheld, so that the country has no such score at all."""
    shared = set(withheld[0]).intersection(*withheld[1:]) if withheld else set()
    return tuple(sorted(shared))
