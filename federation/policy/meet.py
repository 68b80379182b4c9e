"""The meet of policies: the strictest of them key by key, which is what all of their countries would serve."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

from federation.policy.keys import KEYS, Policy


def meet(policies: Iterable[Policy], name: str = "region") -> Policy:
    """One policy that allows what every one of them allows, and nothing else; `name` stands for its country.

    Lists of names are in alphabetical order. The meet of several trains if all of them train.
    """
    return replace(reduce(_stricter, policies), country=name)


def deciding(policies: Sequence[Policy], key: str) -> list[str]:
    """Countries that would have to change for the meet to allow more of a key; none if all have the same value."""
    own = {policy.country: getattr(policy, key) for policy in policies}
    if len(set(own.values())) == 1:
        return []
    if isinstance(common := reduce(KEYS[key].metadata["stricter"], own.values()), tuple):
        sets = [set(names) for names in own.values()]
        required = common == tuple(sorted(set.union(*sets)))  # the stricter of two lists is the longer one
        loosest = set.intersection(*sets) if required else set.union(*sets)
        return [country for country, names in own.items() if set(names) != loosest]
    return [country for country, value in own.items() if value == common]


def _stricter(one: Policy, other: Policy) -> Policy:
    return replace(
        one, **{name: key.metadata["stricter"](getattr(one, name), getattr(other, name)) for name, key in KEYS.items()}
    )
