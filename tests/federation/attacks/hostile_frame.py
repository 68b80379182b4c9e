"""A country whose masked frame holds whatever it wants: words are not limited to its weight, nor to what training gave.

Its own vault follows any model. Nobody sees its words, so nobody can refuse them; others see what they did to the mean.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from federation.seals.fixed_point import Codec, Floats
from federation.seals.masks import Words
from federation.seals.model import vector
from federation.vault.sealed import bounds as sealed_bounds
from federation.vault.sealed import rounds as sealed_rounds
from federation.vault.sealed.rounds import Standing

Wanted = Callable[[Floats, Floats], Floats]  # weights of the round (D,), own honest update (D,) -> mean update (D,)
MOST = 2**31 - 1


@contextmanager
def hostile(country: str, wanted: Wanted) -> Iterator[None]:
    """In sealed runs meanwhile, a country's frame makes the mean update of all what it wants, as well as it can.

    It does not know the others' updates, and takes its own for theirs.
    """
    honest_words = sealed_rounds._words

    def words(vault: Any, at: Standing, store: Any, arrays: Mapping[str, Any], scores: Any, verdict: Any) -> Words:
        made = honest_words(vault, at, store, arrays, scores, verdict)
        if vault.country == country and at.kind == "train":
            own = vector({name.removeprefix("update/"): value for name, value in arrays.items()})
            weights, codec = at.run.weights, at.run.codec(at.kind, own.size)
            target = wanted(vector(at.model.weights), own)
            made[: own.size] = forged(codec, target, own, sum(weights.values()), weights[country])
        return made

    with patch.object(sealed_rounds, "_words", words), trusting(country):
        yield


@contextmanager
def trusting(country: str) -> Iterator[None]:
    """The vault of this country follows any mean update: it is the hostile one's."""
    honest = sealed_bounds.check_change

    def check_change(run: Any, checking: str, round_: int, **norms: float) -> None:
        if checking != country:
            honest(run, checking, round_, **norms)

    with patch.object(sealed_rounds, "check_change", check_change):
        yield


def forged(codec: Codec, target: Floats, others: Floats, total: int, weight: int) -> Words:
    """(D,) words with which the mean of all becomes `target` if that of the others is `others`.

    total, weight: of all countries, and of this one.
    """
    wanted = (target * total - others * (total - weight)) / codec.bound * codec.units
    return np.clip(np.rint(wanted), -MOST, MOST).astype(np.int64).astype(np.uint32)
