"""Shamir's secret sharing: any `threshold` shares of a secret give it back, fewer tell nothing of it.

Source: Shamir (1979), https://doi.org/10.1145/359168.359176
"""

import secrets
from collections.abc import Mapping, Sequence

PRIME = 2**256 - 189  # the largest below 2^256
SIZE = 32  # bytes of a secret and of a share


def draw() -> bytes:
    """A secret of SIZE bytes, drawn by the system below PRIME."""
    return secrets.randbelow(PRIME).to_bytes(SIZE, "big")


def split(secret: bytes, threshold: int, count: int) -> list[bytes]:
    """Shares number 1 to `count`. Raises ValueError for a secret that is not below PRIME."""
    value = int.from_bytes(secret, "big")
    if len(secret) != SIZE or value >= PRIME:
        raise ValueError("a secret is 32 bytes and below the prime")
    coefficients = [value, *(secrets.randbelow(PRIME) for _ in range(threshold - 1))]
    return [_at(coefficients, place).to_bytes(SIZE, "big") for place in range(1, count + 1)]


def weights_at_zero(places: Sequence[int]) -> list[int]:
    """What each share of these numbers counts for in the secret: Lagrange's polynomials at 0."""
    found = []
    for i in places:
        above = below = 1
        for j in places:
            if j != i:
                above, below = above * j % PRIME, below * (j - i) % PRIME
        found.append(above * pow(below, -1, PRIME) % PRIME)
    return found


def join(shares: Mapping[int, bytes]) -> bytes:
    """The secret from shares by their number, as many as the threshold. Of wrong shares it is another secret."""
    weights = weights_at_zero(list(shares))
    value = sum(int.from_bytes(share, "big") * weight for share, weight in zip(shares.values(), weights, strict=True))
    return (value % PRIME).to_bytes(SIZE, "big")


def _at(coefficients: Sequence[int], place: int) -> int:
    value = 0
    for each in reversed(coefficients):
        value = (value * place + each) % PRIME
    return value
