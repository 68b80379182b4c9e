"""Two couriers and one stock SuperNode, which runs the bundle its country accepts: the same frames everywhere."""

import ast
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from federation.cli import main
from federation.coordinator import checkpoint
from federation.deployment import flower_cli
from federation.deployment.coordinator import members
from federation.deployment.coordinator.submit import BUNDLE
from federation.deployment.node.layout import BUNDLE as ON_BEHALF
from federation.deployment.node.layout import LINE
from federation.vault import ledger
from federation.wire import flower_message
from federation.wire import frame as wire_frame
from tasks.registry import TASKS
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


def _start_supernode(place: Place, country: str, bundle: str) -> None:
    """The vault that the country installed, and Flower's own SuperNode in place of its courier."""
    policy = place.data / country / "policy.toml"
    policy.write_text(f'tasks = ["health"]\nbundles = ["{bundle}"]\n')
    common = (f"country={country}", f"home={place.folder / country}")
    place.start(f"{country}-vault", "node", *common, "part=vault", f"data={place.data / country}")
    supernode = (f"coordinator=127.0.0.1:{place.port}", f"inner={free_port()}")
    place.start(f"{country}-supernode", "node", *common, "part=supernode", *supernode)


@pytest.mark.long
@pytest.mark.timeout(600)  # many processes, and other tests beside them
def test_two_couriers_and_a_stock_supernode_learn_what_the_simulation_learns(place: Place) -> None:
    runs, other = place.folder / "runs", "ab" * 32
    main(["simulate", *RUN, "name=together", f"data={place.data}", f"runs={runs}", "tracking=none"])
    _start_supernode(place, "VNM", other)
    place.wait("enrolment", lambda: set(members.nodes(place.home)) == set(COUNTRIES))
    online = ["online"] * len(COUNTRIES)
    place.wait("all nodes", lambda: list(flower_cli.states(place.home).values()) == online)
    shipped = flower_cli.digest_of(BUNDLE)
    told = place.submit(*RUN, "name=unknown", code=1)
    assert f"nothing was trained: VNM: VNM does not know the bundle {shipped}: its policy lists {other[:12]}" in told
    assert _arrivals(place) == [("terms", "", shipped)]
    told = place.gotong("node", "bundle")
    (place.data / "VNM" / "policy.toml").write_text(f'tasks = ["health"]\n{told}')
    told = place.submit(*RUN, "name=apart")
    assert "round 2/2  3 of 3 countries" in told
    together, apart = (checkpoint.load_model(runs / name) for name in ("together", "apart"))
    for name, value in together.items():
        np.testing.assert_array_equal(apart[name], value)
    with closing(sqlite3.connect(place.folder / "VNM" / "vault" / "vault.sqlite")) as database:
        ledger.verify(database)
        released = [(entry.round, entry.kind) for entry in ledger.entries(database)]
    assert released == [(1, "update"), (2, "update"), (3, "scores"), (4, "scores")]
    arrived = _arrivals(place)
    assert {bundle for _, _, bundle in arrived} == {shipped}
    assert [(kind, round_) for kind, round_, _ in arrived if round_] == [
        ("train", "1"),
        ("train", "2"),
        ("validate", "3"),
        ("test", "4"),
    ]


def _arrivals(place: Place) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(place.folder / "VNM" / "vault" / "vault.sqlite")) as database:
        return database.execute("SELECT kind, round, bundle FROM arrivals ORDER BY number").fetchall()


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


def test_the_bundle_packs_a_frame_as_the_envelope_and_the_wire_do() -> None:
    names = {}
    for node in ast.parse(CLIENT.read_text()).body:
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call):
            names[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    assert names["(RECORD, ARRAY, KIND)"] == (flower_message.RECORD, flower_message.ARRAY, flower_message.KIND)
    assert names["MAGIC"] == wire_frame.BUNDLE
    assert (names["SOCKET"], names["BUNDLE"]) == (LINE, ON_BEHALF)
