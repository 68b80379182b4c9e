"""LoRA as torch's users write it: a frozen layer and two small trained ones, in a module or as a parametrization."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.cohort import engine as cohort
from federation.training.cohort.chunks import ChunkPlan
from tests.federation.federations import GRADIENT
from tests.federation.training.clients import FEATURES, HORIZONS, RAGGED, Federation, clients_of, squared

RANK = 2


class LowRank(nn.Module):
    """The frozen weight plus a product of two small trained matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(RANK, FEATURES) / 3)
        self.up = nn.Parameter(torch.zeros(HORIZONS, RANK))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


class Adapted(nn.Module):
    """(N, F) `features` -> (N, H, 1), written out."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.base = nn.Linear(FEATURES, HORIZONS).requires_grad_(False)
        self.adapter = LowRank()

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | None = None) -> Tensor:  # noqa: ARG002
        weight = self.adapter(self.base.weight)
        return nn.functional.linear(inputs["features"], weight, self.base.bias)[..., None]


class Parametrized(nn.Module):
    """The same by torch's parametrizations."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.base = nn.Linear(FEATURES, HORIZONS).requires_grad_(False)
        parametrize.register_parametrization(self.base, "weight", LowRank())

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | None = None) -> Tensor:  # noqa: ARG002
        output: Tensor = self.base(inputs["features"])
        return output[..., None]


@pytest.mark.parametrize("build", [Adapted, Parametrized])
def test_adapters_train_alone_in_every_engine(
    build: Callable[[int], nn.Module], caplog: pytest.LogCaptureFixture
) -> None:
    training = replace(GRADIENT, batch_size=8, epochs=2, lr=0.05)
    federation = Federation(
        clients=clients_of(RAGGED),
        build=lambda seed: build(seed).eval(),
        strategy=STRATEGIES["fedavg"],
        settings=training,
        arms=("federated",),
    )
    jobs = federation.jobs(1)
    one, many = sequential.run(jobs), cohort.run(jobs, plan=ChunkPlan(chunk=4))
    for job, alone, together in zip(jobs, one, many, strict=True):
        assert job.train is not None
        model = build(1)
        model.load_state_dict(dict(job.start), strict=False)
        optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.05)
        data, target = torch.from_numpy(job.train.inputs["features"]), torch.from_numpy(job.train.target)
        for rows in sequential.batches(job, len(job.train)):
            optimizer.zero_grad()
            squared(model({"features": data[rows]}), target[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        expected = {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}
        assert {name.split(".")[-1] for name in expected} == {"down", "up"}
        for result in (alone, together):
            assert result.params is not None
            assert result.params.keys() == expected.keys()
            for name, value in expected.items():
                torch.testing.assert_close(result.params[name], value, atol=1e-5, rtol=1e-4)
        assert float(expected[next(name for name in expected if name.endswith("up"))].abs().max()) > 0.01
    assert "one by one" not in caplog.text
