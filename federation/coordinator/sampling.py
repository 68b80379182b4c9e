"""Who is asked in a round: a share of the region, and of those the ones that happen to be there."""

from collections.abc import Iterable
from math import ceil

import numpy as np

from federation.training.jobs import seed_of


def asked(countries: Iterable[str], *, round_: int, seed: int, participation: float, availability: float) -> list[str]:
    """Countries to ask, in alphabetical order; the same for the same seed and round, whatever order they are given in.

    participation: share of the region to ask, at least one country. availability: chance that a country is there when
    asked, drawn apart for every country and round; it imitates nodes that come and go, in simulations.
    """
    names = sorted(countries)
    generator = np.random.default_rng(seed_of(seed, "participation", round_))
    count = max(1, ceil(participation * len(names)))
    chosen = sorted(generator.choice(names, size=count, replace=False).tolist()) if count < len(names) else names
    return [name for name in chosen if _there(seed, name, round_, availability)]


def _there(seed: int, country: str, round_: int, availability: float) -> bool:
    return bool(np.random.default_rng(seed_of(seed, "availability", country, round_)).random() < availability)
