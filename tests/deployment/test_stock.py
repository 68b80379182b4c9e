"""Two couriers and one stock SuperNode, which runs the bundle, in one federation: the same frames everywhere."""

import ast
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from federation import envelope
from federation.cli import main
from federation.coordinator import checkpoint
from federation.deployment import flower, members
from federation.deployment.place import SOCKET
from federation.deployment.submit import BUNDLE
from federation.vault import ledger
from tasks import TASKS
from tests.deployment.place import Place, free_port

COUNTRIES = ("KHM", "LAO", "VNM")
RUN = ("region.countries=[KHM,LAO,VNM]", "rounds=2", "training.epochs=1", "quorum=3", "arms=[federated]")
CLIENT = BUNDLE / "gotong_app" / "client.py"
HEALTH = TASKS["health"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    for country in COUNTRIES:
        (tmp_path / "data" / country).mkdir(parents=True)
        HEALTH.synthesize(tmp_path / "data" / country, country, 3, HEALTH.settings())
    found = Place(folder=tmp_path, countries=COUNTRIES, data=tmp_path / "data")
    try:
        found.make_keys()
        for country in COUNTRIES:
            found.enrol(country)
        found.start_coordinator()
        for country in COUNTRIES[:2]:
            found.start_node(country)
        yield found
    finally:
        found.stop()


def _start_supernode(place: Place, country: str) -> None:
    """The vault that the country installed, and Flower's own SuperNode in place of its courier."""
    home = place.folder / country
    place.start("VNM-vault", "node", f"country={country}", "part=vault", f"data={place.data / country}", f"home={home}")
    command = [
        *(flower.program("flower-supernode"), "--superlink", f"127.0.0.1:{place.port}"),
        *("--root-certificates", str(place.home / "ca.pem")),
        *("--auth-supernode-private-key", str(home / "courier" / "node.key")),
        *("--host", "127.0.0.1", "--port", str(free_port())),
    ]
    environment = {
        **os.environ,
        **flower.QUIET,
        "FLWR_HOME": str(home / "flower"),
        "GOTONG_VAULT_SOCKET": str(home / "line" / SOCKET),
    }
    with (place.folder / "supernode.log").open("wb") as log:
        place.processes["supernode"] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)


@pytest.mark.timeout(600)  # many processes, and other tests beside them
def test_two_couriers_and_a_stock_supernode_learn_what_the_simulation_learns(place: Place) -> None:
    runs = place.folder / "runs"
    main(["simulate", *RUN, "name=together", f"data={place.data}", f"runs={runs}", "tracking=none"])
    place.wait("enrolment", lambda: set(members.nodes(place.home)) == set(COUNTRIES))
    _start_supernode(place, "VNM")  # it ends at once where its key is not known yet
    online = ["online"] * len(COUNTRIES)
    place.wait("all nodes", lambda: list(flower.states(place.home).values()) == online)
    told = place.submit(*RUN, "name=apart")
    assert "round 2/2  3 of 3 countries" in told
    together, apart = (checkpoint.load_model(runs / name) for name in ("together", "apart"))
    for name, value in together.items():
        np.testing.assert_array_equal(apart[name], value)
    with closing(sqlite3.connect(place.folder / "VNM" / "vault" / "vault.sqlite")) as database:
        ledger.verify(database)
        released = [(entry.round, entry.kind) for entry in ledger.entries(database, "apart")]
        arrived = database.execute("SELECT DISTINCT kind, round FROM arrivals WHERE run = 'apart'").fetchall()
    assert released == [(1, "update"), (2, "update"), (3, "scores"), (4, "scores")]
    assert set(arrived) == {("terms", ""), ("train", "1"), ("train", "2"), ("validate", "3"), ("test", "4")}


def test_the_bundle_is_three_files_and_its_client_imports_nothing_of_ours() -> None:
    files = {str(path.relative_to(BUNDLE)) for path in BUNDLE.rglob("*") if path.suffix in (".py", ".toml")}
    assert files == {"pyproject.toml", "gotong_app/client.py", "gotong_app/server.py"}
    tops = set()
    for node in ast.walk(ast.parse(CLIENT.read_text())):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            tops.add(str(node.module).split(".")[0])
    assert tops == {"os", "socket", "flwr"}


def test_the_bundle_packs_a_frame_as_the_envelope_does() -> None:
    names: dict[str, object] = {}
    for node in ast.parse(CLIENT.read_text()).body:
        if isinstance(node, ast.Assign) and "RECORD" in ast.dump(node.targets[0]):
            names["all"] = ast.literal_eval(node.value)
    assert names["all"] == (envelope.RECORD, envelope.ARRAY, envelope.KIND)
