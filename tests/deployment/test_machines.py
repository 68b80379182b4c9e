"""A coordinator and three countries on machines of their own: one comes late, one loses its line for longer than a
round may take and comes back, one leaves for good."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from subprocess import CalledProcessError

import numpy as np
import pytest
from flwr.app import Message

from federation.coordinator import checkpoint, rounds
from federation.deployment.node.dry_run import RoundCounter
from federation.runs import simulation
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.vault import ledger
from federation.wire.flower_message import unseal
from federation.wire.frame import decode
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment, history
from tests.deployment.namespaces import machines, received

pytestmark = pytest.mark.long
HEALTH = TASKS["health"]
COUNTRIES = ("KHM", "LAO", "VNM")
ROUNDS, DEADLINE = 30, 12.0
Took = Mapping[int, set[str]]  # round -> countries


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    for country in COUNTRIES:
        (tmp_path / "data" / country).mkdir(parents=True)
        HEALTH.synthesize(tmp_path / "data" / country, country, 3, HEALTH.settings())
    try:
        with machines(("coordinator", *COUNTRIES)) as by_name:
            deployment = Deployment(folder=tmp_path, countries=COUNTRIES, data=tmp_path / "data", machines=by_name)
            try:
                yield deployment
            finally:
                deployment.stop()
    except (OSError, CalledProcessError) as error:
        pytest.skip(f"network namespaces are not allowed here: {error}")


@pytest.mark.timeout(900)  # many processes, and other tests at the same time
def test_who_comes_late_loses_the_line_comes_back_or_leaves_is_counted_when_there_and_only_once(
    deployment: Deployment,
) -> None:
    deployment.make_keys()
    for country in COUNTRIES:
        deployment.enrol(country)
    deployment.start_coordinator()
    for country in ("KHM", "LAO"):
        deployment.start_node(country)
    for country in ("KHM", "LAO"):
        deployment.wait(f"{country}", lambda: deployment.connected(country) and " serves " in deployment.log(country))  # noqa: B023
    deployment.start(
        "submission",
        *deployment.submission(
            "region.countries=[KHM,LAO,VNM]",
            *(f"rounds={ROUNDS}", f"deadline={DEADLINE}", "training.epochs=1", "arms=[federated]", "transport=int8"),
            "name=deployed",
            tracking="mlflow",
        ),
    )
    _events(deployment)
    deployment.wait("the end", lambda: deployment.processes["submission"].poll() is not None)
    assert deployment.processes["submission"].returncode == 0, deployment.log("submission")

    runs = deployment.folder / "runs"
    took = {round_: _took_part(runs, round_) for round_ in range(1, ROUNDS + 1)}
    assert {frozenset(each) for each in took.values()} >= {frozenset(COUNTRIES), frozenset({"KHM", "VNM"})}
    assert took[1] == {"KHM", "LAO"}
    assert took[ROUNDS] == {"LAO", "VNM"}
    _every_row_is_there_once(deployment)
    _the_weights_are_those_of_one_process(deployment, took)


def _events(deployment: Deployment) -> None:
    """Late, cut, back, gone: each as soon as the one before shows in the run's rounds."""
    wire = deployment.machines["LAO"]
    deployment.wait("round 1", lambda: bool(_counted(deployment)))
    deployment.start_node("VNM")
    deployment.wait("VNM", lambda: _counted(deployment)[-1:] == [3])
    before = len(_counted(deployment))
    assert received(wire) > 0
    wire.cut()
    began = time.monotonic()
    deployment.wait("a round without LAO", lambda: 2 in _counted(deployment)[before:])
    time.sleep(max(0.0, DEADLINE + 1 - (time.monotonic() - began)))  # the cut outlasts a round whatever the round did
    before = len(_counted(deployment))
    wire.reconnect()
    deployment.wait("LAO's return", lambda: 3 in _counted(deployment)[before:])
    gone = deployment.processes.pop("KHM")
    gone.terminate()
    gone.wait(60)


def _counted(deployment: Deployment) -> list[int]:
    """How many countries every round counted, as the run printed."""
    lines = [line.split() for line in deployment.log("submission").splitlines() if line.startswith("round ")]
    return [int(words[2]) for words in lines if "/" in words[1]]


def _took_part(runs: Path, round_: int) -> set[str]:
    return {
        country
        for country, key, step, value in history(runs, "deployed")
        if country and (key, step, value) == ("round/took_part", round_, 1.0)
    }


def _every_row_is_there_once(deployment: Deployment) -> None:
    rows = history(deployment.folder / "runs", "deployed")
    names = [(country, key, step) for country, key, step, _ in rows]
    assert len(names) == len(set(names))
    for country in COUNTRIES:
        rounds = [step for who, key, step in names if (who, key) == (country, "round/took_part")]
        assert rounds == list(range(1, ROUNDS + 1))
        replied = [entry.round for entry in _released(deployment, country)]
        assert replied == sorted(set(replied))
        counted = {step for step in range(1, ROUNDS + 1) if country in _took_part(deployment.folder / "runs", step)}
        assert counted <= set(replied)


def _released(deployment: Deployment, country: str) -> list[ledger.Entry]:
    with closing(sqlite3.connect(deployment.folder / country / "vault" / "vault.sqlite")) as database:
        ledger.verify(database)
        return ledger.entries(database, "deployed")


class Fated(InProcessGrid):
    """The same vaults in this process; what a vault did not get then it does not get, what did not arrive is lost."""

    replied: Mapping[int, set[str]]
    arrived: Mapping[int, set[str]]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        requested = []
        for message in messages:
            country = self._vaults[message.metadata.dst_node_id].country
            round_ = int(decode(unseal(message.content)).header["round"])
            if country in self.replied[round_]:
                requested.append((message, country in self.arrived.get(round_, self.replied[round_])))
        replies = super().send_and_receive([message for message, _ in requested])
        return [reply for reply, (_, came) in zip(replies, requested, strict=True) if came]


def _the_weights_are_those_of_one_process(deployment: Deployment, took: Took) -> None:
    settings = Settings(
        task=HEALTH.settings(),
        strategy=STRATEGIES["fedavg"].settings(name="fedavg"),
        region=RegionSettings(countries=list(COUNTRIES)),
        rounds=ROUNDS,
        arms=["federated"],
        transport="int8",
        data=str(deployment.data),
        runs=str(deployment.folder / "runs"),
    )
    settings.training.epochs = 1
    folder = deployment.folder / "runs" / "together"
    folder.mkdir()
    ready = simulation.prepare(settings, folder)
    grid = Fated(ready.vaults, sequential.run)
    replied = {country: {entry.round for entry in _released(deployment, country)} for country in COUNTRIES}
    grid.replied = {r: {country for country in COUNTRIES if r in replied[country]} for r in range(1, ROUNDS + 3)}
    grid.arrived = took
    outcome = rounds.federate(grid, ready.run.federation, ready.run.progress, RoundCounter())
    deployed = checkpoint.load_model(deployment.folder / "runs" / "deployed")
    assert deployed.keys() == outcome.model.keys()
    for name, value in deployed.items():
        np.testing.assert_array_equal(value, outcome.model[name])
