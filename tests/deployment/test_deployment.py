"""A coordinator and three countries as processes, over TLS with node authentication. They start slowly: one test."""

import os
import sqlite3
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from federation.coordinator import checkpoint
from federation.deployment import enrolment
from federation.deployment.coordinator import members
from federation.vault import ledger
from tasks.importers.folder import import_folder
from tasks.registry import TASKS
from tests.conftest import PUBLIC_DATA
from tests.deployment import stop_trials
from tests.deployment.kills import held_up
from tests.deployment.loopback import Deployment, history

COUNTRIES = ("KHM", "LAO", "VNM")
RUN = ("region.countries=[KHM,LAO,VNM]", "training.epochs=3", "quorum=3")


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Three countries with their real dengue records where the public files are, else with synthetic ones."""
    public = Path(os.environ.get("GOTONG_TEST_DATA", PUBLIC_DATA)) / "health"
    if public.is_dir():
        import_folder(public, tmp_path / "data")
    else:
        task = TASKS["health"]
        for country in COUNTRIES:
            (tmp_path / "data" / country).mkdir(parents=True)
            task.synthesize(tmp_path / "data" / country, country, 3, task.settings())
    loopback = Deployment(folder=tmp_path, countries=COUNTRIES, data=tmp_path / "data", parts=True)
    try:
        loopback.set_up()
        yield loopback
    finally:
        loopback.stop()


@pytest.mark.long
@pytest.mark.timeout(900)  # many processes, and other tests at the same time
def test_the_deployed_federation_learns_what_the_simulation_learns_although_its_parts_are_killed(
    deployment: Deployment,
) -> None:
    runs = deployment.folder / "runs"
    deployment.start(
        "simulation", "simulate", *RUN, "rounds=5", "name=simulated", f"data={deployment.data}", f"runs={runs}"
    )
    deployment.wait_for_all()
    assert deployment.processes.pop("simulation").wait(300) == 0, deployment.log("simulation")
    with held_up(deployment) as kills:
        _a_run_against_the_terms_is_refused_before_training(deployment)
        printed, last = kills.run((*RUN, "rounds=5"))
        _a_run_is_stopped_and_can_go_on(deployment)
    _a_run_is_stopped_in_its_first_seconds(deployment)
    assert "KHM, LAO, VNM agree" in printed
    assert [printed.count(f"round {round_}/5  3 of 3 countries") for round_ in range(1, 5)] == [1, 1, 1, 1]
    assert "resume=delivered" in printed
    assert "round 5/5  3 of 3 countries" in last
    _same_weights(runs / "simulated", runs / "delivered")
    assert deployment.results("delivered") == deployment.results("simulated")
    assert history(runs, "delivered") == history(runs, "simulated")
    _every_release_is_on_its_ledger_once(deployment)

    _the_status_names_who_is_connected(deployment)
    _the_gateway_passes_nothing_but_fleet_calls(deployment)
    _a_stranger_is_refused(deployment)
    _a_revoked_country_is_out(deployment)
    assert "\x1b" not in deployment.log("coordinator")


def _same_weights(one: Path, other: Path) -> None:
    first, second = checkpoint.load_model(one), checkpoint.load_model(other)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def _rows(deployment: Deployment, country: str, run: str) -> list[ledger.Entry]:
    database = sqlite3.connect(deployment.folder / country / "vault" / "vault.sqlite")
    try:
        ledger.verify(database)
        return ledger.entries(database, run)
    finally:
        database.close()


def _every_release_is_on_its_ledger_once(deployment: Deployment) -> None:
    for country in COUNTRIES:
        rows = [(row.round, row.kind) for row in _rows(deployment, country, "delivered")]
        assert rows == [*((round_, "update") for round_ in range(1, 6)), (6, "scores"), (7, "scores")]


def _a_run_is_stopped_and_can_go_on(deployment: Deployment) -> None:
    where = (f"home={deployment.home}", f"runs={deployment.folder / 'runs'}")
    log = deployment.log("submission")
    deployment.start("submission", *deployment.submission(*RUN, "rounds=90", "name=stopped"))
    deployment.wait("a round", lambda: "round 1/90" in deployment.log("submission")[len(log) :])
    assert "stopped is in progress" in deployment.gotong("submit", *where, "resume=stopped", code=1)
    deployment.gotong("stop", "run=stopped", *where)
    assert deployment.processes.pop("submission").wait(150) == 1, deployment.log("submission")
    printed = deployment.gotong("status", *where)
    assert "stopped: failed: its process was stopped; go on with `gotong submit resume=stopped`" in printed
    progress, _ = checkpoint.load(deployment.folder / "runs" / "stopped" / checkpoint.FILE)
    assert 1 <= progress.round < 90


def _a_run_is_stopped_in_its_first_seconds(deployment: Deployment) -> None:
    """The sample of `scripts/prove stop`."""
    assert "early is stopped; it had not begun" in stop_trials.trial(deployment, "early", "LAO", 2.0)


def _the_status_names_who_is_connected(deployment: Deployment) -> None:
    printed = deployment.gotong("status", f"home={deployment.home}", f"runs={deployment.folder / 'runs'}")
    assert [printed.count(f"{country}          connected") for country in COUNTRIES] == [1, 1, 1]
    assert "run          delivered: completed" in printed
    assert "is not in progress: completed" in deployment.gotong(
        "stop", "run=delivered", f"home={deployment.home}", f"runs={deployment.folder / 'runs'}", code=1
    )


def _a_run_against_the_terms_is_refused_before_training(deployment: Deployment) -> None:
    policy = deployment.data / "LAO" / "policy.toml"
    before = policy.read_text()
    policy.write_text('tasks = ["health"]\nmaximum_rounds = 5\n')
    try:
        printed = deployment.submit("region.countries=[KHM,LAO,VNM]", "rounds=6", "name=greedy", code=1)
    finally:
        policy.write_text(before)
    assert "nothing was trained: LAO refuses 6 rounds: its policy allows 5; rounds=5 would be accepted" in printed
    assert not any(_rows(deployment, country, "greedy") for country in COUNTRIES)
    assert not (deployment.folder / "runs" / "greedy").exists()


def _the_gateway_passes_nothing_but_fleet_calls(deployment: Deployment) -> None:
    context = ssl.create_default_context(cafile=deployment.home / "ca.pem")
    with httpx.Client(verify=context, base_url=f"https://127.0.0.1:{deployment.port}") as client:
        assert client.get("/health").status_code == 200
        for path in ("/v1/control/list-runs", "/v1/control/start-run", "/v1/runtime/acquire-task", "/docs", "/"):
            assert client.post(path).status_code == 404
            assert client.get(path).status_code == 404
        assert client.post("/v1/fleet/register-node").status_code == 404
        assert client.post("/v1/fleet/get-fab").status_code == 404  # no node fetches a program
        assert client.post("/v1/fleet/pull-messages", content=b"").status_code in (400, 401, 415)
        assert client.post("/v1/fleet/push-object", content=bytes(17 * 2**20)).status_code == 413


def _a_stranger_is_refused(deployment: Deployment) -> None:
    """A key that was never enrolled, an authority that is not the coordinator's, a name the certificate is not for."""
    stranger = deployment.folder / "stranger"
    enrolment.create_keys(stranger, "THA")
    (stranger / "ca.pem").write_bytes((deployment.home / "ca.pem").read_bytes())
    refused = {
        "does not know this node's key": (f"127.0.0.1:{deployment.port}", deployment.home / "ca.pem"),
        "is for another name": (f"127.1:{deployment.port}", deployment.home / "ca.pem"),
        "a stranger, or an old ca.pem": (
            f"127.0.0.1:{deployment.port}",
            _foreign_authority(deployment.folder / "foreign"),
        ),
    }
    from federation.deployment.node import courier, flower_link

    for words, (address, root) in refused.items():
        with pytest.raises(flower_link.RefusedError, match=words):
            flower_link.Link(
                address, root, courier.read_key(stranger / "courier" / "node.key"), stranger / "id", stranger
            ).__enter__()


def _foreign_authority(folder: Path) -> Path:
    from federation.deployment import certificates, secret_files

    certificates.create(secret_files.private_folder(folder), ["127.0.0.1"])
    return folder / "ca.pem"


def _a_revoked_country_is_out(deployment: Deployment) -> None:
    deployment.gotong("keys", "revoke", "country=LAO", f"home={deployment.home}")
    deployment.wait("LAO's departure", lambda: "LAO left" in deployment.log("coordinator"))
    refusal = "refuses this node's signature: its key was revoked"
    deployment.wait("LAO's notice", lambda: refusal in deployment.log("LAO-courier"))
    assert set(members.nodes(deployment.home)) == {"KHM", "VNM"}
