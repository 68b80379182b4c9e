"""The example package in three deployed vaults, and on Ray: it ends in the weights of the simulation."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from federation import simulate
from federation.coordinator.checkpoint import load_model
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment
from tests.ends.test_flower_engine import BIN, ROOT, flower
from tests.federation.packages.conftest import beside
from tests.federation.packages.install import RICE, install
from tests.whole import IN_FULL

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not IN_FULL, reason="three vaults and Ray: scripts/prove ends"),
    pytest.mark.timeout(600),
]
COUNTRIES = ("KHM", "LAO", "VNM")
WORDS = ["task=rice", "task.model=gru", "task.gru.width=4", "strategy=without_extremes", "rounds=2", "quorum=3"]
WORDS += ["region.countries=[KHM,LAO,VNM]", "strategy.largest_share=null", "strategy.share=0.34"]
__all__ = ["beside", "flower"]


@pytest.fixture
def site(beside: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the example lies, for this process and all that it starts."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{beside}")
    return install(RICE, beside)


@pytest.fixture
def deployment(site: Path, tmp_path: Path) -> Iterator[Deployment]:
    """Three vaults, of which one has a policy that does not name the package."""
    for country in COUNTRIES:
        folder = tmp_path / "data" / country
        folder.mkdir(parents=True)
        (folder / "policy.toml").write_text('tasks = ["rice"]\npackages = ["gotong-rice"]\n')
    load_and_write(tmp_path / "data")
    (tmp_path / "data" / "LAO" / "policy.toml").write_text('tasks = ["health"]\n')
    assert site.exists()
    loopback = Deployment(folder=tmp_path, countries=COUNTRIES, data=tmp_path / "data")
    try:
        loopback.set_up()
        yield loopback
    finally:
        loopback.stop()


def load_and_write(data: Path) -> None:
    """Synthetic records of the example's own generator."""
    from federation.packages.load import load_all

    assert load_all() == []
    task = TASKS["rice"]
    for country in COUNTRIES:
        task.synthesize(data / country, country, 1, task.settings())


def test_three_vaults_train_it_where_their_policies_name_it(deployment: Deployment) -> None:
    deployment.wait_for_all()
    refused = deployment.submit(*WORDS, "name=refused", code=1)
    assert "nothing was trained" in refused
    assert "LAO task 'rice' is not installed here" in refused
    policy = deployment.data / "LAO" / "policy.toml"
    policy.write_text('tasks = ["rice"]\npackages = ["gotong-rice"]\n')  # read again with the next frame
    deployment.submit(*WORDS, "name=deployed")
    run = simulate(*WORDS, "tracking=none", name="simulated", data=deployment.data, runs=deployment.folder / "runs")
    same(run.folder, deployment.folder / "runs" / "deployed")


@pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'gotong[ray]'")
def test_ray_trains_it(site: Path, flower: dict[str, str], tmp_path: Path) -> None:
    words = shlex.join([*WORDS, "name=same", "tracking=none", f"runs={tmp_path / 'flower'}"])
    command = [str(BIN / "flwr"), "run", str(ROOT), "--stream", "--run-config", f'gotong="{words}"']
    command += ["--federation-config", "num-supernodes=3 client-resources-num-cpus=1"]
    environment = {**flower, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert (tmp_path / "flower" / "same" / "model.gotong").exists(), done.stdout[-2000:] + done.stderr[-2000:]
    run = simulate(*WORDS, "tracking=none", name="same", runs=tmp_path / "direct")
    same(run.folder, tmp_path / "flower" / "same")


def same(one: Path, other: Path) -> None:
    """Both runs ended in the same bits."""
    ours, theirs = load_model(one), load_model(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(theirs[name], value, err_msg=name)
