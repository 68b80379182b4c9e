"""`gotong rehearse`: a whole federation on this machine in one command, and nothing of it left, however it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from federation.cli import main
from tests.deployment.loopback import GOTONG
from tests.whole import IN_FULL

PATIENCE = 300  # seconds on a machine that is busy with other tests


def left_running(folder: Path) -> list[str]:
    """Processes that work in the folder or below, whoever started them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where, command = (process / "cwd").readlink(), (process / "cmdline").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if where.is_relative_to(folder):
            found.append(f"{process.name}: {command.decode(errors='replace')}")
    return found


@pytest.mark.long
@pytest.mark.skipif(not IN_FULL, reason="the operator's page is walked instead; this one: scripts/prove ends")
@pytest.mark.timeout(600)
def test_one_command_goes_from_keys_to_a_product(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    command = [*GOTONG, "rehearse", f"folder={folder}", "rounds=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    typed = re.findall(r"^(\w+)\$ gotong ([a-z ]+?) \w+=", said, re.MULTILINE)
    countries = ("VNM", "KHM", "LAO")
    assert typed == [
        ("coordinator", "coordinator"),
        ("here", "data synthesize"),
        *((country, "keys node") for country in countries),
        ("coordinator", "keys enrol"),
        *((country, "node") for country in countries),
        ("coordinator", "submit"),
        ("coordinator", "status"),
        ("VNM", "forecast"),
        ("VNM", "ledger verify"),
    ]
    assert "round 1/1  3 of 3 countries" in said
    assert "run          rehearsal: completed" in said
    assert "each as it was written and in its place" in said
    assert all("minimum_cohort" in (folder / each / "records" / "policy.toml").read_text() for each in countries)
    product = pd.read_csv(folder / "VNM" / "product.csv")
    assert set(product["output_type"]) == {"quantile"}
    assert not (folder / "coordinator" / "records").exists()
    assert left_running(folder) == []


def test_ctrl_c_leaves_nothing_running_and_no_folder(tmp_path: Path) -> None:
    """In the middle of a step, while the coordinator's processes run."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [*GOTONG, "rehearse"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        until = time.monotonic() + PATIENCE
        while not any("superlink started" in log.read_text() for log in tmp_path.glob("gotong-*/coordinator.log")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        assert len(left_running(tmp_path)) >= 2
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("countries=[VNM]", "name at least two, each once"),
        ("countries=[VNM,VNM]", "name at least two, each once"),
        ("countries=[VNM,VNX]", "did you mean VNM"),
        ("rounds=0", "rounds=0 must be at least 1"),
        (f"folder={Path(__file__).parent}", "name one that is not there yet"),
    ],
)
def test_a_mistake_starts_nothing(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["rehearse", word])
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_a_step_that_fails_is_one_line_with_its_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken: the coordinator ends, and so does the rehearsal."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit) as ended:
            main(["rehearse", f"port={taken.getsockname()[1]}", f"folder={tmp_path / 'r'}"])
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert "did not come about: coordinator ended" in err
    assert "cannot be used" in err
    assert left_running(tmp_path) == []
    assert sys.executable not in out
