"""What every strategy must do in a whole federation, on a task whose solution is known. New ones are included."""

import doctest
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from flwr.serverapp.strategy import FedAvg, FedMedian

from federation.settings.parts import StrategySettings, TrainingSettings
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.strategies import strategy as contract
from federation.strategies.strategy import ROUNDS_DECIDE, Part, public
from federation.strategies.testing import check_linear, check_round, check_strategy, vault_of
from federation.training.jobs import rate_of, seed_of
from federation.vault.vault import Vault
from federation.wire.frame import decode
from tasks.models.choice import ModelSettings
from tasks.registry import TASKS
from tests.federation.federations import FOUR, GRADIENT, FederationOf, Ran
from tests.federation.toy import Line, ToySettings, loss, optimum, training_windows
from tests.whole import IN_FULL

pytestmark = pytest.mark.usefixtures("toy")
EVERY = pytest.mark.parametrize("strategy", STRATEGIES)
# Settings under which a strategy is quick on the toy, or plain averaging; none are needed of a new one.
ADAPTIVE = {"eta": 0.1, "tau": 0.01, "beta_1": 0.5}
QUICK: dict[str, dict[str, Any]] = {"fedadam": ADAPTIVE, "fedyogi": ADAPTIVE, "fedavgm": {"server_momentum": 0.3}}
PLAIN: dict[str, dict[str, Any]] = {"fedprox": {"mu": 0.0}, "fedavgm": {"server_momentum": 0.0}, "qfedavg": {"q": 0.0}}


def averages(strategy: str) -> bool:
    """Whether the server half is FedAvg's, so that one country's federation is its own training."""
    one = STRATEGIES[strategy]
    chosen = one.settings(**PLAIN.get(strategy, {}))
    return type(one.server(chosen)) is FedAvg or strategy == "fedavgm"


def best_of(ran: Ran) -> dict[str, Any]:
    folder, task = ran.ready.run.folder / "data", ran.ready.run.settings.task
    assert isinstance(task, ToySettings)
    countries = sorted(ran.ready.run.federation.nodes)
    parts = [training_windows(folder / country, country, task) for country in countries]
    return optimum(parts, [1.0] * len(parts) if ran.ready.run.settings.strategy.weights == "equal" else None)


def away(ran: Ran) -> float:
    """Distance of the weights that travel from the best there are."""
    best = best_of(ran)
    return float(np.sqrt(sum(np.square(value - best[name]).sum() for name, value in ran.weights.items())))


def trained_alone(plan: Plan, folder: Any, country: str) -> dict[str, Any]:
    """What a country gets by itself: a plain loop in torch over rounds, epochs and batches."""
    assert isinstance(plan.task, ToySettings)
    model, data = Line(plan.seed), training_windows(folder, country, plan.task)
    x, y = torch.from_numpy(data.inputs["recent"]), torch.from_numpy(data.target)
    for round_ in range(1, plan.rounds + 1):
        seed = seed_of(plan.seed, country, round_, "federated")
        generator = torch.Generator().manual_seed(seed)
        lr = rate_of(plan.training, round_, plan.rounds)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        for _ in range(plan.training.epochs or 0):
            for rows in torch.split(torch.randperm(len(data), generator=generator), plan.training.batch_size):
                optimizer.zero_grad()
                torch.autograd.backward(loss(model({"recent": x[rows]}, None), y[rows]))
                optimizer.step()
    return {name: value.detach().numpy() for name, value in model.named_parameters()}


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if averages(name)])
def test_a_federation_of_one_country_is_that_country_alone(strategy: str, federation_of: FederationOf) -> None:
    training = replace(GRADIENT, epochs=2, batch_size=32, schedule="cosine")
    ran = federation_of(["THA"], strategy=strategy, chosen=PLAIN.get(strategy), training=training)
    plan = ran.ready.run.federation.plan
    alone = trained_alone(plan, ran.ready.run.folder / "data" / "THA", "THA")
    assert all(np.allclose(value, alone[name], atol=1e-5) for name, value in ran.weights.items())
    assert set(ran.weights) == set(public(alone, plan.strategy.private))
    moved = {name: np.abs(value - Line(1).get_parameter(name).detach().numpy()).max() for name, value in alone.items()}
    assert moved["slope.weight"] > 0.1  # it learnt something at all


@EVERY
def test_it_comes_near_the_best_there_is(strategy: str, federation_of: FederationOf) -> None:
    ran = federation_of(
        FOUR[2:], strategy=strategy, chosen=QUICK.get(strategy), rounds=25, arms=["federated"], training=GRADIENT
    )
    start = Line(1)
    best = best_of(ran)
    before = float(
        np.sqrt(sum(np.square(start.get_parameter(n).detach().numpy() - best[n]).sum() for n in ran.weights))
    )
    assert before > 0.8
    assert away(ran) < 0.1
    assert away(ran) < before / 8


@EVERY
def test_the_same_seed_gives_the_same_bits(strategy: str, federation_of: FederationOf) -> None:
    training = replace(GRADIENT, batch_size=32)
    one, again = (federation_of(FOUR[2:], strategy=strategy, rounds=2, training=training) for _ in range(2))
    assert all(one.weights[name].tobytes() == again.weights[name].tobytes() for name in one.weights)
    assert one.outcome.rows == again.outcome.rows


@EVERY
def test_what_is_private_travels_in_no_direction(strategy: str, federation_of: FederationOf) -> None:
    ran = federation_of(FOUR[2:], strategy=strategy, rounds=2)
    private = set(dict(Line(1).named_parameters())) - set(ran.weights)
    patterns = ran.ready.run.settings.strategy.private
    assert bool(private) == bool(patterns)
    database = ran.ready.vaults[2].database
    replies = [decode(reply) for (reply,) in database.execute("SELECT reply FROM state")]
    travelled = {name.split("/", 1)[1] for reply in replies for name in reply.arrays if not name.startswith("score/")}
    assert travelled.isdisjoint(private)
    assert travelled == set(ran.weights)
    heads = [
        decode(memory).group("private") for (memory,) in database.execute("SELECT memory FROM state WHERE round = 2")
    ]
    assert all(set(head) == private for head in heads)
    for name in private:
        assert not np.array_equal(heads[0][name], heads[1][name])  # each country's own


@EVERY
def test_it_keeps_the_contract(strategy: str) -> None:
    check_strategy(STRATEGIES[strategy])


def median(settings: StrategySettings) -> Any:  # noqa: ARG001
    """Flower's median of the updates, which no sum of some of them can give."""
    return FedMedian(**ROUNDS_DECIDE)


def by_steps(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    return [replace(part, weight=part.weight / part.steps) for part in parts]


@pytest.mark.parametrize("wrong", [{"server": median}, {"adjust": by_steps}], ids=["median", "by steps"])
def test_a_strategy_that_is_not_linear_cannot_say_so(wrong: dict[str, Any]) -> None:
    honest = replace(STRATEGIES["fedavg"], linear=False, **wrong)
    check_strategy(honest)
    with pytest.raises(AssertionError, match=r"fedavg says linear=True, but updates summed .* set linear=False"):
        check_linear(replace(honest, linear=True))


def test_the_example_of_the_contract_runs() -> None:
    examples = doctest.testmod(contract)
    assert examples.attempted > 5
    assert not examples.failed


# All tasks under the first strategy, every other strategy with one of them.
PAIRS = [
    (strategy, task)
    for number, strategy in enumerate(STRATEGIES)
    for at, task in enumerate(TASKS)
    if IN_FULL or number == 0 or at == number % len(TASKS)
]


@pytest.fixture(scope="module")
def country(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Vault]:
    """A task's settings, with a small model where it lets one choose, and a vault under the template policy."""
    task = TASKS[request.param]
    settings = task.settings()
    if isinstance(settings, ModelSettings):
        settings = replace(settings, hidden=[4])
    return settings, vault_of(task, settings, tmp_path_factory.mktemp(task.name))


@pytest.mark.parametrize(("strategy", "country"), PAIRS, indirect=["country"])
def test_every_task_trains_a_round_under_the_template_policy(strategy: str, country: tuple[Any, Vault]) -> None:
    few = ("fedavg", "scaffold", "fedper")
    if not IN_FULL and strategy not in few and country[0].name in ("prices", "river"):
        pytest.skip("tried where tests are in full")
    check_round(STRATEGIES[strategy], *country)


def test_adamw_comes_near_too(federation_of: FederationOf) -> None:
    training = TrainingSettings(lr=0.1, epochs=2, batch_size=64, weight_decay=0.0)
    ran = federation_of(FOUR[2:], training=training, rounds=8, arms=["federated"])
    assert away(ran) < 0.05
