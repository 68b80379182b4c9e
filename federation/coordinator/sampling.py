"""The clients of a round: a share of the region, and of those the ones that happen to be there."""

from collections.abc import Iterable
from math import ceil

import numpy as np

from federation.training.jobs import seed_of


def sampled_clients(
    countries: Iterable[str], *, round_: int, seed: int, participation: float, availability: float
) -> list[str]:
    """Countries that get a request, in alphabetical order; the same for a seed and round, in any order of `countries`.

    participation: share of the region, at least one country. availability: chance that a sampled country is there,
    drawn for every country and round by itself; it imitates nodes that come and go, in simulations.
    """
    names = sorted(countries)
    generator = np.random.default_rng(seed_of(seed, "participation", round_))
    count = max(1, ceil(participation * len(names)))
    chosen = sorted(generator.choice(names, size=count, replace=False).tolist()) if count < len(names) else names
    return [name for name in chosen if _there(seed, name, round_, availability)]


def _there(seed: int, country: str, round_: int, availability: float) -> bool:
    return bool(np.random.default_rng(seed_of(seed, "availability", country, round_)).random() < availability)
