"""A run under differential privacy between processes: a model, one noised number a country, and charges that stay."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from federation import submit
from federation.coordinator import checkpoint
from federation.deployment.node import own_ledger
from federation.errors import GotongError
from federation.vault.noised import budget
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment

COUNTRIES = ("KHM", "LAO")
RUN = ("recipe=dengue_noised", "region.countries=[KHM,LAO]", "rounds=2", "quorum=2")


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    task = TASKS["health"]
    for country in COUNTRIES:
        (tmp_path / "data" / country).mkdir(parents=True)
        task.synthesize(tmp_path / "data" / country, country, 3, task.settings())
        policy = 'tasks = ["health"]\nrequired_protection = ["differential_privacy"]\nepsilon = 4.0\n'
        (tmp_path / "data" / country / "policy.toml").write_text(policy)
    loopback = Deployment(folder=tmp_path, countries=COUNTRIES, data=tmp_path / "data")
    try:
        loopback.set_up()
        yield loopback
    finally:
        loopback.stop()


@pytest.mark.long
@pytest.mark.timeout(600)  # many processes, and other tests at the same time
def test_guarded_nodes_serve_a_noised_run_until_their_budgets_are_spent(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    """Submitted from Python, which prints nothing, gives the run back, and raises where the command line ends."""
    deployment.wait_for_all()
    submit_here = partial(submit, *RUN, home=deployment.home, runs=deployment.folder / "runs", tracking="none")
    assert "asks for differential_privacy" in deployment.submit(*RUN, "protection=none", "name=plain", code=1)
    capfd.readouterr()
    run = submit_here(name="first")
    assert capfd.readouterr() == ("", "")
    assert re.search(r"this run cost epsilon \(delta 1e-05\) KHM 2\.\d+, LAO 2\.\d+", run.output), run.output
    assert set(run.table.country) == {*COUNTRIES, "ASEAN"}
    assert len(run.history) == len(set(run.history["round"])) == 2
    assert {name: value.tolist() for name, value in run.model.state_dict().items()} == {
        name: value.tolist() for name, value in checkpoint.load_model(run.folder).items()
    }
    assert checkpoint.load_model(deployment.folder / "runs" / "first")
    rows = json.loads((deployment.folder / "runs" / "first" / "results.json").read_text())
    known = {(row["country"], row["arm"], row["score"], row["horizon"]) for row in rows if row["value"] is not None}
    assert known == {(place, "federated", "log_wis", "all") for place in (*COUNTRIES, "ASEAN")}
    assert all(math.isfinite(row["value"]) for row in rows if row["horizon"] == "all")
    with pytest.raises(GotongError, match=r"has no privacy budget for epsilon 2\."):
        submit_here(name="second")
    for country in COUNTRIES:
        with closing(own_ledger.open_own(deployment.folder / country)) as database:
            assert budget.verify(database) == 3
        said = deployment.gotong(
            "node",
            "budget",
            f"country={country}",
            f"policy={deployment.data / country}",
            f"home={deployment.folder / country}",
        )
        assert re.search(r"epsilon: epsilon 2\.\d\d of 4 is spent at delta 1e-05; a run may cost \d\.\d\d more", said)
        assert re.search(r"first: epsilon 2\.\d\d, 2 rounds and the test, from 20\d\d-", said)
