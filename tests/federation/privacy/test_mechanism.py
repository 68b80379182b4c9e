"""How far one place moves what leaves, exactly; and what an attacker can tell from it, over many runs."""

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from federation.privacy import mechanism
from federation.privacy.accountant import epsilon, total
from federation.privacy.mechanism import Noise, grid_step, noised_score, round_charge
from federation.privacy.noise import BITS, discrete_gaussian
from federation.settings.parts import PrivacySettings
from federation.settings.plan import Plan
from federation.training.jobs import Array, ClientHalf, Job
from federation.training.unit_gradients import clipped, clipped_sum, unit_gradients
from federation.vault.requests import fresh
from tests.federation.toy import TOY, ToySettings
from tests.federation.vault.requesting import plan_of

pytestmark = pytest.mark.usefixtures("toy")
CANARY = 1  # the place whose records are planted
SILENT = Noise(gaussian=lambda size: np.zeros(size, np.int64), laplace=lambda _: 0)


def noised_plan(**privacy: Any) -> Plan:
    chosen = PrivacySettings(**({"epsilon": 2.0, "clip": 0.3} | privacy))
    return plan_of(protection="differential_privacy", arms=["federated"], privacy=chosen)


def job_of(folder: Path, plan: Plan, *, planted: float | None = None, without: bool = False) -> Job:
    """The federated model's job in a toy country. planted: every target of the canary; without: it has no record."""
    TOY.synthesize(folder, "VNM", 1, ToySettings())
    panel = TOY.read(folder, "VNM", ToySettings())
    target = panel.target.copy()
    if planted is not None:
        target[CANARY] = planted
    if without:
        target[CANARY] = np.nan
    windows = TOY.windows(replace(panel, target=target), ToySettings())
    model = fresh(TOY, plan)
    return Job(
        country="VNM",
        arm="federated",
        model=model.model,
        loss=TOY.loss,
        start=model.weights,
        train=windows.only("train"),
        score=None,
        settings=plan.training,
        client=ClientHalf(),
        lr=0.0,
        seed=0,
    )


def sum_of(job: Job, plan: Plan) -> Array:
    """The sum before noise, in steps of the grid."""
    return clipped_sum(job, list(job.start), plan.privacy.clip, grid_step(plan))


@pytest.mark.parametrize("planted", [1e12, -1e30, float("inf"), 0.0])
def test_one_place_moves_the_sum_by_the_clip_at_most_whatever_it_reports(planted: float, tmp_path: Path) -> None:
    plan = noised_plan()
    moved = sum_of(job_of(tmp_path, plan, planted=planted), plan) - sum_of(job_of(tmp_path, plan, without=True), plan)
    squares, bound = sum(int(each) ** 2 for each in moved), plan.privacy.clip / grid_step(plan)
    assert squares <= bound * bound
    if abs(planted) == 1e12:
        assert squares > (1 - 1e-6) * bound * bound  # it does reach the bound, so that the noise is not too large


def test_noise_is_as_wide_as_the_charge_says(tmp_path: Path) -> None:
    plan = noised_plan()
    widths: list[int] = []

    def record(size: int) -> Array:
        widths.append(size)
        return np.full(size, 2**BITS)

    job, places = job_of(tmp_path, plan), 4
    with_noise, without = (
        mechanism.noised_update(plan, 1, job, places, noise) for noise in (replace(SILENT, gaussian=record), SILENT)
    )
    assert widths == [sum(value.numel() for value in job.start.values())]
    for name, value in with_noise.items():
        sigma = plan.privacy.clip / round_charge(plan).amount ** 0.5
        np.testing.assert_allclose(value - without[name], -mechanism.rate(plan, 1) * sigma / places, rtol=1e-4)


@pytest.mark.parametrize("chosen", [{}, {"epsilon": 8.0, "clip": 3.0}, {"epsilon": 0.5, "lr": 0.01}])
def test_no_value_of_an_update_is_larger_than_a_sealed_sum_holds(chosen: dict[str, Any], tmp_path: Path) -> None:
    """Whatever the noise, up to its tail; of one place, whose update has most of it."""
    plan = noised_plan(**chosen)
    tail = replace(SILENT, gaussian=lambda size: np.full(size, int(mechanism.TAIL) << BITS))
    update = mechanism.noised_update(plan, 1, job_of(tmp_path, plan), 1, tail)
    largest = max(float(np.abs(value).max()) for value in update.values())
    assert mechanism.largest_value(plan) / 8 < largest < mechanism.largest_value(plan)


def test_without_clipping_and_noise_it_is_a_step_of_gradient_descent(tmp_path: Path) -> None:
    plan = noised_plan(clip=50.0)
    job = job_of(tmp_path, plan)
    mean = np.mean([*unit_gradients(job, list(job.start))], axis=0)
    update = mechanism.noised_update(plan, 1, job, len(job.train.places), SILENT)  # type: ignore[union-attr]
    flat = np.concatenate([value.ravel() for value in update.values()])
    np.testing.assert_allclose(flat, -mechanism.rate(plan, 1) * mean, rtol=1e-3, atol=2e-5)


def test_rounding_is_towards_zero_and_never_lengthens() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        gradient = rng.standard_normal(rng.integers(1, 50)) * 10.0 ** rng.integers(-3, 4)
        whole = clipped(gradient, 1.0, 1e-4)
        assert sum(int(each) ** 2 for each in whole) <= 10**8
        assert (np.abs(whole) * 1e-4 <= np.abs(gradient)).all()
    assert clipped(np.array([np.nan, 1.0]), 1.0, 1e-4).tolist() == [0, 0]


@pytest.mark.parametrize("wanted", [0.5, 2.0])
def test_an_attacker_who_plants_a_canary_tells_less_than_epsilon(wanted: float, tmp_path: Path) -> None:
    """Who knows all other records and the planted ones looks in the direction of the canary: the best test there is.

    With a quarter of the noise the same attack does prove more than epsilon.
    """
    plan = replace(noised_plan(epsilon=wanted), rounds=1)
    there, absent = (sum_of(job_of(tmp_path, plan, **chosen), plan) for chosen in ({"planted": 1e9}, {"without": True}))
    claimed = epsilon(total([round_charge(plan)]), plan.privacy.delta)
    assert claimed <= wanted * 1.01
    assert 0.1 * claimed < attacked(there, absent, BITS, plan.privacy.delta) < claimed
    assert attacked(there, absent, BITS - 2, plan.privacy.delta) > claimed


def attacked(there: Array, absent: Array, bits: int, delta: float, trials: int = 100_000) -> float:
    """The epsilon that an attacker proves who sees a release with or without the canary, many times over.

    The noise is drawn from a seed here, so that the test has one outcome.
    """
    random = np.random.default_rng(1).bytes
    direction = (there - absent) / np.linalg.norm(there - absent)
    size = len(there)
    with_it, without = (
        (base + discrete_gaussian(size * trials, bits, random).reshape(trials, size)) @ direction
        for base in (there, absent)
    )
    return empirical_epsilon(with_it, without, delta)


def empirical_epsilon(there: Array, absent: Array, delta: float) -> float:
    """The largest epsilon that a threshold proves, at 99.9 % by Clopper and Pearson; half of the trials choose it."""
    half = len(there) // 2
    best, at = 0.0, 0.0
    for threshold in np.quantile(absent[:half], [0.5, 0.8, 0.9, 0.95, 0.98, 0.99]):
        hits, false = np.mean(there[:half] > threshold), np.mean(absent[:half] > threshold)
        if false and (value := log(max(hits - delta, 1e-12) / false)) > best:
            best, at = value, threshold
    hits, false = (int((values[half:] > at).sum()) for values in (there, absent))
    many = len(there) - half
    low, high = beta.ppf(0.0005, hits, many - hits + 1), beta.ppf(0.9995, false + 1, many - false)
    return log(max(low - delta, 1e-12) / high)


def test_one_place_moves_the_score_by_half_its_range_at_most() -> None:
    settings = PrivacySettings(score_clip=0.8)
    others = {0: 0.3, 1: 0.5}
    alone = noised_score(others, 10, settings, SILENT)
    for extreme in (-5.0, 0.0, 0.8, 1e9, float("nan")):
        assert abs(noised_score({**others, 2: extreme}, 10, settings, SILENT) - alone) <= 0.04 + 1e-6


def test_the_score_is_the_mean_over_places_where_all_have_one() -> None:
    assert noised_score({0: 0.2, 1: 0.4, 2: 0.9}, 3, PrivacySettings(), SILENT) == pytest.approx((0.2 + 0.4 + 0.8) / 3)


def test_the_score_is_as_noisy_as_its_variance_says() -> None:
    settings = PrivacySettings(score_epsilon=4.0, score_clip=0.8)
    drawn = [noised_score(dict.fromkeys(range(40), 0.4), 40, settings, mechanism.SYSTEM) for _ in range(4000)]
    assert np.var(drawn) == pytest.approx(mechanism.score_variance(40, settings), rel=0.2)
