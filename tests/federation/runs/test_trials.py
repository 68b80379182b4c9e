"""Hydra's launchers and sweepers: they do whole runs, or are refused in one line."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from federation import compare, load_run
from federation.composition import plugins
from federation.composition.compose import jobs
from federation.errors import ConfigError
from federation.runs.trials import Trial
from federation.settings.schema import Settings
from tests.whole import IN_FULL

TOY = ["task=toy", "region.countries=[LAO,VNM]", "training=sgd", "training.lr=0.1", "rounds=2", "tracking=none"]


@pytest.mark.parametrize(
    ("words", "reason"),
    {
        "hydra/launcher=submitit_local -m": "hydra/launcher=submitit_local is not supported; use basic or joblib",
        "hydra/sweeper=ax -m": "hydra/sweeper=ax is not supported; use basic or optuna",
        "hydra/launcher=joblib": "is of a sweep; add -m",
        "hydra/sweeper=optuna -m": "hydra/sweeper=optuna is not installed; pip install hydra-optuna-sweeper",
    }.items(),
)
def test_what_cannot_work_is_refused(words: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_is_there", lambda module: "optuna" not in module)
    with pytest.raises(ConfigError, match=reason):
        plugins.chosen(words.split())


@pytest.mark.usefixtures("toy")
def test_a_trial_is_a_run_and_its_value_the_validation_headline(tmp_path: Path) -> None:
    [job] = jobs("simulate", [*TOY, "sweep=search", f"runs={tmp_path}"], Settings)
    for number in range(2):  # the second time it is there already
        value = Trial("minimize")(3, job.settings)
        history = load_run("search-003", runs=tmp_path).history
        assert value == history.federated.min() > 0, number
    with pytest.raises(ConfigError, match=r"hydra.sweeper.direction=maximize, and a smaller headline is better"):
        Trial("maximize")(4, job.settings)
    job.settings.sweep = None
    with pytest.raises(ConfigError, match="needs sweep=NAME"):
        Trial(None)(0, job.settings)


@pytest.mark.skipif(
    not IN_FULL or find_spec("optuna") is None, reason="pip install 'gotong[sweeps]'; scripts/prove ends"
)
@pytest.mark.timeout(600)
def test_joblib_and_optuna_do_whole_runs(tmp_path: Path) -> None:
    words = ["region.countries=[LAO,VNM]", "rounds=2", "task.hidden=[]", "training.epochs=1", "tracking=none", "-m"]
    side_by_side = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "sweep=side", "strategy=fedavg,fedprox"]
    search = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1", "sweep=search"]
    for chosen in (side_by_side, [*search, "training.lr=interval(0.001,0.1)"]):
        done = gotong(tmp_path, ["simulate", *chosen, *words])
        assert done.returncode == 0, done.stderr
    assert "best_value: 0." in done.stdout
    table = compare(folder=tmp_path / "runs")
    assert set(table.run) == {"side-000", "side-001", "search-000", "search-001", "search-002"}
    refused = gotong(tmp_path, ["simulate", *side_by_side, *words, "training.lr=7"])
    assert "began with training.lr=0.002, now it is 7" in refused.stderr


def gotong(where: Path, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """As a user starts it: a fork of the tests' server would wait at its end for joblib's processes for good."""
    command = [sys.executable, "-c", "from federation.cli import main; main()", *words]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
