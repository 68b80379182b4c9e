"""What the members of a sealed run know of each other after its setup: keys, commitments, claims, hashes of shares."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from federation.errors import SealError
from federation.seals import lists, masks, posts, shares
from federation.seals.masks import Words, digest
from federation.seals.terms import SealTerms
from federation.wire.frame import Frame

HASH = 16  # bytes of a share's hash
SELF, PAIR = 0, 1  # the two secrets of a country in a round: of its own words, of those with the others
ANNOUNCED = 64  # bytes that a country announces of a round: digest of the one secret, public key of the other


@dataclass(frozen=True, kw_only=True)
class Setup:
    """terms: agreed before. announced: country -> its keys post. deals: country -> its deal post, once all have dealt.

    Every method raises SealError for posts that are not signed by the member's key, or are not complete.
    """

    terms: SealTerms
    announced: Mapping[str, bytes]
    deals: Mapping[str, bytes]

    @cached_property
    def context(self) -> bytes:
        """Digest of the terms and of all announced keys: what every later post is of."""
        return digest(self.terms.digest, *(self._keys_posts[country] for country in self.terms.members))

    @cached_property
    def claims(self) -> dict[str, dict[str, Any]]:
        """country -> plain values that it said of itself to all."""
        return {country: _table(frame, country) for country, frame in self._announced.items()}

    @cached_property
    def groups(self) -> lists.Groups:
        """Countries that are on a list together or not at all; of each, as many train a model as a sum must hold."""
        learning = [country for country, claims in self.claims.items() if claims.get("examples")]
        return lists.groups(self.terms.members, learning, self.terms.fewest, self.context)

    def key(self, country: str) -> bytes:
        """The public key to which shares for a country are encrypted."""
        return posts.bytes_of(self._announced[country], "static", 32)

    def committed(self, country: str, round_: int) -> tuple[bytes, bytes]:
        """Digest of a country's own secret of a round, and its public key of the round."""
        raw = self._announced[country].arrays["rounds"][ANNOUNCED * (round_ - 1) : ANNOUNCED * round_].tobytes()
        return raw[:32], raw[32:]

    def share_hash(self, dealer: str, holder: str, round_: int, which: int) -> bytes:
        """The hash that a dealer signed, of the share that `holder` has of one of its secrets of a round."""
        at = ((self.place(holder) * self.terms.rounds + round_ - 1) * 2 + which) * HASH
        return self._hashes[dealer][at : at + HASH]

    def place(self, country: str) -> int:
        """Its number among the members, from 0."""
        return list(self.terms.members).index(country)

    def read(self, named: Mapping[str, bytes], country: str, kind: str) -> Frame:
        """A country's post of this run."""
        if country not in self.terms.members:
            raise SealError(f"{country[:40]} is no member of run {self.terms.run}")
        if country not in named:
            raise SealError(f"the {kind} post of {country} is missing")
        return posts.read(named[country], self.terms.members[country], kind, self.context, country)

    def self_words(self, own: bytes, round_: int, model: bytes, count: int) -> Words:
        """(count,) words that a country adds of its own. own: its secret of the round."""
        return masks.words(masks.seed(own, self.context, "self", round_, model), count)

    def pair_words(self, country: str, other: str, key: bytes, round_: int, model: bytes, count: int) -> Words:
        """(count,) words that `country`, whose key of the round this is, adds for a pair; `other` adds the negative."""
        try:
            secret = masks.shared(key, self.committed(other, round_)[1])
        except ValueError:
            raise SealError(f"{other} announced a key that shares no secret") from None
        first, second = sorted((country, other))
        made = masks.words(masks.seed(secret, self.context, "pair", round_, model, first, second), count)
        return made if country == first else -made

    @cached_property
    def _keys_posts(self) -> Mapping[str, bytes]:
        if sorted(self.announced) != list(self.terms.members):
            raise SealError("the keys of every member are needed, and of nobody else")
        return self.announced

    @cached_property
    def _announced(self) -> dict[str, Frame]:
        frames = {}
        for country, key in self.terms.members.items():
            frame = posts.read(self._keys_posts[country], key, "keys", self.terms.digest, country)
            posts.bytes_of(frame, "static", 32)
            posts.bytes_of(frame, "rounds", ANNOUNCED * self.terms.rounds)
            frames[country] = frame
        return frames

    @cached_property
    def _hashes(self) -> dict[str, bytes]:
        size = len(self.terms.members) * 2 * self.terms.rounds * HASH
        return {
            country: posts.bytes_of(self.read(self.deals, country, "deal"), "hashes", size)
            for country in self.terms.members
        }


def hash_of(share: bytes) -> bytes:
    """By which a share is known before it is revealed; it is random, so its hash tells nothing of it."""
    return digest("share", share)[:HASH]


def pieces(raw: bytes, size: int = shares.SIZE) -> list[bytes]:
    """Bytes in pieces of a size."""
    return [raw[at : at + size] for at in range(0, len(raw), size)]


def _table(frame: Frame, country: str) -> dict[str, Any]:
    try:
        table = json.loads(str(frame.header.get("claims")))
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise SealError(f"{country} announced claims that cannot be read")
    return table
