"""What leaves a country under differential privacy by place: a noised sum of gradients a round, and one noised score.

A place is protected with all its records at all times: whoever sees everything that left cannot say, within epsilon
and delta, whether its records were there. That a place is on the list of places, and the periods of the file, are
public. One release a round of all places, so there is no sampling to account for.

    gradients of all places -> clipped, whole numbers -> + discrete Gaussian noise -> * -lr / number of places

Sources: Abadi et al. (2016), https://arxiv.org/abs/1607.00133; whole numbers against floating-point attacks: Kairouz,
Liu and Steinke (2021), https://arxiv.org/abs/2102.06387
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil, log2, sqrt

import numpy as np
from numpy.typing import NDArray

from federation.privacy.accountant import Charge
from federation.privacy.gaussian import noise_multiplier
from federation.privacy.noise import (
    BITS,
    Bytes,
    Integers,
    discrete_gaussian,
    discrete_laplace,
    keystream,
    whole_below,
)
from federation.settings.parts import PrivacySettings
from federation.settings.plan import Plan
from federation.training.jobs import Job, rate_of
from federation.training.unit_gradients import clipped_sum

SCORE_STEPS = 2**20  # of the grid between no score and the largest
TAIL = 8.0  # standard deviations of the noise that a value reaches once in 10^15
Gaussian = Callable[[int], Integers]
Laplace = Callable[[Fraction], int]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Where noise comes from: random bytes, and in a test whatever it likes. No setting reaches it."""

    gaussian: Gaussian = discrete_gaussian
    laplace: Laplace = discrete_laplace


SYSTEM = Noise()


def noise_from(key: bytes) -> Noise:
    """Noise that a secret key of 32 bytes repeats; without the key nobody tells it from the system's."""
    random = keystream(key)
    return Noise(gaussian=partial(discrete_gaussian, random=random), laplace=partial(_laplace, random=random))


def round_charge(plan: Plan) -> Charge:
    """Of one round's update."""
    return Charge(kind="gaussian", amount=multiplier(plan) ** -2)


def score_charge(plan: Plan) -> Charge:
    """Of the score that leaves with the test."""
    return Charge(kind="laplace", amount=plan.privacy.score_epsilon)


def charges_of(plan: Plan, kind: str, *, learns: bool) -> list[Charge]:
    """Of the reply to one request; nothing where a country sends neither an update nor a score."""
    if kind == "test":
        return [score_charge(plan)]
    return [round_charge(plan)] if learns and kind == "train" else []


def charges_from(plan: Plan, round_: int, *, learns: bool) -> list[Charge]:
    """Of a round and all that follow it in the run, the test included."""
    rounds = max(plan.rounds - round_ + 1, 0) if learns else 0
    return [round_charge(plan)] * rounds + [score_charge(plan)]


def multiplier(plan: Plan) -> float:
    """Noise of one round over what a place can change, sigma / clip."""
    return noise_multiplier(plan.privacy.epsilon, plan.privacy.delta, plan.rounds)


def noised_update(plan: Plan, round_: int, job: Job, places: int, noise: Noise) -> dict[str, NDArray[np.float32]]:
    """Name -> the change of the model that leaves. places: how many the country has, a public number."""
    names = list(job.start)
    step = grid_step(plan)
    total = clipped_sum(job, names, plan.privacy.clip, step)
    return scaled(total + noise.gaussian(len(total)), names, job, -rate(plan, round_) * step / places)


def grid_step(plan: Plan) -> float:
    """The unit in which gradients are whole numbers; the noise's standard deviation is 2^BITS of it."""
    return float(plan.privacy.clip * multiplier(plan) / 2**BITS)


def rate(plan: Plan, round_: int) -> float:
    """Length of the round's step."""
    return rate_of(replace(plan.training, lr=plan.privacy.lr), round_, plan.rounds)


def noise_length(plan: Plan, round_: int, places: int, values: int) -> float:
    """The L2 norm that the noise of a country's update has, as good as always. values: numbers of the update."""
    return rate(plan, round_) * plan.privacy.clip * multiplier(plan) / places * sqrt(values)


def largest_value(plan: Plan) -> float:
    """Of a noised update, in any country and round: the gradients of all places, and TAIL of the noise.

    A power of two, so that all machines have the very same number, whatever the last bit of their logarithms.
    """
    return float(2.0 ** ceil(log2(plan.privacy.lr * plan.privacy.clip * (1 + TAIL * multiplier(plan)))))


def scaled(total: Integers, names: Sequence[str], job: Job, factor: float) -> dict[str, NDArray[np.float32]]:
    """The sum, times a factor, as arrays of the shapes of the weights."""
    ends = np.cumsum([job.start[name].numel() for name in names])
    parts = np.split(total * factor, ends[:-1])
    return {
        name: part.reshape(tuple(job.start[name].shape)).astype(job.start[name].numpy().dtype)
        for name, part in zip(names, parts, strict=True)
    }


def noised_score(scores: Mapping[int, float], places: int, settings: PrivacySettings, noise: Noise) -> float:
    """The mean over places of each one's score, noised. scores: place -> its mean score, cut to 0 ... score_clip.

    A place counts from the middle of that range, so that one place moves the sum by half the range at most, and one
    without a score by nothing.
    """
    half, unit = settings.score_clip / 2, settings.score_clip / SCORE_STEPS
    whole = sum(_whole(score, settings) for score in scores.values() if np.isfinite(score))
    scale = Fraction(SCORE_STEPS // 2) / Fraction(settings.score_epsilon)
    mean = half + (whole + noise.laplace(scale)) * unit / places
    return float(np.clip(mean, 0.0, settings.score_clip))


def score_variance(places: int, settings: PrivacySettings) -> float:
    """Of the noise in that mean."""
    return float(2 * (settings.score_clip / 2 / settings.score_epsilon / places) ** 2)


def _laplace(scale: Fraction, random: Bytes) -> int:
    return discrete_laplace(scale, below=whole_below(random))


def _whole(score: float, settings: PrivacySettings) -> int:
    """A place's score less the middle of the range, in whole steps: at most SCORE_STEPS / 2 either way."""
    share = min(max(score / settings.score_clip, 0.0), 1.0)
    return round(share * SCORE_STEPS) - SCORE_STEPS // 2
