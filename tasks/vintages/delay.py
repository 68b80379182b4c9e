"""How late a country's counts come in: learnt from its own records as they were known month after month.

Weeks and days are learnt as months are; here a month stands for any step of `tasks.time_step`.
The share of a month's final count that is on record k months after its end is a product of ratios of neighbouring
months of knowledge (chain ladder), each the sum of counts after k months over that of the same months a month later.
The ratio of a place leans on that of its country until the place has counts of its own.

Source: Mack (1993), https://doi.org/10.2143/AST.23.2.2005092; of disease counts: Lawless (1994),
https://doi.org/10.2307/3315820
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.data import Array, Panel
from tasks.time_step import STEPS

OLDEST = 12  # months after which a count is taken for final
FEWEST = 6  # pairs of neighbouring vintages before a ratio is learnt
LEANING = 200.0  # cases that the country's ratio weighs against the place's own
COMPLETE = (
    0.9  # of the final count; a month stays provisional until that share is on record, and not 1 / COMPLETE of it
)


@dataclass(frozen=True, kw_only=True)
class Vintage:
    """Records as they were at some time. known: the last month, or of weeks and days the last day, that was over."""

    known: np.datetime64
    panel: Panel


@dataclass(frozen=True, kw_only=True)
class Delay:
    """The learnt reporting delay of a country.

    places: (P,) ids. share: (P, K) of a month's final count that is on record k = 0, ..., K - 1 months after its end;
    1 from K on. whole: (K,) the same of the country. vintages: how many it rests on. first: months after the end of a
    month at which its count comes in for the first time; nothing is known of younger ones, which have that share.
    step: of the records.
    """

    places: tuple[str, ...]
    share: Array
    whole: Array
    vintages: int
    first: int = 0
    step: str = "month"

    @property
    def months(self) -> Array:
        """(P,) the age, in months or other steps, from which on a count is no longer provisional, by place."""
        return _months(self.share)

    @property
    def months_of_country(self) -> int:
        """The same of the country as a whole."""
        return int(_months(self.whole[None])[0])

    def line(self) -> str:
        """What was learnt, for the forecaster."""
        months = self.months_of_country
        shares = [f"{share:.0%} after {age}" for age, share in enumerate((*self.whole, 1.0))]
        return (
            f"reporting delay {months} {self.step}{'' if months == 1 else 's'}, learnt from {self.vintages} vintages: "
            f"of a final count {', '.join(shares[self.first : max(self.first, months) + 1])} {self.step}s"
        )


def learn(vintages: Sequence[Vintage], known: np.datetime64) -> Delay | None:
    """The delay as it could be known when `known` was the last month or day over; None with too few vintages.

    Vintages of later months are not looked at. Of several of a month the last one counts. Where counts first come in
    some months after their month, it is learnt from there on.
    """
    step, start = STEPS[vintages[0].panel.step], vintages[0].panel.periods[0]
    by_month = {
        start + int((each.known - start).astype(int)) // step.length * step.length: each.panel
        for each in vintages
        if each.known <= known
    }
    following = {month: month + step.length for month in by_month}
    pairs = [(month, by_month[month], by_month[later]) for month, later in following.items() if later in by_month]
    if len(pairs) < FEWEST:
        return None
    places = by_month[max(by_month)].places
    before, after, number = np.zeros((len(places), OLDEST)), np.zeros((len(places), OLDEST)), np.zeros(OLDEST, int)
    for month, earlier, later in pairs:
        for age in range(OLDEST):
            counts = np.stack([_at(panel, places, month - age * step.length) for panel in (earlier, later)])
            both = np.isfinite(counts).all(axis=0)
            before[both, age] += counts[0, both]
            after[both, age] += counts[1, both]
            number[age] += both.any()
    learnt = number >= FEWEST
    if not learnt.any():
        return None
    first = int(np.argmax(learnt))
    ages = first + int(np.argmax(np.append(~learnt[first:], True)))  # learnt until here
    before[:, :first] = after[:, :first] = 0
    country = _ratio(before[:, :ages].sum(axis=0), after[:, :ages].sum(axis=0), np.ones(ages))
    own = _ratio(before[:, :ages], after[:, :ages], country)
    return Delay(
        places=places,
        share=_to_the_end(own),
        whole=_to_the_end(country[None])[0],
        vintages=len(by_month),
        first=first,
        step=vintages[0].panel.step,
    )


def _ratio(before: Array, after: Array, towards: Array) -> Array:
    return np.asarray((before + LEANING * towards) / (after + LEANING))


def _to_the_end(ratios: Array) -> Array:
    """(P, K) ratios of neighbours -> shares of the final count."""
    return np.asarray(np.cumprod(ratios[:, ::-1], axis=1)[:, ::-1])


def _months(share: Array) -> Array:
    provisional = (share < COMPLETE) | (share > 1 / COMPLETE)
    ages = share.shape[1] - np.argmax(provisional[:, ::-1], axis=1)
    return np.where(provisional.any(axis=1), ages, 0)


def _at(panel: Panel, places: tuple[str, ...], month: np.datetime64) -> Array:
    """(P,) counts of a month in the order of `places`; NaN where the vintage has none."""
    column = int((month - panel.periods[0]).astype(int)) // STEPS[panel.step].length
    if not 0 <= column < len(panel.periods):
        return np.full(len(places), np.nan)
    row = {place: at for at, place in enumerate(panel.places)}
    return np.array([panel.target[row[place], column] if place in row else np.nan for place in places])
