"""A new strategy or model is a file and a registry line, a new task a folder and a line: tried in a copy of the source.

The run is the command line's own, so that nothing else (a YAML, a policy, a list of names) may be needed.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator import checkpoint
from federation.reporting.rows import ALL, RESULTS, read_json
from tests.whole import IN_FULL

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long
STRATEGY = '''
"""FedAvg whose clients are pulled towards zero."""

from dataclasses import dataclass

import torch

from federation.settings.parts import StrategySettings
from federation.strategies.fedavg import server
from federation.strategies.strategy import Strategy
from federation.training.jobs import ClientHalf


@dataclass
class FedShrinkSettings(StrategySettings):
    name: str = "fedshrink"
    pull: float = 0.0


def client(settings: FedShrinkSettings) -> ClientHalf:
    def penalty(params, start):
        return settings.pull * torch.stack([value.square().sum() for value in params.values()]).sum()

    return ClientHalf(penalty=penalty)


FEDSHRINK = Strategy(name="fedshrink", settings=FedShrinkSettings, client=client, server=server)
'''
MODEL = '''
"""A linear model of low rank."""

from dataclasses import dataclass

import torch
from torch import nn

from tasks.errors import SettingError
from tasks.models.mlp import Linear, finished, normal_gaps
from tasks.models.model import Model


@dataclass
class LowRankSettings:
    rank: int = 2

    def check(self):
        if not 1 <= self.rank <= 64:
            raise SettingError(f"task.lowrank.rank is {self.rank}; choose 1 to 64")


class LowRank(nn.Module):
    def __init__(self, own, shape, seed):
        super().__init__()
        self.shape, self.gaps = shape, normal_gaps(shape.levels)
        self.down = Linear(shape.features, own.rank, torch.Generator().manual_seed(seed))
        self.up = Linear(own.rank, shape.horizons * max(len(shape.levels), 1))

    def forward(self, inputs, seed=None):
        raw = self.up(self.down(inputs["features"]))
        return finished(raw.reshape(len(raw), self.shape.horizons, -1), inputs, self.gaps)


def build(common, own, shape, seed):
    return LowRank(own, shape, seed)


LOWRANK = Model(name="lowrank", settings=LowRankSettings, build=build)
'''
RUN = ["region.countries=[LAO,THA]", "rounds=2", "tracking=none"]
TOY = ["task=toy", "task.heterogeneity=0.5", "strategy=fedshrink"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three packages with one strategy, one task and one model more."""
    folder = tmp_path_factory.mktemp("source")
    for package in ("federation", "tasks", "configs"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "federation" / "strategies" / "fedshrink.py").write_text(STRATEGY)
    register(folder / "federation" / "strategies" / "__init__.py", "federation.strategies.fedshrink", "FEDSHRINK")
    (folder / "tasks" / "models" / "lowrank.py").write_text(MODEL)
    register(folder / "tasks" / "models" / "choice.py", "tasks.models.lowrank", "LOWRANK")
    (folder / "tasks" / "toy").mkdir()
    shutil.copy(ROOT / "tests" / "federation" / "toy.py", folder / "tasks" / "toy" / "__init__.py")
    register(folder / "tasks" / "registry.py", "tasks.toy", "TOY")
    return folder


def register(registry: Path, module: str, name: str) -> None:
    """Import a name and put it last in the registry's only tuple."""
    text = registry.read_text()
    assert text.count(" in (") == 1
    head, tail = text.split(" in (")
    entries, rest = tail.split(")", 1)
    docstring, code = head.split("\nfrom ", 1)
    registry.write_text(f"{docstring}\nfrom {module} import {name}\nfrom {code} in ({entries}, {name}){rest}")


def simulated(source: Path, folder: Path, *words: str) -> Path:
    """The folder of a run by the copy's own command line."""
    done = command(source, folder, *words)
    assert done.returncode == 0, done.stderr
    assert "A line: tested after" in done.stdout or "task=toy" not in words
    return folder / "runs" / words[0].removeprefix("name=")


def command(source: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What the copy's own command line says."""
    code = "from federation.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "simulate", *RUN, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.mark.skipif(not IN_FULL, reason="the example package shows it in every run: scripts/prove ends")
def test_one_file_is_a_strategy_and_one_folder_a_task(source: Path, tmp_path: Path) -> None:
    free, pulled = (
        simulated(source, tmp_path, f"name=pull-{pull}", f"strategy.pull={pull}", *TOY) for pull in ("0", "10")
    )
    rows = [row for row in read_json(free / RESULTS) if (row.arm, row.score, row.horizon) == ("federated", "mse", ALL)]
    assert {row.country for row in rows} == {"LAO", "THA", "ASEAN"}
    assert all(np.isfinite(row.value) and row.n for row in rows)
    weights = [checkpoint.load_model(folder) for folder in (free, pulled)]
    assert set(weights[0]) == {"slope.weight", "head.bias"}
    sizes = [np.abs(np.asarray(each["slope.weight"])).sum() for each in weights]
    assert sizes[1] < sizes[0]  # the new strategy's own half was trained with
    kept = json.loads((pulled / RESULTS).read_text())
    assert {row["task"] for row in kept} == {"toy"}


@pytest.mark.skipif(not IN_FULL, reason="a file of its own is a test of every long run: scripts/prove ends")
def test_one_file_is_a_model_with_keys_of_its_own(source: Path, tmp_path: Path) -> None:
    chosen = ["task=disaster", "task.model=lowrank", "arms=[federated]"]
    weights = checkpoint.load_model(simulated(source, tmp_path, "name=low", "task.lowrank.rank=3", *chosen))
    assert set(weights) == {"down.weight", "down.bias", "up.weight", "up.bias"}
    assert weights["down.bias"].shape == (3,)
    assert np.abs(np.asarray(weights["up.weight"])).sum() > 0  # zero before training
    for word, said in (
        ("task.lowrank.rnak=3", "there is no key 'task.lowrank.rnak'; did you mean task.lowrank.rank?"),
        ("task.lowrank.rank=0", "task.lowrank.rank is 0; choose 1 to 64"),
    ):
        refused = command(source, tmp_path, *chosen, word)
        assert (refused.returncode, refused.stderr.strip().endswith(said)) == (1, True), refused.stderr
