"""A canary in the gradient: the epsilon that an attacker proves who knows all but whether one place is there.

It knows all other records, the model and the other countries' updates, and looks in the direction in which the place
moves the sum: the best test there is. Without noise nothing but the number of trials bounds what it proves; with noise
it must prove less than the accountant charges. Drawn from the system, as in a vault.
Source: Nasr et al. (2023), https://arxiv.org/abs/2302.07956; one-sided intervals after Clopper and Pearson (1934),
https://doi.org/10.1093/biomet/26.4.404
"""

from collections.abc import Iterator
from math import log

import numpy as np
from scipy.stats import beta

from federation.privacy.accountant import epsilon, total
from federation.privacy.mechanism import grid_step, largest_value, rate, round_charge
from federation.privacy.noise import Bytes, discrete_gaussian
from federation.seals.fixed_point import Codec, Floats
from federation.settings.parts import PrivacySettings
from federation.settings.plan import NOISED, SEALED, Plan
from federation.strategies import STRATEGIES
from tasks.health.settings import HealthSettings
from tests.federation.attacks.figures import Figure

ATTACK, PROVED, CHARGED = "canary in a gradient", "epsilon proved", "epsilon charged"
ROUNDS, TRIALS, PLACES, CONFIDENCE = 5, 100_000, 10, 0.999
NOTHING = "no noise: open, guarded, and a sealed sum whose other updates are known"


def gradient_canary(seed: int) -> Iterator[Figure]:
    """Of whole runs, all rounds together; at three epsilons, and without noise. seed: of the attacker's choice only."""
    del seed  # noise in a vault has none
    yield Figure(attack=ATTACK, measure=PROVED, under=NOTHING, value=proved(plan_of(2.0), noise=False))
    for wanted in (8.0, 2.0, 1.0):
        plan, under = plan_of(wanted), f"sealed + dp, epsilon {wanted:g}"
        charged = epsilon(total([round_charge(plan)] * ROUNDS), plan.privacy.delta)
        yield Figure(attack=ATTACK, measure=CHARGED, under=under, value=charged)
        yield Figure(attack=ATTACK, measure=PROVED, under=under, value=proved(plan))


def plan_of(wanted: float) -> Plan:
    """A sealed run under differential privacy of so much."""
    return Plan(
        protection=f"{SEALED}+{NOISED}",
        task=HealthSettings(statistics="place"),
        strategy=STRATEGIES["fedavg"].settings(),
        privacy=PrivacySettings(epsilon=wanted),
        rounds=ROUNDS,
    )


def proved(plan: Plan, *, noise: bool = True, trials: int = TRIALS, random: Bytes | None = None) -> float:
    """A lower bound of epsilon, by what a run shows with and without the canary. noise: as vaults draw it, or none."""
    with_it, without = (np.zeros(trials), np.zeros(trials))
    for round_ in range(1, plan.rounds + 1):
        for seen, there in ((with_it, 1), (without, 0)):
            drawn = np.zeros(trials, np.int64)
            if noise:
                drawn = discrete_gaussian(trials, random=random) if random else discrete_gaussian(trials)
            seen += shown(plan, round_, there * clipped(plan) + drawn) / rate(plan, round_)
    return bound(with_it, without, plan.privacy.delta)


def clipped(plan: Plan) -> int:
    """The canary's gradient: as long as the clip, in the direction of one weight, in steps of the grid."""
    return int(plan.privacy.clip / grid_step(plan))


def shown(plan: Plan, round_: int, whole: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Floats:
    """That weight of a country's update as a sealed sum holds it, the others' updates taken off. whole: trials."""
    values = (whole * (-rate(plan, round_) * grid_step(plan) / PLACES)).astype(np.float32).astype(np.float64)
    limit = largest_value(plan)
    codec = Codec(values=len(whole), scores=0, total=64, bound=limit)
    return -codec.mean(codec.encode(np.clip(values, -limit, limit), np.zeros(0), 64), 64)


def bound(there: Floats, absent: Floats, delta: float) -> float:
    """The epsilon that the best threshold proves; half of the trials choose it, the other half count."""
    half = len(there) // 2
    best, at = -np.inf, 0.0
    for threshold in np.quantile(np.concatenate([there[:half], absent[:half]]), np.linspace(0.2, 0.995, 60)):
        value = _proved(there[:half], absent[:half], threshold, delta)
        if value > best:
            best, at = value, float(threshold)
    return max(0.0, _proved(there[half:], absent[half:], at, delta))


def _proved(there: Floats, absent: Floats, threshold: float, delta: float) -> float:
    many, tail = len(there), (1 - CONFIDENCE) / 2
    hits, false = int((there > threshold).sum()), int((absent > threshold).sum())
    low = beta.ppf(tail, hits, many - hits + 1) if hits else 0.0
    high = beta.ppf(1 - tail, false + 1, many - false) if false < many else 1.0
    return log(max(low - delta, 1e-12) / high)
