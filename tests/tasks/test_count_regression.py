"""Negative binomial regression against an optimiser that knows nothing of it, and against a law that is known."""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import nbinom, norm

from tasks.data import Array, Panel
from tasks.health.baselines import flat_persistence
from tasks.health.count_regression import LEVEL, RIDGE, SIZE, fitted
from tasks.health.negative_binomial import LEAST, negative_binomial
from tasks.health.records import COVARIATES
from tasks.health.settings import HealthSettings
from tasks.health.windowing import windows

MONTHS = 180


def drawn(places: int, size: float) -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    columns = np.concatenate([np.ones((places, MONTHS, 1)), rng.normal(0, 1, (places, MONTHS, 2))], axis=-1)
    mean = np.exp(columns @ np.array([2.0, 0.7, -0.4]))
    return columns, rng.negative_binomial(size, size / (size + mean)).astype(float)


def test_the_fit_is_the_optimum_that_another_optimiser_finds_from_the_written_out_posterior() -> None:
    columns, counts = drawn(4, 1.5)
    known = np.random.default_rng(2).random(counts.shape) < 0.8
    known[3, 30:] = False
    counts[2] = 0.0  # a place without a case
    fit = fitted(columns, counts, known)
    spread = np.array([LEVEL, RIDGE, RIDGE, SIZE]) ** -0.5
    for place in range(4):
        x, y = columns[place, known[place]], counts[place, known[place]]

        def cost(tried: Array, x: Array = x, y: Array = y) -> float:
            size, mean = np.exp(tried[-1]), np.exp(np.maximum(x @ tried[:-1], -12))
            return float(-nbinom.logpmf(y, size, size / (size + mean)).sum() - norm.logpdf(tried, 0, spread).sum())

        best = minimize(cost, np.zeros(4), method="L-BFGS-B", options={"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-9})
        mine = np.r_[fit.coefficients[place], np.log(fit.size[place])]
        assert cost(mine) <= best.fun + 1e-6
        np.testing.assert_allclose(mine, best.x, atol=5e-3)


def test_the_law_that_made_the_counts_is_found_and_so_are_its_quantiles() -> None:
    columns, counts = drawn(200, 1.5)
    fit = fitted(columns, counts, np.ones(counts.shape, bool))
    np.testing.assert_allclose(fit.coefficients.mean(axis=0), [2.0, 0.7, -0.4], atol=0.02)
    assert 1.35 < np.median(fit.size) < 1.65
    quantiles = fit.quantiles(columns[:, 0], np.arange(200), (0.05, 0.5, 0.95))
    size, mean = fit.size, np.exp((columns[:, 0] * fit.coefficients).sum(axis=1))
    at, below = (nbinom.cdf(quantiles.T - less, size, size / (size + mean)) for less in (0, 1))
    levels = np.array([[0.05], [0.5], [0.95]])
    assert ((at >= levels) & (below < levels)).all()


def test_the_year_of_an_origin_and_what_follows_teach_it_nothing() -> None:
    rng = np.random.default_rng(3)
    target = rng.negative_binomial(2, 0.05, (2, MONTHS)).astype(float)
    target[1, LEAST:] = np.nan  # too few for a regression at any horizon
    wild = target.copy()
    january, origin = 120, 124
    wild[0, january:origin] = rng.negative_binomial(2, 0.0005, origin - january)
    wild[0, origin + 1 :] = 1e6

    def forecast(counts: Array) -> tuple[Array, Array]:
        panel = Panel(
            country="LAO",
            periods=np.datetime64("2000-01", "M") + np.arange(MONTHS),
            places=("LA-1", "LA-2"),
            target=counts,
            covariates={name: np.full(counts.shape, np.nan) for name in COVARIATES},
        )
        cut = windows(panel, HealthSettings())
        short = cut.place == 1
        flat = flat_persistence(panel, cut, HealthSettings())
        said = negative_binomial(panel, cut, HealthSettings())
        np.testing.assert_array_equal(said[short], flat[short])
        assert not np.array_equal(said[~short], flat[~short])
        return said[(cut.origin == panel.periods[origin]) & ~short], said[~short]

    (one, all_of_one), (other, all_of_other) = forecast(target), forecast(wild)
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(all_of_one, all_of_other)
