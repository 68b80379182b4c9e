"""Members of a sealed run without vaults, and an honest board between them, for tests that then lie."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.seals import posts
from federation.seals.lists import next_list
from federation.seals.masks import Words, digest
from federation.seals.member import Member
from federation.seals.setup import Setup
from federation.seals.sums import Closing, Place, opened
from federation.seals.terms import SealTerms, default_threshold

MODEL = digest("a model")


@dataclass
class Memory:
    """What a member keeps, in memory."""

    kept: dict[tuple[int, str], bytes] = field(default_factory=dict)

    def get(self, round_: int, name: str) -> bytes | None:
        return self.kept.get((round_, name))

    def put(self, round_: int, name: str, value: bytes) -> None:
        self.kept[round_, name] = value

    def forget(self, round_: int, *names: str) -> None:
        for name in names:
            self.kept.pop((round_, name), None)


@dataclass(kw_only=True)
class Board:
    """A run of so many countries, set up. at: where its list stands."""

    count: int = 5
    rounds: int = 3
    threshold: int | None = None
    run: str = "run"
    at: Place = field(default_factory=lambda: Place(round=1, model=MODEL))

    @cached_property
    def keys(self) -> dict[str, Ed25519PrivateKey]:
        return {f"C{place:02}": Ed25519PrivateKey.generate() for place in range(self.count)}

    @cached_property
    def terms(self) -> SealTerms:
        public = {country: key.public_key().public_bytes_raw() for country, key in self.keys.items()}
        terms = SealTerms(
            run=self.run,
            plan="plan",
            members=public,
            threshold=self.threshold or default_threshold(self.count),
            rounds=self.rounds,
        )
        terms.check()
        return terms

    @cached_property
    def members(self) -> dict[str, Member]:
        return {
            country: Member(country=country, key=key, terms=self.terms, store=Memory())
            for country, key in self.keys.items()
        }

    @cached_property
    def announced(self) -> dict[str, bytes]:
        return {country: member.announce({"examples": 10}) for country, member in self.members.items()}

    @cached_property
    def dealt(self) -> dict[str, tuple[bytes, dict[str, bytes]]]:
        before = Setup(terms=self.terms, announced=self.announced, deals={})
        return {country: member.deal(before) for country, member in self.members.items()}

    @cached_property
    def setup(self) -> Setup:
        deals = {country: post for country, (post, _) in self.dealt.items()}
        setup = Setup(terms=self.terms, announced=self.announced, deals=deals)
        for country, member in self.members.items():
            member.open_deals(setup, self.boxes_for(country))
        return setup

    def boxes_for(self, country: str) -> dict[str, bytes]:
        return {dealer: boxes[country] for dealer, (_, boxes) in self.dealt.items() if dealer != country}

    def frames(self, words: Mapping[str, Words]) -> dict[str, tuple[bytes, Words]]:
        """country -> its post and masked words, of those that send one."""
        return {
            country: self.members[country].mask(self.setup, self.at.round, self.at.model, own)
            for country, own in words.items()
        }

    def close(self, sent: Mapping[str, tuple[bytes, Words]], silent: Collection[str] = ()) -> Closing:
        """The round's end. silent: countries that sign no list."""
        listed = next_list(self.setup.groups, sent)
        frames = {country: sent[country][0] for country in listed}
        reveals = {
            country: self.members[country].reveal(self.setup, self.at, frames)
            for country in sent
            if country not in silent
        }
        return Closing(frames=frames, words={country: sent[country][1] for country in listed}, reveals=reveals)

    def round(self, words: Mapping[str, Words], silent: Collection[str] = ()) -> tuple[Closing, Words]:
        """A whole round: what closed it, and the sum; the board is at the next round then."""
        closing = self.close(self.frames(words), silent)
        total = opened(self.setup, self.at, closing)
        self.at = self.after()
        return closing, total

    def after(self) -> Place:
        """Where the next round stands, on another model."""
        return Place(round=self.at.round + 1, model=digest(self.at.model))


def draws(board: Board, seed: int = 0, size: int = 300, less: Collection[str] = ()) -> dict[str, Words]:
    """country -> words, as if of an update."""
    rng = np.random.default_rng(seed)
    drawn = {country: rng.integers(0, 2**32, size, dtype=np.uint32) for country in board.keys}
    return {country: own for country, own in drawn.items() if country not in less}


def signed_again(board: Board, country: str, post: bytes, kind: str, **arrays: bytes) -> bytes:
    """A post of a country with other contents, signed by it: what a lying country can send."""
    frame = board.setup.read({country: post}, country, kind)
    header = {key: value for key, value in frame.header.items() if key not in ("context", "country")}
    kept = {name: value.tobytes() for name, value in frame.arrays.items()} | arrays
    return posts.publish(board.keys[country], kind, board.setup.context, country, kept, **header)
