"""One process a home: the lock goes with the process across `exec`, and falls with it, however it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from federation.deployment import home_lock
from federation.errors import DeploymentError

HOLDS = """
import os, sys
from pathlib import Path
from federation.deployment import home_lock
home_lock.take(Path(sys.argv[1]), "another one")
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2]])
"""
SERVES = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path), SERVES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        holder, child = map(int, first.stdout.readline().split())
        try:
            with pytest.raises(DeploymentError, match=rf"is in use by another one \(process {holder}\)"):
                home_lock.take(tmp_path, "another one")
            first.kill()
            first.wait()
            home_lock.take(tmp_path, "another one")  # a child that outlives the first does not hold it
        finally:
            subprocess.run(["kill", str(child)], check=True)
