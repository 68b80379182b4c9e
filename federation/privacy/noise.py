"""Noise on integers, exactly sampled from random bytes: the system's, or a secret key's; no seed of any run reaches it.

A float's last bits can betray what noise was added to; integers have none. Both samplers compare uniform numbers of 64
random bits. Two that are equal there would need more bits; that happens once in 2^64 comparisons, which changes the
distribution of all the noise of a lifetime by less than 2^-30, far below any delta.
"""

import os
from collections.abc import Callable
from fractions import Fraction
from secrets import randbelow

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Bytes = Callable[[int], bytes]  # so many random bytes
HALF = np.uint64(2**63)
BITS = 24  # the standard deviation of the noise is 2^24 steps of the grid


def discrete_gaussian(size: int, bits: int = BITS, random: Bytes = os.urandom) -> Integers:
    """(size,) integers x with probability proportional to exp(-x^2 / (2 sigma^2)), sigma = 2^bits.

    Source: Karney (2016), algorithm D, https://arxiv.org/abs/1303.6257. It is as private as continuous noise of this
    sigma: Canonne, Kamath and Steinke (2020), https://arxiv.org/abs/2004.00010
    """
    values = np.zeros(size, np.int64)
    todo = np.arange(size)
    while len(todo):
        drawn, accepted = _proposed(len(todo), bits, random)
        values[todo[accepted]] = drawn[accepted]
        todo = todo[~accepted]
    return values


def discrete_laplace(scale: Fraction, below: Callable[[int], int] = randbelow) -> int:
    """An integer x with probability proportional to exp(-|x| / scale).

    below: a random integer from 0 to one less than its argument. Source: Canonne, Kamath and Steinke (2020),
    algorithm 2, https://arxiv.org/abs/2004.00010
    """
    t, s = scale.numerator, scale.denominator
    while True:
        remainder = below(t)
        if not _bernoulli_exp(Fraction(remainder, t), below):
            continue
        quotient = 0
        while _bernoulli_exp(Fraction(1), below):
            quotient += 1
        size, negative = (remainder + t * quotient) // s, below(2)
        if size or not negative:
            return -size if negative else size


def keystream(key: bytes) -> Bytes:
    """The random bytes of a secret key, always the same ones and in the same order. key: 32 bytes, for one use alone.

    Source: ChaCha20, RFC 8439, of zeros, with the counter and the nonce at zero.
    """
    cipher = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
    return lambda size: cipher.update(bytes(size))


def whole_below(random: Bytes) -> Callable[[int], int]:
    """A random integer from 0 to one less than its argument, by rejection; `secrets.randbelow` of given bytes."""

    def below(bound: int) -> int:
        bits = (bound - 1).bit_length()
        while (value := int.from_bytes(random((bits + 7) // 8)) >> -bits % 8) >= bound:
            pass
        return value

    return below


def _proposed(size: int, bits: int, random: Bytes) -> tuple[Integers, NDArray[np.bool_]]:
    """Steps 1 to 6 of algorithm D, of all at once: values, and which of them are accepted."""
    k = _successes(size, random)
    accepted = _all_succeed(k * (k - 1), random)
    words = _uniform(size, random)
    offset = (words & np.uint64(2**bits - 1)).astype(np.int64)  # j; x = j / sigma lies in [0, 1)
    negative = (words >> np.uint64(63)).astype(bool)
    accepted &= ~((k == 0) & (offset == 0) & negative)  # zero has one sign
    for trial in range(int(k.max(initial=0)) + 1):
        rows = np.flatnonzero(accepted & (trial <= k))
        accepted[rows] = _accepts(k[rows], offset[rows], bits, random)
    value = (k << bits) + offset
    return np.where(negative, -value, value), accepted


def _accepts(k: Integers, offset: Integers, bits: int, random: Bytes) -> NDArray[np.bool_]:
    """Each true with probability exp(-x (2k + x) / (2k + 2)), x = offset / 2^bits: algorithm B."""
    even = np.ones(len(k), bool)
    going = np.arange(len(k))
    bound = offset.astype(np.uint64) << np.uint64(64 - bits)
    while len(going):
        z = _uniform(len(going), random)
        descends = z < bound[going]
        going, z = going[descends], z[descends]
        stays = _below_share(k[going], offset[going], bits, random)
        going, z = going[stays], z[stays]
        bound[going] = z
        even[going] = ~even[going]
    return even


def _below_share(k: Integers, offset: Integers, bits: int, random: Bytes) -> NDArray[np.bool_]:
    """Each true with probability (2k + x) / (2k + 2): one of 2k + 2 equal parts, the last but one cut at x."""
    part = _whole_below(2 * k + 2, random)
    cut = (_uniform(len(k), random) >> np.uint64(64 - bits)).astype(np.int64) < offset
    return np.asarray((part < 2 * k) | ((part == 2 * k) & cut))


def _successes(size: int, random: Bytes) -> Integers:
    """How often in a row a trial of probability exp(-1/2) succeeds."""
    count = np.zeros(size, np.int64)
    going = np.arange(size)
    while len(going):
        going = going[_root_of_e(len(going), random)]
        count[going] += 1
    return count


def _all_succeed(times: Integers, random: Bytes) -> NDArray[np.bool_]:
    """Whether so many trials of probability exp(-1/2) succeed."""
    passed = np.ones(len(times), bool)
    for trial in range(int(times.max(initial=0))):
        rows = np.flatnonzero(passed & (trial < times))
        if not len(rows):
            break
        passed[rows] = _root_of_e(len(rows), random)
    return passed


def _root_of_e(size: int, random: Bytes) -> NDArray[np.bool_]:
    """Each true with probability exp(-1/2): the length of a falling row of uniform numbers below 1/2 is even."""
    even = np.ones(size, bool)
    going, bound = np.arange(size), np.full(size, HALF)
    while len(going):
        z = _uniform(len(going), random)
        falls = z < bound[going]
        going, z = going[falls], z[falls]
        bound[going] = z
        even[going] = ~even[going]
    return even


def _whole_below(bounds: Integers, random: Bytes) -> Integers:
    """Uniform integers from 0 to one less than each bound, by rejection."""
    values = np.zeros(len(bounds), np.int64)
    todo = np.arange(len(bounds))
    while len(todo):
        words, bound = _uniform(len(todo), random) >> np.uint64(1), bounds[todo].astype(np.uint64)
        fair = words < (HALF // bound) * bound
        values[todo[fair]] = (words[fair] % bound[fair]).astype(np.int64)
        todo = todo[~fair]
    return values


def _bernoulli_exp(gamma: Fraction, below: Callable[[int], int]) -> bool:
    """True with probability exp(-gamma), 0 <= gamma <= 1."""
    k = 1
    while below(gamma.denominator * k) < gamma.numerator:
        k += 1
    return k % 2 == 1


def _uniform(size: int, random: Bytes) -> NDArray[np.uint64]:
    return np.frombuffer(random(8 * size), dtype=np.uint64)
