"""`flwr run .`, as a Flower user types it: Flower's engine on Ray must end in the weights of `gotong simulate`."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest

from federation.coordinator.checkpoint import load_model
from tests.whole import IN_FULL

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORDS = "region.countries=[BRN,SGP,TLS] rounds=2 name=same tracking=none task.hidden=[8]"
RUNS = {"scaffold": f"{WORDS} strategy=scaffold training=sgd", "sealed": f"{WORDS} protection=sealed"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not IN_FULL, reason="a minute of Flower's own start: scripts/prove ends"),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'gotong[ray]'"),
]


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a Flower home of our own; what Flower leaves running there is ended by process id."""
    home = tmp_path_factory.mktemp("flower-home")
    (home / "config.toml").write_text('[superlink]\ndefault = "local"\n[superlink.local]\naddress = ":local:"\n')
    ports = free_ports(2)
    chosen = {
        "FLWR_HOME": str(home),
        "FLWR_LOCAL_CONTROL_API_PORT": str(ports[0]),
        "FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": str(ports[1]),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    yield {**os.environ, **chosen}
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("FLWR_HOME") == str(home)
        except psutil.Error:
            continue
        if ours:
            process.kill()


@pytest.mark.timeout(900)
def test_flowers_engine_and_ours_end_in_the_same_weights(flower: dict[str, str], tmp_path: Path) -> None:
    """One after another, for Flower installs the program once for both."""
    for name, words in RUNS.items():
        (tmp_path / name).mkdir()
        ends_in_the_same(flower, tmp_path / name, words)


def ends_in_the_same(flower: dict[str, str], tmp_path: Path, words: str) -> None:
    direct = [str(BIN / "gotong"), "simulate", *words.split(), f"runs={tmp_path / 'direct'}"]
    subprocess.run(direct, check=True, cwd=tmp_path, capture_output=True, timeout=300)
    command = [str(BIN / "flwr"), "run", str(ROOT), "--stream"]
    command += ["--federation-config", "num-supernodes=3 client-resources-num-cpus=1"]
    command += ["--run-config", f'gotong="{words} runs={tmp_path / "flower"}"']
    done = subprocess.run(command, env=flower, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
    assert (tmp_path / "flower" / "same" / "model.gotong").exists(), done.stdout[-2000:] + done.stderr[-2000:]
    ours, theirs = (load_model(tmp_path / runtime / "same") for runtime in ("direct", "flower"))
    for name, weights in ours.items():
        np.testing.assert_array_equal(theirs[name], weights, err_msg=name)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
