"""The same work in Flower's Ray simulation; a round lasts from one `configure_train` to the next."""

import os
from itertools import pairwise
from time import perf_counter
from typing import Any

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"

import torch
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from report import arguments, cpu_seconds, write_report
from work import Work, mean_squared, order

WORK, OPTIONS, FOLDER = arguments()
client, server = ClientApp(), ServerApp()
held: dict[str, Any] = {}  # of one worker: records and model stay between messages


def warm(work: Work) -> dict[str, Any]:
    """Records and model of this worker, made once: Flower's advice is to read them in every message."""
    if not held:
        torch.set_num_threads(int(OPTIONS.get("threads", 1)))
        held["inputs"], held["targets"] = (torch.from_numpy(values) for values in work.records())
        held["model"] = work.build()
    return held


@client.train()
def train(message: Message, context: Context) -> Message:
    """One client's epoch."""
    kept, who = warm(WORK), int(context.node_config["partition-id"])
    model = kept["model"]
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=WORK.lr)
    number = int(message.content["config"]["server-round"])
    for rows in order(WORK, who, number).split(WORK.batch):
        optimizer.zero_grad()
        mean_squared(model(kept["inputs"][who, rows]), kept["targets"][who, rows]).backward()
        optimizer.step()
    content = RecordDict({"arrays": ArrayRecord(model.state_dict()), "metrics": MetricRecord({"num-examples": 1})})
    return Message(content, reply_to=message)


class Clocked(FedAvg):
    """FedAvg that notes when rounds begin."""

    def __init__(self) -> None:
        super().__init__(
            fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=WORK.clients, min_available_nodes=WORK.clients
        )
        self.marks: list[tuple[float, float]] = []

    def configure_train(self, *args: Any, **kwargs: Any) -> Any:
        """A round begins."""
        self.marks.append((perf_counter(), cpu_seconds()))
        return super().configure_train(*args, **kwargs)


@server.main()
def main(grid: Grid, context: Context) -> None:
    """All rounds."""
    del context
    strategy = Clocked()
    began = perf_counter()
    arrays = {name: Array(value.detach().numpy()) for name, value in WORK.build().named_parameters()}
    result = strategy.start(grid=grid, initial_arrays=ArrayRecord(arrays), num_rounds=WORK.rounds)
    marks = [*strategy.marks, (perf_counter(), cpu_seconds())]
    weights = {name: torch.from_numpy(value.numpy()) for name, value in result.arrays.items()}
    seconds = [after[0] - before[0] for before, after in pairwise(marks)]
    write_report(FOLDER, weights, seconds, start=marks[0][0] - began, plan={})  # CPU seconds lie in Ray's workers


if __name__ == "__main__":
    run_simulation(
        server_app=server,
        client_app=client,
        num_supernodes=WORK.clients,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}, "init_args": {"num_cpus": 2}},
    )
