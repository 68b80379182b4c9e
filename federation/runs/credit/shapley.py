"""How a gain that many made together is shared out: Shapley's value, and what is lost where one is left out.

A value says what any group of players would have reached. Of few players every group is tried, of many a sample of
orders in which they join; an order is cut short where the rest adds next to nothing.
Sources: Shapley (1953); truncated sampling: Ghorbani and Zou (2019), https://proceedings.mlr.press/v97/ghorbani19c.html;
from the updates of a federation: Liu et al. (2022), https://doi.org/10.1145/3501811
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial, sqrt

import numpy as np

Group = frozenset[str]
Value = Callable[[Group], float]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """shapley: player -> its share; they add up to the value of all less that of nobody, but for orders cut short.

    error: of it, one standard error of the sample; 0 where every group was tried. left_out: player -> value of all less
    that of all others.
    """

    shapley: Mapping[str, float]
    error: Mapping[str, float]
    left_out: Mapping[str, float]


def values_of(players: int, orders: int) -> int:
    """Most values that so many sampled orders take, those of nobody, of all and of all but one among them."""
    return orders * (players - 1) + players + 2


def most_values(players: int, orders: int) -> int:
    """The same of `shares`, which tries every group where that takes no more."""
    return min(1 << players, values_of(players, orders))


def shares(players: Sequence[str], value: Value, *, orders: int, tolerance: float, seed: int, first: int = 0) -> Shares:
    """Of `orders` sampled orders, or of every group where that needs no more values. value: see `Value`; called once a
    group if the caller remembers. tolerance: the rest of an order whose value is nearer to that of all gets nothing.
    first: the player who comes first in the first order."""
    everybody = frozenset(players)
    left_out = {player: value(everybody) - value(everybody - {player}) for player in players}
    if 2 ** len(players) <= values_of(len(players), orders):
        exact = {player: _exact(player, players, value) for player in players}
        return Shares(shapley=exact, error=dict.fromkeys(players, 0.0), left_out=left_out)
    generator = np.random.default_rng(seed)
    gains = np.array([_order(players, value, tolerance, generator, first + at) for at in range(orders)])
    spread = gains.std(axis=0, ddof=1) / sqrt(orders) if orders > 1 else np.zeros(len(players))
    return Shares(
        shapley=dict(zip(players, gains.mean(axis=0).tolist(), strict=True)),
        error=dict(zip(players, spread.tolist(), strict=True)),
        left_out=left_out,
    )


def _exact(player: str, players: Sequence[str], value: Value) -> float:
    """The mean over all orders of what the player adds to those before it."""
    others, n = [other for other in players if other != player], len(players)
    return sum(
        factorial(size) * factorial(n - size - 1) / factorial(n) * (value(group | {player}) - value(group))
        for size in range(n)
        for group in map(frozenset, combinations(others, size))
    )


def _order(
    players: Sequence[str], value: Value, tolerance: float, generator: np.random.Generator, at: int
) -> list[float]:
    """What each player adds in one order, by players. at: of the order; each player is the first one equally often."""
    first = players[at % len(players)]
    rest = [player for player in players if player != first]
    joined: Group = frozenset()
    reached, whole = value(joined), value(frozenset(players))
    gains = dict.fromkeys(players, 0.0)
    for player in (first, *(rest[k] for k in generator.permutation(len(rest)))):
        if joined and abs(whole - reached) <= tolerance:
            break
        joined = joined | {player}
        now = value(joined)
        gains[player], reached = now - reached, now
    return [gains[player] for player in players]
