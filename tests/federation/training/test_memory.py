"""A device without enough memory: smaller parts of a batch and of a forecast end in the same weights and numbers."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from federation.settings.parts import TrainingSettings
from federation.training import sequential
from federation.training.device import Meter
from federation.training.jobs import ClientHalf, Job, Result
from tasks.data import Windows
from tasks.models.mlp import Perceptron
from tasks.registry import TASKS
from tasks.task import Task
from tests.federation.training.clients import SAME, squared
from tests.federation.training.clients import windows as synthetic_windows

BATCH = 128


class Cramped(nn.Module):
    """A model on a device that holds `most` rows at a time."""

    def __init__(self, inner: nn.Module, most: float) -> None:
        super().__init__()
        self.inner, self.most = inner, most

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | None = None) -> Tensor:
        if len(next(iter(inputs.values()))) > self.most:
            raise torch.OutOfMemoryError("as a card would")
        output: Tensor = self.inner(inputs, seed)
        return output


def _job(task: Task, windows: Windows, most: float, dtype: torch.dtype = torch.float64) -> Job:
    settings = replace(task.settings(), dropout=0.3)  # type: ignore[call-arg]
    model = Cramped(task.build_model(settings, 1), most).to(dtype)
    return Job(
        country="VNM",
        arm="federated",
        model=model,
        loss=task.loss,
        start={name: value.detach() for name, value in model.named_parameters()},
        train=windows.only("train"),
        score=windows.only("validation"),
        settings=TrainingSettings(epochs=1, batch_size=BATCH),
        client=ClientHalf(),
        lr=0.01,
        seed=7,
    )


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_batch_in_parts_is_the_same_batch(
    task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture, device: torch.device
) -> None:
    task.synthesize(tmp_path, "VNM", 5, task.settings())
    windows = task.windows(task.read(tmp_path, "VNM", task.settings()), task.settings())
    [whole] = sequential.run([_job(task, windows, np.inf)], device)
    with caplog.at_level(logging.WARNING):
        [parts] = sequential.run([_job(task, windows, 17)], device)
    assert [record.getMessage() for record in caplog.records if "batches" in record.getMessage()] == [
        f"{torch.zeros(0, device=device).device} has too little memory: batches are trained in {count} parts"
        for count in (2, 4, 8)
    ]
    _same(whole, parts)
    assert whole.params is not None
    moved = [float((whole.params[name] - start).abs().max()) for name, start in whole.job.start.items()]
    assert max(moved) > 1e-3  # something was learnt


def _same(one: Result, other: Result) -> None:
    assert one.params is not None
    assert other.params is not None
    for name, value in one.params.items():
        torch.testing.assert_close(other.params[name], value, rtol=0, atol=SAME[torch.float64])
    assert one.output is not None
    assert other.output is not None
    np.testing.assert_allclose(other.output, one.output, rtol=0, atol=SAME[torch.float64])
    assert other.loss == pytest.approx(one.loss, rel=SAME[torch.float64])


def test_where_not_one_window_fits_the_error_says_so(tmp_path: Path) -> None:
    task = TASKS["health"]
    task.synthesize(tmp_path, "VNM", 5, task.settings())
    windows = task.windows(task.read(tmp_path, "VNM", task.settings()), task.settings())
    with pytest.raises(torch.OutOfMemoryError, match="not one window fits"):
        sequential.run([replace(_job(task, windows, 0), score=None)])
    with pytest.raises(torch.OutOfMemoryError):
        sequential.run([replace(_job(task, windows, 0), train=None)])


def test_bf16_is_near_float32_and_its_weights_are_float32(tmp_path: Path, device: torch.device) -> None:
    task = TASKS["health"]
    task.synthesize(tmp_path, "VNM", 5, task.settings())
    windows = task.windows(task.read(tmp_path, "VNM", task.settings()), task.settings())
    job = _job(task, windows, np.inf, torch.float32)
    [exact], [rough] = sequential.run([job], device), sequential.run([job], device, precision="bf16")
    assert exact.params is not None
    assert rough.params is not None
    differences = [float((rough.params[name] - value).abs().max()) for name, value in exact.params.items()]
    assert 0 < max(differences) < 0.05
    assert {value.dtype for value in rough.params.values()} == {torch.float32}
    assert rough.output is not None
    assert rough.output.dtype == np.float64


def test_a_meter_reports_seconds_memory_and_work() -> None:
    meter = Meter(torch.device("cpu"))
    held = np.ones(30 * 2**17)  # 30 MiB
    used = meter.read()
    assert 0 < used["seconds"] < 60
    assert used["peak_mib"] > held.nbytes / 2**20
    assert 0 <= used["busy_percent"] < 10_000


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: no card whose memory could run out")
def test_a_card_that_runs_out_of_memory_ends_where_one_with_room_ends(caplog: pytest.LogCaptureFixture) -> None:
    """A batch of 40,000 rows in 512 units takes 160 MiB a layer; this process is then allowed 200 MiB."""
    card = torch.device("cuda")
    model = Perceptron(features=5, horizons=2, levels=(0.1, 0.5, 0.9), hidden=[512, 512], dropout=0.0, seed=1).double()
    job = replace(
        _job(TASKS["health"], synthetic_windows("VNM", 40_000, 1), np.inf),
        model=model,
        loss=squared,
        start={name: value.detach() for name, value in model.named_parameters()},
        settings=TrainingSettings(epochs=3, batch_size=40_000),
    )
    [whole] = sequential.run([job], card)
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction(200 * 2**20 / torch.cuda.get_device_properties(card).total_memory)
        meter = Meter(card)
        with caplog.at_level(logging.WARNING):
            [parts] = sequential.run([job], card)
        assert 0 < meter.read()["peak_mib"] <= 200
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "too little memory: batches are trained in 2 parts" in caplog.text
    _same(whole, parts)
