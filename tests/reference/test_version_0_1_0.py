"""What runs of Gotong 0.1.0 left: finished ones are used, ledgers continued; unfinished runs and peers are refused."""

import csv
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from federation.cli import main
from federation.coordinator import checkpoint, exchange
from federation.coordinator.rounds import begin
from federation.coordinator.state import Federation
from federation.errors import WireError
from federation.policy.file import open_policy
from federation.settings.upgrade import upgraded_settings
from federation.training import sequential
from federation.vault import ledger
from federation.vault.database import open_database
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.wire.flower_message import seal
from federation.wire.frame import PREFIX, decode
from tasks.health.settings import HealthSettings
from tasks.settings import Calendar
from tests.federation.federations import settings_of
from tests.federation.vault.requesting import plan_of, request_bytes

ARCHIVE = Path(__file__).with_name("runs-0.1.0.tar.xz")
ROWS = 12  # of the ledger: three countries in two rounds, the validation and the test
MEDIANS = [865.912, 802.540, 791.511]  # what version 0.1.0 forecasts for the first province, 1 to 3 months ahead
TOTAL = 244824.897  # and the sum of all quantiles of its file
OLD_PEER = "the frame has wire version 1, and 2 is read here; install the same version of Gotong on both sides"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as file:
        file.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)  # not in every 3.11
        file.extractall(folder)
    return folder / "runs"


@pytest.fixture
def runs(archive: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(archive, tmp_path / "runs"))


@pytest.fixture
def database(runs: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(runs / "old-fedavg" / "vault.sqlite")
    yield connection
    connection.close()


@pytest.fixture
def vault(runs: Path, database: sqlite3.Connection) -> Vault:
    records = runs / "old-fedavg" / "data" / "KHM"
    return Vault(country="KHM", folder=records, policy=open_policy(records, "KHM"), database=database, key=b"k" * 32)


def request(kind: str, round_: int, run: str, **plan: Any) -> bytes:
    health = plan_of(task=HealthSettings(hidden=[8]), **plan)
    settings = settings_of(Path(), task=HealthSettings(hidden=[8]), keep_best=0)  # type: ignore[arg-type]
    model = begin(Federation(run=run, plan=health, settings=settings, nodes={}, checkpoint=Path())).model
    return request_bytes(
        kind, round_, health, run=run, arrays={f"model/{name}": value for name, value in model.items()}
    )


def of_version(data: bytes, version: int) -> bytes:
    magic, _, length = PREFIX.unpack_from(data)
    return PREFIX.pack(magic, version, length) + data[PREFIX.size :]


def failure(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    return said


def test_a_finished_run_forecasts_what_it_did(runs: Path, tmp_path: Path) -> None:
    to, data = tmp_path / "forecast.csv", runs / "old-fedavg" / "data"
    main(
        [
            "forecast",
            "run=old-fedavg",
            f"runs={runs}",
            f"data={data}",
            "country=KHM",
            f"to={to}",
            "format=hubverse",
            "origin=2008-12",
        ]
    )
    with to.open() as file:
        rows = list(csv.DictReader(file))
    first = [float(row["value"]) for row in rows if (row["location"], row["output_type_id"]) == ("KHM-01", "0.5")]
    assert first == pytest.approx(MEDIANS, abs=0.01)
    assert sum(float(row["value"]) for row in rows) == pytest.approx(TOTAL, rel=1e-5)


def test_a_finished_run_starts_another(runs: Path) -> None:
    main(
        f"simulate task=health task.hidden=[8] region.countries=[BRN,KHM,TLS] rounds=1 training.lr=1e-9 keep_best=0 "
        f"training.weight_decay=0 tracking=none runs={runs} name=next start_from=old-fedavg".split()
    )
    before, after = (checkpoint.load_model(runs / name) for name in ("old-fedavg", "next"))
    assert before.keys() == after.keys()
    assert all(abs(after[name] - value).max() < 1e-6 for name, value in before.items())


@pytest.mark.parametrize("ended", [False, True])
def test_a_run_is_not_resumed_and_the_line_says_what_to_do(
    runs: Path, capsys: pytest.CaptureFixture[str], ended: bool
) -> None:
    if not ended:
        (runs / "old-fedavg" / checkpoint.MODEL).unlink()
    said = failure(capsys, "simulate", "resume=old-fedavg", f"runs={runs}")
    assert "run old-fedavg was begun with Gotong 0.1.0, and this version cannot continue it" in said
    assert "finish it with that version, or start a new run" in said


def test_its_settings_have_the_present_names(runs: Path) -> None:
    header = checkpoint.read_header(runs / "old-fedavg" / checkpoint.FILE)
    assert header["countries"] == ["BRN", "KHM", "TLS"]
    assert header["last_aggregated"] == {"BRN": 2, "KHM": 2, "TLS": 2}
    calendar = header["settings"]["task"]["calendar"]
    assert calendar["excluded_period"] == ["2007-06", "2008-01"]
    assert calendar.keys() <= {each.name for each in fields(Calendar)}
    assert upgraded_settings(header["settings"]) == header["settings"]  # present names stay


def test_its_ledger_is_continued(database: sqlite3.Connection, vault: Vault) -> None:
    before = ledger.entries(database)
    assert ledger.verify(database) == len(before) == ROWS
    reply = decode(serve([(vault, request("train", 1, "next"))], sequential.run)[0])
    assert reply.kind == "update", reply.header
    assert ledger.verify(database) == ROWS + 1
    assert ledger.entries(database)[:ROWS] == before


def test_a_vault_does_not_go_on_with_an_unfinished_run(database: sqlite3.Connection, vault: Vault) -> None:
    database.execute("DELETE FROM state WHERE round > 2")
    reply = decode(serve([(vault, request("train", 3, "old-fedavg", rounds=9))], sequential.run)[0])
    assert reply.kind == "refused"
    assert "KHM began run old-fedavg with Gotong 0.1.0; finish it with that version" in reply.header["reason"]
    assert ledger.verify(database) == ROWS


def test_a_coordinator_of_it_is_refused(vault: Vault) -> None:
    reply = decode(serve([(vault, of_version(request("train", 1, "next"), 1))], sequential.run)[0])
    assert reply.kind == "refused"
    assert reply.header["reason"].startswith(f"KHM: {OLD_PEER}")


def test_a_node_of_it_is_refused_and_named(database: sqlite3.Connection) -> None:
    reply = database.execute("SELECT reply FROM state WHERE country = 'KHM' AND round = 2").fetchone()[0]
    with pytest.raises(WireError, match="wire version 1"):
        decode(reply)
    message = Reply(reply)
    summary, update = exchange._read(message, "KHM", None, 2, None)  # type: ignore[arg-type]
    assert update is None
    assert str(summary.refused).startswith(f"KHM: {OLD_PEER}")


class Reply:
    """What the coordinator reads of a Flower message."""

    def __init__(self, frame: bytes) -> None:
        self.content = seal(frame)
