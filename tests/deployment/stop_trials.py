"""`scripts/prove stop [COUNT [SEED]]`: `gotong stop` in the first seconds of a submit stops the run, every time.

Each trial submits a run of many rounds and stops it after a random wait, from before its folder exists to its first
rounds. Then the submission must have ended with exit code 1, and Flower must say that the run has ended. Exit code 1 if
not.
"""

import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from federation.deployment import flower_cli
from tasks.registry import TASKS
from tests.deployment.loopback import GOTONG, Deployment

LONGEST = 8.0  # seconds until the stop; the first round of such a run comes after six
ENDS = 30.0  # seconds in which the submission must end once `stop` has returned
RUN = ("rounds=190", "quorum=1", "training.epochs=1", "arms=[federated]")


def trial(deployment: Deployment, name: str, country: str, wait: float) -> str:
    """What `stop` printed. Raises AssertionError if the run was not stopped."""
    where = (f"home={deployment.home}", f"runs={deployment.folder / 'runs'}")
    submitted = deployment.submission(*RUN, f"region.countries=[{country}]", f"name={name}")
    before = set(_going_on(deployment))
    with subprocess.Popen([*GOTONG, *submitted], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as submit:
        time.sleep(wait)
        stop = subprocess.run([*GOTONG, "stop", f"run={name}", *where], capture_output=True, text=True, check=False)
        try:
            said, _ = submit.communicate(timeout=ENDS)
        except subprocess.TimeoutExpired:
            submit.kill()
            raise AssertionError(f"after {wait:.2f} s: {stop}; the submission goes on") from None
    going_on = set(_going_on(deployment)) - before
    assert (stop.returncode, submit.returncode, going_on) == (0, 1, set()), (wait, stop, said, going_on)
    return stop.stdout.splitlines()[-1]


def _going_on(deployment: Deployment) -> list[int]:
    """Flower's numbers of runs that have not ended."""
    return [number for number, status in flower_cli.statuses(deployment.home).items() if "finished" not in status]


def main() -> None:
    """COUNT trials with the seed."""
    count, seed = int((sys.argv[1:] or ["20"])[0]), int((sys.argv[2:] or ["1"])[0])
    draw = Random(seed)
    with TemporaryDirectory() as scratch:
        task, data = TASKS["health"], Path(scratch) / "data"
        (data / "LAO").mkdir(parents=True)
        task.synthesize(data / "LAO", "LAO", 3, task.settings())
        deployment = Deployment(folder=Path(scratch), countries=["LAO"], data=data)
        try:
            deployment.set_up()
            deployment.wait_for_all()
            for number in range(count):
                wait = draw.uniform(0, LONGEST)
                print(f"{wait:.2f} s: {trial(deployment, f'run{number}', 'LAO', wait)}", flush=True)
        finally:
            deployment.stop()
    print(f"{count} of {count} were stopped (seed {seed})")
