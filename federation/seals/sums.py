"""The sum of a round's frames, opened from what the countries signed: each member and the coordinator does it alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from federation.errors import SealError
from federation.seals import lists, masks, posts, shares
from federation.seals.masks import Words, digest, little
from federation.seals.setup import PAIR, SELF, Setup, hash_of, pieces


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What ends a round. frames: country -> its signed post of a frame. words: country -> the masked words.

    reveals: country -> its signed post of a list, with the shares that open the sum.
    """

    frames: Mapping[str, bytes]
    words: Mapping[str, Words]
    reveals: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a list stands. model: digest of the model that the round rests on."""

    round: int
    model: bytes


def list_digest(setup: Setup, at: Place, frames: Mapping[str, bytes]) -> bytes:
    """The digest of a list of frames, as reveals sign it. Raises SealError for a list that may not be."""
    digests = {}
    for country in sorted(frames):
        frame = setup.read(frames, country, "frame")
        if (frame.header.get("round"), posts.bytes_of(frame, "model", 32)) != (at.round, at.model):
            raise SealError(f"the frame of {country} is of another round or model")
        digests[country] = posts.bytes_of(frame, "digest", 32)
    fewest = max(setup.terms.threshold, setup.terms.fewest)
    if len(digests) < fewest:
        raise SealError(f"{len(digests)} countries are on the list of round {at.round}, and {fewest} are needed")
    lists.check_list(setup.groups, digests)
    return lists.digest_of(setup.context, at.round, at.model, digests)


def opened(setup: Setup, at: Place, closing: Closing) -> Words:
    """The sum of the frames on the list, mod 2^32, without masks.

    Raises SealError for whatever is not as it was signed, naming whose it is, and for fewer signatures of the list than
    the threshold.
    """
    secrets = _secrets(setup, at, closing)
    total = _masked_sum(setup, closing)
    for country, secret in secrets.items():
        if country in closing.frames:
            total -= setup.self_words(secret, at.round, at.model, len(total))
            continue
        for other in closing.frames:  # these added words for a pair with one that is not there
            total += setup.pair_words(country, other, secret, at.round, at.model, len(total))
    return total


def _masked_sum(setup: Setup, closing: Closing) -> Words:
    total: Words | None = None
    for country in sorted(closing.frames):
        words = closing.words.get(country)
        signed = posts.bytes_of(setup.read(closing.frames, country, "frame"), "digest", 32)
        if words is None or digest(little(words)) != signed:
            raise SealError(f"the frame of {country} is not the one it signed")
        if total is not None and words.shape != total.shape:
            raise SealError(f"the frame of {country} has another length than the others")
        total = words.copy() if total is None else total + words
    assert total is not None, "a list is never empty"
    return total


def _secrets(setup: Setup, at: Place, closing: Closing) -> dict[str, bytes]:
    """country -> its own secret of the round if it is on the list, else its key of the round."""
    listed = list_digest(setup, at, closing.frames)
    parts: dict[str, dict[int, bytes]] = {country: {} for country in setup.terms.members}
    for holder in sorted(closing.reveals):
        revealed = check_reveal(setup, at, listed, closing.frames, holder, closing.reveals)
        for country, share in revealed.items():
            parts[country][setup.place(holder) + 1] = share
    if len(closing.reveals) < setup.terms.threshold:
        raise SealError(
            f"{len(closing.reveals)} countries signed the list of round {at.round}, and {setup.terms.threshold} are "
            f"needed"
        )
    return {
        country: _joined(setup, at, country, shares_of, there=country in closing.frames)
        for country, shares_of in parts.items()
    }


def check_reveal(
    setup: Setup, at: Place, listed: bytes, frames: Collection[str], holder: str, reveals: Mapping[str, bytes]
) -> dict[str, bytes]:
    """dealer -> its share that a country reveals. listed: digest of the list. frames: who is on it.

    Raises SealError unless the country signed this list, and every share is the one that was dealt.
    """
    post = setup.read(reveals, holder, "reveal")
    if (post.header.get("round"), posts.bytes_of(post, "list", 32)) != (at.round, listed):
        raise SealError(f"{holder} signed another list of round {at.round}")
    revealed = pieces(posts.bytes_of(post, "shares", shares.SIZE * len(setup.terms.members)))
    for dealer, share in zip(setup.terms.members, revealed, strict=True):
        which = SELF if dealer in frames else PAIR
        if hash_of(share) != setup.share_hash(dealer, holder, at.round, which):
            raise SealError(f"{holder} reveals another share than {dealer} dealt it")
    return dict(zip(setup.terms.members, revealed, strict=True))


def _joined(setup: Setup, at: Place, country: str, parts: Mapping[int, bytes], *, there: bool) -> bytes:
    secret = shares.join(dict(sorted(parts.items())[: setup.terms.threshold]))
    own, public = setup.committed(country, at.round)
    if (digest("self", secret) != own) if there else (masks.public_of(secret) != public):
        raise SealError(f"{country} dealt shares of another secret than it committed to")
    return secret
