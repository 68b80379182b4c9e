"""What releases cost together, by privacy loss distributions: Gaussian noise by its mu^2, Laplace noise by its epsilon.

The relation is *add or remove*: all records of one unit are there, or none. Replacing a unit's records by others is one
removal and one addition, which doubles mu.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil, fsum, sqrt

GRAIN = 1e-9  # of mu^2; totals are rounded up to it, so that sums in another order are the same total


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One release. kind: 'gaussian', amount mu^2; or 'laplace', amount epsilon."""

    kind: str
    amount: float


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Releases added up. mu_squared: of all with Gaussian noise; laplace: epsilon -> how many of Laplace noise."""

    mu_squared: float = 0.0
    laplace: Mapping[float, int] = field(default_factory=dict)


def total(charges: Iterable[Charge]) -> Spent:
    """Of any number of releases."""
    known = list(charges)
    squares = fsum(charge.amount for charge in known if charge.kind == "gaussian")
    laplace: dict[float, int] = {}
    for charge in known:
        if charge.kind == "laplace":
            laplace[charge.amount] = laplace.get(charge.amount, 0) + 1
    return Spent(mu_squared=ceil(squares / GRAIN - 1e-3) * GRAIN, laplace=laplace)


def epsilon(spent: Spent, delta: float) -> float:
    """The epsilon of all these releases together, at this delta."""
    return _epsilon(spent.mu_squared, tuple(sorted(spent.laplace.items())), delta)


@lru_cache(maxsize=256)
def _epsilon(mu_squared: float, laplace: tuple[tuple[float, int], ...], delta: float) -> float:
    from dp_accounting import dp_event  # late: a second, and most vaults never account for anything
    from dp_accounting.pld import PLDAccountant
    from dp_accounting.privacy_accountant import NeighboringRelation

    accountant = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE)
    if mu_squared > 0:
        accountant.compose(dp_event.GaussianDpEvent(1 / sqrt(mu_squared)))
    for amount, many in laplace:
        accountant.compose(dp_event.LaplaceDpEvent(1 / amount), many)
    return float(accountant.get_epsilon(delta)) if mu_squared > 0 or laplace else 0.0
