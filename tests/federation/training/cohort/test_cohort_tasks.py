"""Every task's own model and loss: the cohort engine ends where the sequential trainer ends."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from federation.settings.parts import TrainingSettings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.cohort.chunks import ChunkPlan
from federation.training.cohort.engine import Cohort
from tasks.gathered_windows import dense
from tasks.models.choice import MODELS, ModelSettings, with_model
from tasks.registry import TASKS
from tasks.task import Task
from tasks.testing.example import SMALL
from tests.federation.training.clients import SAME, Client, Federation, largest_difference
from tests.whole import IN_FULL

COUNTRIES = {"BRN": 90, "LAO": 40, "SGP": 25, "TLS": 64}  # windows to train on, so that a round takes no second


@pytest.mark.parametrize(
    ("task", "model"),
    [
        (task, model)
        for task in TASKS.values()
        for model in MODELS
        if IN_FULL or (model != "attention" and task.name not in ("prices", "river"))
    ],
    ids=lambda each: str(getattr(each, "name", each)),
)
def test_ten_rounds_of_a_task(task: Task, model: str, tmp_path: Path, device: torch.device) -> None:
    torch.set_num_threads(1)
    chosen = task.settings(name=task.name)
    if isinstance(chosen, ModelSettings):
        chosen = with_model(chosen, model, **SMALL.get(model, {}))
    clients = []
    for country, rows in COUNTRIES.items():
        folder = tmp_path / country
        folder.mkdir()
        task.synthesize(folder, country, 1, chosen)
        windows = dense(task.windows(task.read(folder, country, chosen), chosen))
        train, score = windows.only("train"), windows.only("validation")
        clients.append(Client(country=country, train=train.take(np.arange(len(train))[:rows]), score=score))
    pair = [
        Federation(
            clients=clients,
            build=lambda seed: task.build_model(chosen, seed),
            strategy=STRATEGIES["fedprox"],
            settings=TrainingSettings(batch_size=32, epochs=1),
            loss=task.loss,
            dtype=torch.float64,
        )
        for _ in range(2)
    ]
    alone, engine = partial(sequential.run, device=device), Cohort(device, ChunkPlan(chunk=4))
    for number in range(1, 11):
        one, other = pair[0].round(alone, number), pair[1].round(engine, number)
        assert all(result.steps > 0 for result in one)
        assert largest_difference(one, other) < SAME[torch.float64]
