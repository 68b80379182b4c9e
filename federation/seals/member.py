"""A country's secret part in a sealed run: keys, shares, masked frames and reveals.

setup   `announce`, `deal`, `open_deals`   once a run
round   `mask`, `reveal`, `settle`         one frame, one list, then what could open it again is erased

All that must survive a crash lies in `store`, whose writes the caller commits together with the reply. Nothing that the
coordinator forwards is taken on trust: posts are signed by keys of the roster, shares have the hash that their dealer
signed, secrets are those that their owner committed to.
Source: Bonawitz et al. (2017), https://doi.org/10.1145/3133956.3133982, with a list of frames that the reveals sign.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from federation.errors import SealError
from federation.seals import masks, posts, shares
from federation.seals.masks import Words, digest, little
from federation.seals.setup import PAIR, SELF, Setup, hash_of, pieces
from federation.seals.sums import Place, list_digest
from federation.seals.terms import SealTerms

ONE_TIME = bytes(12)  # nonce of a key that encrypts one box


class Store(Protocol):
    """What a country keeps of a run, by round; 0 is the setup."""

    def get(self, round_: int, name: str) -> bytes | None:
        """What was put."""

    def put(self, round_: int, name: str, value: bytes) -> None:
        """Keep it."""

    def forget(self, round_: int, *names: str) -> None:
        """Erase these of a round."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One country in one run. key: of its vault, which is on the others' rosters."""

    country: str
    key: Ed25519PrivateKey
    terms: SealTerms
    store: Store

    def announce(self, claims: Mapping[str, Any]) -> bytes:
        """The post of this run's keys. claims: plain values that the others shall know of this country."""
        static = masks.new_key()
        self.store.put(0, "static", static)
        announced = b""
        for round_ in range(1, self.terms.rounds + 1):
            own, pair = shares.draw(), masks.new_key()
            self.store.put(round_, "secrets", own + pair)
            announced += digest("self", own) + masks.public_of(pair)
        arrays = {"static": masks.public_of(static), "rounds": announced}
        table = json.dumps(claims, sort_keys=True)
        post = posts.publish(self.key, "keys", self.terms.digest, self.country, arrays, claims=table)
        self.store.put(0, "keys", post)
        return post

    def deal(self, setup: Setup) -> tuple[bytes, dict[str, bytes]]:
        """The post of the hashes of all shares, and for every other country a box of those that are for it."""
        if self.store.get(0, "own shares") is not None:
            raise SealError(f"{self.country} has dealt its shares of run {self.terms.run} before")
        if setup.announced.get(self.country) != self.store.get(0, "keys"):
            raise SealError(f"the keys of {self.country} were replaced on their way")
        dealt: dict[str, list[bytes]] = {country: [] for country in self.terms.members}
        for round_ in range(1, self.terms.rounds + 1):
            for secret in self._secrets(round_):
                parts = shares.split(secret, self.terms.threshold, len(dealt))
                for country, share in zip(dealt, parts, strict=True):
                    dealt[country].append(share)
        hashes = b"".join(hash_of(share) for own in dealt.values() for share in own)
        self.store.put(0, "own shares", b"".join(dealt[self.country]))
        boxes = {
            country: self._cipher(setup, self.country, country).encrypt(ONE_TIME, b"".join(own), setup.context)
            for country, own in dealt.items()
            if country != self.country
        }
        return posts.publish(self.key, "deal", setup.context, self.country, {"hashes": hashes}), boxes

    def open_deals(self, setup: Setup, boxes: Mapping[str, bytes]) -> None:
        """Keep the shares that the others dealt. Raises SealError, naming who dealt others than it signed."""
        held = []
        for dealer in self.terms.members:
            own = pieces(self._opened(setup, dealer, boxes))
            signed = [
                setup.share_hash(dealer, self.country, round_, which)
                for round_ in range(1, self.terms.rounds + 1)
                for which in (SELF, PAIR)
            ]
            if [hash_of(share) for share in own] != signed:
                raise SealError(f"{dealer} dealt {self.country} other shares than it signed")
            held.append(own)
        for round_ in range(1, self.terms.rounds + 1):
            ours = [own[2 * round_ - 2] + own[2 * round_ - 1] for own in held]
            self.store.put(round_, "held", b"".join(ours))

    def mask(self, setup: Setup, round_: int, model: bytes, words: Words) -> tuple[bytes, Words]:
        """The post of a masked frame, and the frame, once a round. model: digest of the model the words rest on."""
        if self.store.get(round_, "frame") is not None:
            raise SealError(f"{self.country} has sent its frame of round {round_} of run {self.terms.run}")
        own, pair = self._secrets(round_)
        masked = words + setup.self_words(own, round_, model, len(words))
        for other in self.terms.members:
            if other != self.country:
                masked += setup.pair_words(self.country, other, pair, round_, model, len(words))
        arrays = {"model": model, "digest": digest(little(masked))}
        post = posts.publish(self.key, "frame", setup.context, self.country, arrays, round=round_)
        self.store.put(round_, "frame", post)
        return post, masked

    def reveal(self, setup: Setup, at: Place, frames: Mapping[str, bytes]) -> bytes:
        """The post that signs a list, with this country's shares of what opens its sum. One list a round, for ever."""
        self._need(at.round, "frame")
        listed, held = list_digest(setup, at, frames), self._need(at.round, "held")
        if self.store.get(at.round, "list") not in (None, listed):
            raise SealError(f"{self.country} has signed another list of round {at.round} of run {self.terms.run}")
        self.store.put(at.round, "list", listed)
        opened = [
            pair[:32] if dealer in frames else pair[32:]
            for dealer, pair in zip(self.terms.members, pieces(held, 64), strict=True)
        ]
        arrays = {"list": listed, "shares": b"".join(opened)}
        return posts.publish(self.key, "reveal", setup.context, self.country, arrays, round=at.round)

    def check_signed(self, round_: int, listed: bytes) -> None:
        """Raise SealError if this country signed another list of the round than the one it is closed with."""
        if self.store.get(round_, "list") not in (None, listed):
            raise SealError(f"round {round_} is closed with another list than {self.country} signed")

    def settle(self, round_: int) -> None:
        """Erase what could open a closed round once more: this country's secrets, and the shares it holds."""
        self.store.forget(round_, "secrets", "held")

    def _opened(self, setup: Setup, dealer: str, boxes: Mapping[str, bytes]) -> bytes:
        if dealer == self.country:
            return self._need(0, "own shares")
        try:
            return self._cipher(setup, dealer, self.country).decrypt(ONE_TIME, boxes[dealer], setup.context)
        except (InvalidTag, KeyError):
            raise SealError(f"the shares of {dealer} for {self.country} are of another setup") from None

    def _cipher(self, setup: Setup, dealer: str, recipient: str) -> ChaCha20Poly1305:
        other = recipient if dealer == self.country else dealer
        try:
            secret = masks.shared(self._need(0, "static"), setup.key(other))
        except ValueError:
            raise SealError(f"{other} announced a key that shares no secret") from None
        return ChaCha20Poly1305(masks.seed(secret, setup.context, "deal", dealer, recipient))

    def _secrets(self, round_: int) -> tuple[bytes, bytes]:
        whole = self._need(round_, "secrets")
        return whole[:32], whole[32:]

    def _need(self, round_: int, name: str) -> bytes:
        value = self.store.get(round_, name)
        if value is None:
            raise SealError(
                f"{self.country} keeps no {name} of round {round_} of run {self.terms.run}: the round was not reached, "
                f"or is over"
            )
        return value
