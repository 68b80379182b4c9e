"""The same work in pfl-research's simulator; torchrun starts it with several workers.

At its best honest setting: tensors in memory (of a card, if there is one), evaluation in the uncounted first round
alone, one thread a worker.
"""

import os
from time import perf_counter
from typing import Any

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.pytorch import PyTorchTensorDataset
from pfl.hyperparam.base import NNTrainHyperParams
from pfl.metrics import Metrics
from pfl.model.pytorch import PyTorchModel
from report import arguments, cpu_seconds, write_report
from torch import Tensor
from work import Work, mean_squared, order


class PflModel(torch.nn.Module):
    """The work's model with the two functions that pfl requires."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.inner = work.build()

    def forward(self, inputs: Tensor) -> Tensor:
        """As the model's own."""
        output: Tensor = self.inner(inputs)
        return output

    def loss(self, inputs: Tensor, target: Tensor, is_eval: bool = False) -> Tensor:
        """What it minimises."""
        del is_eval
        return mean_squared(self(inputs), target)

    def metrics(self, inputs: Tensor, target: Tensor) -> dict[str, Any]:
        """Nothing: no metric is requested."""
        del inputs, target
        return {}


class Clock(TrainingProcessCallback):
    """Seconds of every round, and which round runs."""

    def __init__(self) -> None:
        self.round, self.seconds, self.cpu = 1, [], []
        self._began, self._before = perf_counter(), cpu_seconds()

    def after_central_iteration(
        self, aggregate_metrics: Metrics, model: Any, *, central_iteration: int
    ) -> tuple[bool, Metrics]:
        """A round has ended."""
        del aggregate_metrics, model, central_iteration
        now, used = perf_counter(), cpu_seconds()
        self.seconds.append(now - self._began)
        self.cpu.append(used - self._before)
        self._began, self._before = now, used
        self.round += 1
        return False, Metrics()


def main() -> None:
    """Run all rounds; rank 0 reports."""
    work, options, folder = arguments()
    torch.set_num_threads(int(options.get("threads", 1)))
    began = perf_counter()
    np.random.seed(1)  # the same cohort on every worker
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs, targets = (torch.from_numpy(values).to(device) for values in work.records())
    clock = Clock()

    def user(name: int) -> PyTorchTensorDataset:
        rows = order(work, name, clock.round).to(device)
        return PyTorchTensorDataset((inputs[name, rows], targets[name, rows]), user_id=str(name))

    remaining: list[int] = []

    def sampler() -> int:
        if not remaining:
            remaining.extend(range(work.clients))
        return remaining.pop(0)

    model = PflModel(work)
    wrapped = PyTorchModel(model, torch.optim.SGD, torch.optim.SGD(model.parameters(), 1.0))
    backend = SimulatedBackend(FederatedDataset(user, sampler), FederatedDataset(user, sampler))
    algorithm = NNAlgorithmParams(
        central_num_iterations=work.rounds,
        evaluation_frequency=10**9,  # in the first round alone, which does not count
        train_cohort_size=work.clients,
        val_cohort_size=None,
    )
    training = NNTrainHyperParams(
        local_num_epochs=1, local_learning_rate=work.lr, local_batch_size=work.batch, local_max_grad_norm=None
    )
    start = perf_counter() - began
    clock._began, clock._before = perf_counter(), cpu_seconds()
    FederatedAveraging().run(algorithm, backend, wrapped, training, callbacks=[clock], send_metrics_to_platform=False)
    if int(os.environ.get("RANK", 0)) == 0:
        write_report(folder, dict(model.inner.named_parameters()), clock.seconds, cpu=clock.cpu, start=start, plan={})


main()
