"""FedAvg in Flower's own loop; the time of every aggregate goes to a file."""

import json
from pathlib import Path
from time import time
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


class Timed(FedAvg):
    """Notes when each round was aggregated."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.times: list[float] = []

    def aggregate_train(self, *words: Any) -> Any:
        """As Flower's."""
        self.times.append(time())
        return super().aggregate_train(*words)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """All rounds."""
    strategy = Timed(fraction_evaluate=0.0, min_train_nodes=2, min_available_nodes=2)
    start = ArrayRecord({"w": Array(np.zeros((8, 1), np.float32)), "b": Array(np.zeros(1, np.float32))})
    strategy.start(grid=grid, initial_arrays=start, num_rounds=int(context.run_config["rounds"]))
    Path(str(context.run_config["out"])).write_text(json.dumps(strategy.times))
