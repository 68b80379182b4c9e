"""Whose frames a round's sum holds, and how that may change: never by one country alone.

The difference of two sums whose lists differ by one country is close to that country's update. So members are paired
anew for every round, by the hash of the last list, and only whole pairs leave or return.
"""

from collections.abc import Collection, Mapping, Sequence

from federation.errors import SealError
from federation.seals.masks import digest


def pairs(members: Collection[str], last: Collection[str], seed: bytes) -> list[frozenset[str]]:
    """Pairs of the countries that were on the last list, and of those that were not; of an odd number, one of three."""
    groups: list[frozenset[str]] = []
    for side in (set(last), set(members) - set(last)):
        order = sorted(side, key=lambda country: digest(seed, country))
        whole = [frozenset(order[at : at + 2]) for at in range(0, len(order) - len(order) % 2, 2)]
        if len(order) % 2 and whole:
            whole[-1] |= {order[-1]}
        groups += whole
    return groups


def next_list(members: Collection[str], last: Collection[str], came: Collection[str], seed: bytes) -> list[str]:
    """The longest list that may follow: who came, less the companions of those that did not."""
    if not last:
        return sorted(came)
    listed = set(last) & set(came)
    for pair in pairs(members, last, seed):
        if pair <= set(last):
            listed -= pair if not pair <= set(came) else set()
        else:
            listed |= pair if pair <= set(came) else set()
    return sorted(listed)


def check_list(members: Collection[str], last: Collection[str], listed: Collection[str], seed: bytes) -> None:
    """Raise SealError for a list that differs from the last one by less than whole pairs."""
    if not last:
        return
    changed = set(last) ^ set(listed)
    for pair in pairs(members, last, seed):
        changed -= pair if pair <= changed else set()
    if changed:
        raise SealError(
            f"the list changes by {', '.join(sorted(changed))} without a companion, whose sum would tell of them alone"
        )


def digest_of(context: bytes, round_: int, model: bytes, frames: Mapping[str, bytes]) -> bytes:
    """What countries sign: run and roster, round, model, and the digest of each frame on the list."""
    named: Sequence[object] = [part for country in sorted(frames) for part in (country, frames[country])]
    return digest(context, "list", round_, model, *named)
