"""A sealed run between processes: the same model as in a simulation, and nothing of one country at the coordinator."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator.checkpoint import load_model
from federation.deployment.coordinator import members
from federation.vault.identity import fingerprint
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment

HEALTH = TASKS["health"]
COUNTRIES = ("KHM", "LAO", "VNM")
RUN = (
    "region.countries=[KHM,LAO,VNM]",
    "task.hidden=[8]",
    "rounds=2",
    "arms=[federated,local]",
    "protection=sealed",
    "training.epochs=1",
)
ROWS = "SELECT kind FROM ledger WHERE run = 'deployed' ORDER BY number"


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    for country in COUNTRIES:
        folder = tmp_path / "data" / country
        folder.mkdir(parents=True)
        HEALTH.synthesize(folder, country, 3, HEALTH.settings())
        (folder / "policy.toml").write_text('template = "sealed"\ntasks = ["health"]\n')
    loopback = Deployment(folder=tmp_path, countries=COUNTRIES, data=tmp_path / "data")
    try:
        yield loopback
    finally:
        loopback.stop()


def accept(deployment: Deployment, country: str, member: str) -> None:
    """What the operator of a country does after a call from a member."""
    key = members.members(deployment.home)[member].verifying_key().public_bytes_raw()
    policy = deployment.data / country / "policy.toml"
    said = (f"country={member}", f"fingerprint={fingerprint(key)}", f"policy={policy}")
    assert member in deployment.gotong("node", "roster", "accept", *said)


def with_kills(deployment: Deployment) -> str:
    """What the run `deployed` prints, while a vault and a courier are killed in the middle of its rounds."""
    deployment.start("submission", *deployment.submission(*RUN, "name=deployed"))

    def rows(country: str, kind: str) -> int:
        with closing(sqlite3.connect(deployment.folder / country / "vault" / "vault.sqlite")) as database:
            query = "SELECT count(*) FROM ledger WHERE run = 'deployed' AND kind = ?"
            return int(database.execute(query, (kind,)).fetchone()[0])

    deployment.wait("shares", lambda: rows("LAO", "sealed_deal") == 1)
    deployment.kill("LAO", "vault")
    deployment.wait("a round", lambda: rows("VNM", "sealed_round") == 1)
    deployment.kill("VNM", "vault")
    deployment.kill("KHM", "courier")
    deployment.wait("another round", lambda: rows("LAO", "sealed_reveal") == 2)
    deployment.kill("LAO", "vault")
    submission = deployment.processes.pop("submission")
    assert submission.wait(300) == 0, deployment.logs() + deployment.log("submission")
    return deployment.log("submission")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_sealed_run_whose_parts_are_killed_is_that_of_a_simulation(deployment: Deployment) -> None:
    runs = deployment.folder / "runs"
    deployment.set_up()
    deployment.wait_for_all()
    said = deployment.submit(*RUN, "name=plain", "protection=none", code=1)
    assert "asks for sealed" in said
    said = deployment.submit(*RUN, "name=early", code=1)
    assert "has accepted no key of" in said
    assert "gotong node roster accept" in said
    for country in COUNTRIES:
        for member in COUNTRIES:
            if member != country:
                accept(deployment, country, member)
    assert "the scores of single countries are sealed" in with_kills(deployment)
    deployment.gotong("simulate", *RUN, "name=simulated", f"data={deployment.data}", f"runs={runs}", "tracking=none")
    deployed, simulated = (load_model(runs / name) for name in ("deployed", "simulated"))
    assert deployed.keys() == simulated.keys()
    assert all(np.array_equal(deployed[name], simulated[name]) for name in deployed)
    assert deployment.results("deployed") == deployment.results("simulated")
    own = deployment.gotong("node", "results", f"home={deployment.folder / 'LAO'}", "run=deployed")
    assert "log_wis" in own
    assert "local" in own
    said = deployment.submit(*RUN, "name=again", code=1)
    assert "a second run from the first model of run deployed" in said
    for country in COUNTRIES:
        with closing(sqlite3.connect(deployment.folder / country / "vault" / "vault.sqlite")) as database:
            kinds = [kind for (kind,) in database.execute(ROWS)]
            kept = {name for (name,) in database.execute("SELECT name FROM seals WHERE run = 'deployed'")}
        assert kinds == ["sealed_keys", "sealed_deal", *["sealed_round", "sealed_reveal"] * 4, "sealed_end"]
        assert not kept & {"secrets", "held", "static", "own shares"}
