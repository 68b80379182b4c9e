"""Contracts of every strategy's server half, on updates made up here; a new strategy is held to them too."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from flwr.serverapp.strategy import FedAvg
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from numpy.typing import NDArray

from federation.coordinator.aggregation import aggregated, configured, give_memory, memory_of, separate, weight
from federation.coordinator.checks import Update
from federation.coordinator.state import Progress
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.strategies.fedavgm import FedAvgMSettings
from federation.strategies.strategy import unadjusted
from federation.training import sequential
from tasks.settings import TaskSettings
from tests.federation.federations import GRADIENT

Arrays = Mapping[str, NDArray[Any]]
# Named so that the order of a module's weights is not the alphabet's, in which they arrive.
SHAPES = {"z.weight": (2, 3), "body.bias": (3,), "head.weight": (3, 2)}
EVERY = pytest.mark.parametrize("name", STRATEGIES)
AVERAGING = [
    name for name, one in STRATEGIES.items() if type(one.server(one.settings())) is FedAvg and one.adjust is unadjusted
]


@pytest.fixture(autouse=True)
def _grid() -> None:
    """Flower makes instructions only for the task of this process, which a grid declares."""
    InProcessGrid({}, sequential.run)


def drawn(seed: int) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def update(country: str, seed: int, examples: int = 10) -> Update:
    return Update(
        country=country,
        examples=examples,
        steps=1,
        loss=0.5,
        start_loss=0.5,
        change=dict(sorted(drawn(seed).items())),
        shared={},
        scores={},
        fingerprint="",
        suppressed=(),
    )


class Server:
    """One strategy's server over rounds, as the rounds drive it."""

    def __init__(self, name: str, chosen: StrategySettings | None = None) -> None:
        self.strategy = STRATEGIES[name]
        self.chosen = chosen or self.strategy.settings()
        self.plan = Plan(task=TaskSettings(), strategy=self.chosen, training=GRADIENT)
        self.flower = self.strategy.server(self.chosen)

    def start(self) -> Progress:
        return Progress(round=0, model=drawn(0), shared=self.strategy.shared(drawn(0)))

    def step(self, progress: Progress, updates: Sequence[Update], countries: int = 3) -> Progress:
        given = [replace(each, shared=self.shared(each) if each.examples else {}) for each in updates]
        configured(self.flower, progress.round + 1, progress, [1, 2])
        parts = separate(given, self.chosen)
        examples = {each.country: each.examples for each in given}
        return aggregated(self.flower, self.strategy, self.plan, progress, parts, examples, countries)

    def shared(self, one: Update) -> dict[str, NDArray[Any]]:
        return {name: one.change[name] / 2 for name in self.strategy.shared(drawn(0))}


def same(one: Arrays, other: Arrays) -> bool:
    return set(one) == set(other) and all(one[name].tobytes() == other[name].tobytes() for name in one)


def near(one: Arrays, other: Arrays, atol: float = 1e-6) -> bool:
    return all(np.allclose(one[name], other[name], atol=atol) for name in one)


THREE = [update("THA", 1, 10), update("VNM", 2, 40), update("LAO", 3, 5)]


@EVERY
def test_every_node_is_sent_the_model_as_it_stands(name: str) -> None:
    server = Server(name)
    after = server.step(server.start(), THREE)
    models = configured(server.flower, 2, after, [7, 9, 4])
    assert set(models) == {4, 7, 9}
    assert all(same(model, after.model) for model in models.values())


@EVERY
def test_the_order_of_replies_changes_nothing(name: str) -> None:
    ends = []
    for order in permutations(THREE):
        server = Server(name)
        ends.append(server.step(server.step(server.start(), order), order))
    assert all(same(ends[0].model, end.model) and same(ends[0].shared, end.shared) for end in ends)
    assert all(same(ends[0].server, end.server) for end in ends)


@EVERY
def test_identical_countries_are_one_country(name: str) -> None:
    many, one = Server(name), Server(name)
    crowd, alone = many.start(), one.start()
    for seed in (1, 2, 3):
        crowd = many.step(crowd, [update(country, seed) for country in ("LAO", "THA", "VNM")], countries=3)
        alone = one.step(alone, [update("VNM", seed)], countries=1)
    assert near(crowd.model, alone.model)
    assert near(crowd.shared, alone.shared)


@EVERY
def test_what_came_in_is_not_changed(name: str) -> None:
    server = Server(name)
    start = server.start()
    after = server.step(start, THREE)
    server.step(after, THREE)
    assert same(start.model, drawn(0))
    assert all(same(each.change, drawn(seed)) for seed, each in enumerate(THREE, start=1))


@EVERY
def test_a_server_that_starts_again_goes_on_as_if_it_had_not(name: str) -> None:
    first = Server(name)
    second_round = first.step(first.step(first.start(), THREE), THREE[:2])
    fresh = Server(name)
    give_memory(fresh.flower, second_round.server)
    assert same(memory_of(fresh.flower), second_round.server)
    there, here = first.step(second_round, THREE), fresh.step(second_round, THREE)
    assert same(there.model, here.model)
    assert same(there.server, here.server)


@EVERY
def test_model_keeps_its_names_shapes_and_dtypes(name: str) -> None:
    server = Server(name)
    after = server.step(server.start(), THREE)
    assert list(after.model) == list(SHAPES)
    assert {key: value.shape for key, value in after.model.items()} == SHAPES
    assert {value.dtype.name for value in after.model.values()} == {"float32"}
    assert after.round == 1
    assert after.examples == {"THA": 10, "VNM": 40, "LAO": 5}


@EVERY
def test_no_change_anywhere_leaves_the_model_where_it_is(name: str) -> None:
    server = Server(name)
    still = [replace(each, change={key: np.zeros_like(value) for key, value in each.change.items()}) for each in THREE]
    assert near(server.step(server.start(), still).model, drawn(0))


@EVERY
def test_the_model_moves_where_all_countries_want_it(name: str) -> None:
    server = Server(name)
    want = [replace(each, change={key: np.ones_like(value) for key, value in each.change.items()}) for each in THREE]
    moved = server.step(server.start(), want).model
    assert all((moved[key] > value).all() for key, value in drawn(0).items())


@EVERY
def test_countries_without_an_update_do_not_count(name: str) -> None:
    server, other = Server(name), Server(name)
    silent = replace(update("KHM", 9), examples=0, change={})
    assert same(server.step(server.start(), THREE).model, other.step(other.start(), [*THREE, silent]).model)


def test_there_are_strategies_that_average() -> None:
    assert {"fedavg", "fedprox", "scaffold"} <= set(AVERAGING)


@pytest.mark.parametrize("name", AVERAGING)
@pytest.mark.parametrize("rule", ["examples", "sqrt", "equal"])
@given(
    counts=st.lists(st.integers(1, 10_000), min_size=1, max_size=4),
    step=st.floats(0.1, 2),
    most=st.none() | st.floats(1, 3),
)
@limits(max_examples=10)
def test_averaging_is_the_weighted_mean(
    name: str, rule: str, counts: list[int], step: float, most: float | None
) -> None:
    chosen = replace(STRATEGIES[name].settings(), weights=rule, server_step=step, largest_share=most)
    server = Server(name, chosen)
    updates = [update(f"C{seed}", seed, examples) for seed, examples in enumerate(counts, start=1)]
    shares = {"examples": np.array(counts), "sqrt": np.sqrt(counts), "equal": np.ones(len(counts))}[rule]
    assert [weight(each, rule) for each in updates] == pytest.approx(shares.tolist())
    if most is not None:
        shares = np.minimum(shares, most * np.median(shares))
    model = server.step(server.start(), updates).model
    for key, start in drawn(0).items():
        mean = np.average([each.change[key] for each in updates], axis=0, weights=shares)
        assert np.allclose(model[key], start + step * mean, atol=1e-5)


@pytest.mark.parametrize("rule", ["examples", "sqrt", "equal"])
@pytest.mark.parametrize("claimed", [1, 10**8])
def test_no_claim_makes_a_country_count_more_than_twice_the_median(rule: str, claimed: int) -> None:
    parts = separate(
        [*(update(f"C{seed}", seed, 100) for seed in range(1, 8)), update("XXX", 8, claimed)],
        replace(STRATEGIES["fedavg"].settings(), weights=rule),
    )
    weights = np.array([part.weight for part in parts])
    assert (weights <= 2 * np.median(weights)).all()
    assert weights[-1] / weights.sum() == pytest.approx(
        2 / 9 if claimed > 1 and rule != "equal" else {"examples": 1 / 701, "sqrt": 1 / 71, "equal": 1 / 8}[rule]
    )
    assert parts[-1].examples == claimed  # what is reported stays as it was


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_fedavgm_is_heavy_ball_momentum(step: float) -> None:
    chosen = FedAvgMSettings(server_momentum=0.5, server_lr=0.8, server_step=step)
    server = Server("fedavgm", chosen)
    progress, velocity, expected = server.start(), {key: 0.0 * value for key, value in drawn(0).items()}, drawn(0)
    for seed in (1, 2, 3):
        progress = server.step(progress, [update("VNM", seed)])
        velocity = {key: 0.5 * velocity[key] + drawn(seed)[key] for key in velocity}
        expected = {key: expected[key] + step * 0.8 * velocity[key] for key in expected}
    assert near(progress.model, expected, atol=1e-5)


def test_fedadam_is_adam_on_the_mean_change() -> None:
    server = Server("fedadam")
    eta, b1, b2, tau = 3e-3, 0.9, 0.99, 1e-3
    progress, expected = server.start(), drawn(0)
    m, v = ({key: 0.0 * value for key, value in drawn(0).items()} for _ in range(2))
    for round_, seed in enumerate((1, 2, 3), start=1):
        progress = server.step(progress, [update("VNM", seed)])
        change = drawn(seed)
        m = {key: b1 * m[key] + (1 - b1) * change[key] for key in m}
        v = {key: b2 * v[key] + (1 - b2) * change[key] ** 2 for key in v}
        # Kingma and Ba correct by the number of rounds; Flower 1.41 by one more.
        rate = eta * np.sqrt(1 - b2 ** (round_ + 1)) / (1 - b1 ** (round_ + 1))
        expected = {key: expected[key] + rate * m[key] / (np.sqrt(v[key]) + tau) for key in expected}
    assert near(progress.model, expected, atol=1e-5)


def test_fedyogi_is_yogi_on_the_mean_change() -> None:
    server = Server("fedyogi")
    eta, b1, b2, tau = 3e-3, 0.9, 0.99, 1e-3
    progress, expected = server.start(), drawn(0)
    m, v = ({key: 0.0 * value for key, value in drawn(0).items()} for _ in range(2))
    for seed in (1, 2, 3):
        progress = server.step(progress, [update("VNM", seed)])
        square = {key: value**2 for key, value in drawn(seed).items()}
        m = {key: b1 * m[key] + (1 - b1) * drawn(seed)[key] for key in m}
        v = {key: v[key] - (1 - b2) * square[key] * np.sign(v[key] - square[key]) for key in v}
        expected = {key: expected[key] + eta * m[key] / (np.sqrt(v[key]) + tau) for key in expected}
    assert near(progress.model, expected, atol=1e-5)
