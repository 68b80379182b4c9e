"""Whose frames a round's sum holds: whole groups of countries, the same groups in every round of a run.

A coordinator chooses who is on a list, and a plan whose model hardly moves has the same updates in every round. Then
two lists give the sum over those in which they differ, and many lists whatever sums add up from them. With groups that
never change, nothing smaller than a group does.
"""

from collections.abc import Collection, Mapping, Sequence

from federation.errors import SealError
from federation.seals.masks import digest

Groups = Sequence[frozenset[str]]


def groups(members: Collection[str], learning: Collection[str], fewest: int, seed: bytes) -> Groups:
    """Of `fewest` countries that learn each, drawn by a hash; the last one takes whoever is left."""
    order = sorted(members, key=lambda country: (country not in learning, digest(seed, country)))
    count = max(1, len(learning) // fewest)
    starts = [fewest * place for place in range(count)]
    return [frozenset(order[at:end]) for at, end in zip(starts, [*starts[1:], len(order)], strict=True)]


def next_list(whole: Groups, came: Collection[str]) -> list[str]:
    """The longest list that may be: the groups of which every country came."""
    return sorted(country for group in whole if group <= set(came) for country in group)


def check_list(whole: Groups, listed: Collection[str]) -> None:
    """Raise SealError for a list that holds a part of a group."""
    for group in whole:
        missing = group - set(listed)
        if missing and missing != group:
            raise SealError(f"the list lacks {', '.join(sorted(missing))} and holds others of the same group")


def digest_of(context: bytes, round_: int, model: bytes, frames: Mapping[str, bytes]) -> bytes:
    """What countries sign: run and roster, round, model, and the digest of each frame on the list."""
    named: Sequence[object] = [part for country in sorted(frames) for part in (country, frames[country])]
    return digest(context, "list", round_, model, *named)
