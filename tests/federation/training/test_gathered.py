"""Every engine trains and forecasts from a store of series as from dense arrays, to the bit, whatever the task."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch

from federation.settings.parts import TrainingSettings
from federation.training import sequential
from federation.training.cohort import engine
from federation.training.cohort.chunks import ChunkPlan
from federation.training.jobs import ClientHalf, Job, Result
from tasks.data import Windows
from tasks.gathered_windows import joined
from tasks.registry import TASKS
from tests.tasks.gathering import gathered

ENGINES = MappingProxyType(
    {
        "sequential": sequential.run,
        "cohort": partial(engine.run, plan=ChunkPlan(chunk=4)),
        "forks": partial(engine.run, plan=ChunkPlan(chunk=4, workers=2)),
    }
)
SIZES = (70, 33, 1, 64, 47, 90)


def jobs_of(name: str, train: Windows, score: Windows) -> list[Job]:
    """Clients with the first so many of the windows each, some of whom score the same model."""
    task = TASKS[name]
    model = task.build_model(task.settings(), 1)
    start = {key: value.detach() for key, value in model.named_parameters()}
    return [
        Job(
            country=f"{name}-{size}",
            arm="federated" if size % 2 else "local",
            model=model,
            loss=task.loss,
            start=start if size % 3 else {key: value + 0.01 for key, value in start.items()},
            train=train.take(np.arange(size)),
            score=score.take(np.arange(2 * size) * 7 % len(score)),
            settings=TrainingSettings(batch_size=16, epochs=1, lr=0.01),
            client=ClientHalf(),
            lr=0.01,
            seed=size,
        )
        for size in SIZES
    ]


def same(one: Sequence[Result], other: Sequence[Result]) -> None:
    """Raise AssertionError unless weights, losses and outputs are equal to the bit."""
    for first, second in zip(one, other, strict=True):
        assert first.params is not None
        assert second.params is not None
        assert first.loss == second.loss
        for key, value in first.params.items():
            assert torch.equal(value, second.params[key]), key
        np.testing.assert_array_equal(first.output, second.output)


@pytest.mark.parametrize("train", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("name", TASKS)
def test_a_store_trains_and_forecasts_as_dense_windows(
    name: str, train: Callable[[Sequence[Job]], list[Result]], tmp_path: Path
) -> None:
    """What is scored is of two parts, as in a vault's test; some of it is joined from two stores."""
    task, settings = TASKS[name], TASKS[name].settings()
    task.synthesize(tmp_path, "LAO", 1, settings)
    panel = task.read(tmp_path, "LAO", settings)
    dense = task.windows(panel, settings)
    store = gathered(panel, dense)
    jobs, others = (
        jobs_of(name, each.only("train"), joined([each.only("validation"), each.only("test")]))
        for each in (dense, store)
    )
    same(train(jobs), train(others))
    mixed = [replace(job, train=other.train) if job.seed % 2 else job for job, other in zip(jobs, others, strict=True)]
    same(train(jobs), train(mixed))
