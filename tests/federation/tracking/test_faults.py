"""One country's fault, of every kind, in the first round, a middle one and the last: what the table, the ledger and
MLflow say of it, and that a run which cannot do without that country stops and can go on."""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from federation.coordinator import checkpoint
from federation.coordinator.incidents import FILE, Fault, Faults, lines, read, write
from federation.coordinator.state import ReplySummary, Report
from federation.errors import QuorumError
from federation.reporting import figures
from federation.reporting.rows import read_json
from federation.runs import simulation
from federation.runs.session import conduct
from federation.runs.simulation import Simulation
from federation.settings.parts import TrackingSettings
from federation.tracking import spool
from federation.tracking.run_info import COUNTRY
from federation.tracking.run_state import state
from federation.tracking.store import connect, search
from federation.tracking.tracker import replay
from federation.vault import ledger
from federation.wire import frame as wire_frame
from federation.wire.frame import Frame, encode
from tests.federation import faulty
from tests.federation.coordinator.tampering import scaled, with_array, with_header
from tests.federation.federations import FOUR, ready, settings_of
from tests.whole import IN_FULL

pytestmark = pytest.mark.usefixtures("toy")
VICTIM, HONEST = "VNM", ("KHM", "LAO", "THA")
ROUNDS, MIDDLE = 3, 2
DEADLINE = 1.5  # seconds; a round of four toys takes a thirtieth of it, and a disk may pause for half a second
WEIGHT = "update/slope.weight"
READ = {"round/faults", "round/took_part", "round/countries"}
EVERY = list(range(1, ROUNDS + 1))


@dataclass(frozen=True, kw_only=True)
class Case:
    """reason: what is said of it, a regular expression. left: whether the vault released its update nevertheless.

    counts: whether the country's update still counts.
    """

    fault: faulty.Fault
    reason: str
    left: bool = True
    counts: bool = False


def changed(change: Callable[[Frame], Any]) -> faulty.Fault:
    return faulty.Fault(change=lambda frame, earlier: [change(frame)])  # noqa: ARG005


def yesterday(frame: Frame, earlier: Mapping[int, Frame]) -> list[Frame | bytes]:
    """The very update of the round before; in the first round one that says it is."""
    before = frame.header["round"] - 1
    return [earlier.get(before, with_header(frame, round=before))]


def without(frame: Frame, name: str) -> Frame:
    return replace(frame, arrays={each: value for each, value in frame.arrays.items() if each != name})


def of_version(frame: Frame, version: int) -> bytes:
    data = bytearray(encode(frame))
    wire_frame.PREFIX.pack_into(data, 0, wire_frame.MAGIC, version, wire_frame.PREFIX.unpack_from(data)[2])
    return bytes(data)


CASES: dict[str, Case] = {
    "raises": Case(fault=faulty.Fault(crashes=True), reason="VNM: its training failed", left=False),
    "hangs": Case(fault=faulty.Fault(hangs=1.25 * DEADLINE), reason="VNM did not reply in time"),
    "NaN": Case(fault=changed(lambda frame: scaled(frame, float("nan"))), reason="VNM: update .* holds NaN or Inf"),
    "wrong shape": Case(
        fault=changed(lambda frame: with_array(frame, WEIGHT, lambda value: value[:1])),
        reason=r"VNM: update slope.weight has shape \(1, 2\) and dtype float32, expected \(2, 2\)",
    ),
    "wrong dtype": Case(
        fault=changed(lambda frame: with_array(frame, WEIGHT, lambda value: value.astype(np.float64))),
        reason="VNM: array update/slope.weight travels as float64; this run's transport is float32",
    ),
    "extra arrays": Case(
        fault=changed(lambda frame: with_array(frame, "update/extra", lambda _: np.zeros(3, np.float32))),
        reason="VNM: update: missing arrays: none; unexpected arrays: 'extra'",
    ),
    "missing array": Case(
        fault=changed(lambda frame: without(frame, WEIGHT)),
        reason="VNM: update: missing arrays: slope.weight; unexpected arrays:",
    ),
    "too large": Case(fault=changed(lambda frame: scaled(frame, 100)), reason="VNM sends an update .* over 10 times"),
    "yesterday's": Case(fault=faulty.Fault(change=yesterday), reason=r"VNM replied for round '?\d'?, requested was \d"),
    "duplicate": Case(
        fault=faulty.Fault(change=lambda frame, earlier: [frame, scaled(frame, -3)]),  # noqa: ARG005
        reason="VNM replied more than once",
        counts=True,
    ),
    "wire version": Case(
        fault=changed(lambda frame: of_version(frame, 9)),
        reason=r"VNM: the frame has wire version 9, and \d+ is read here; install the same version",
    ),
    "nothing": Case(fault=faulty.Fault(deaf=True), reason="VNM did not reply in time", left=False),
}
COMBINATIONS = pytest.mark.parametrize(
    ("name", "round_"),
    [(name, at) for number, name in enumerate(CASES) for at in EVERY if IN_FULL or at == EVERY[number % ROUNDS]],
    ids=lambda value: str(value),
)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run as it lies on the disk when it is over, and what a person saw."""

    ready: Simulation
    seen: list[str]
    error: str

    @property
    def weights(self) -> dict[str, bytes]:
        return {name: value.tobytes() for name, value in checkpoint.load_model(self.ready.run.folder).items()}


def run(prepared: Simulation, fault: faulty.Fault, round_: int, victim: str = VICTIM) -> Ended:
    """As the command line runs it; the text of an error that stops it is kept."""
    screen, error = StringIO(), ""
    console = Console(file=screen, width=130, highlight=False)
    try:
        conduct(
            lambda: faulty.WithFault(simulation=prepared, fault=fault, victim=victim, round=round_), console=console
        )
    except QuorumError as stopped:
        error = str(stopped)
    return Ended(ready=prepared, seen=screen.getvalue().splitlines(), error=error)


def prepare(runs: Path, **chosen: Any) -> Simulation:
    settings = settings_of(runs, rounds=ROUNDS, deadline=DEADLINE, **chosen)
    return ready(replace(settings, runs=str(runs), tracking=TrackingSettings(name="none")))


@pytest.fixture(autouse=True)
def _without_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as long as all else, says nothing of faults, and is tested elsewhere."""
    monkeypatch.setattr(figures, "draw_scores", lambda rows, path, **_: path.write_bytes(b""))  # noqa: ARG005


@pytest.fixture(scope="module")
def reference() -> dict[int, dict[str, bytes]]:
    """Round without the victim (0: none) -> the final weights; filled as they are needed."""
    return {}


def expected(reference: dict[int, dict[str, bytes]], folder: Path, absent: int) -> dict[str, bytes]:
    if absent not in reference:
        prepared = prepare(folder / "reference")
        reference[absent] = run(prepared, faulty.Fault(crashes=True), absent).weights
    return reference[absent]


def released(prepared: Simulation) -> list[int]:
    """Rounds whose update left the victim's vault, as its ledger says."""
    database = next(iter(prepared.vaults.values())).database
    ledger.verify(database)
    rows = ledger.entries(database, prepared.run.federation.run)
    for country in HONEST:
        assert [row.round for row in rows if (row.country, row.kind) == (country, "update")]
    return [row.round for row in rows if (row.country, row.kind) == (VICTIM, "update")]


def on_its_way(prepared: Simulation) -> dict[str, Any]:
    """As `in_mlflow`, of the records that wait to be sent there."""
    tags: dict[str, dict[str, str]] = {country: {} for country in ("", *FOUR)}
    history: dict[tuple[str, str], dict[int, float]] = {}
    files: list[str] = []
    for record in spool.read_all(prepared.run.folder / spool.NAME):
        country = record.get("country") or ""
        if record["do"] == "metrics":
            for name in READ & set(record["values"]):
                history.setdefault((country, name), {})[record["step"]] = record["values"][name]
        elif record["do"] == "tags":
            tags[country] |= record["values"]
        elif record["do"] == "artifact":
            files.append(record["path"])
    table = (prepared.run.folder / FILE).read_text() if FILE in files else ""
    faults = list(csv.DictReader(StringIO(table)))
    return {"status": {state(prepared.run.folder)}, "tags": tags, "history": history, "faults": faults}


def tags_of(prepared: Simulation) -> list[spool.Record]:
    return [record for record in spool.read_all(prepared.run.folder / spool.NAME) if record["do"] == "tags"]


def in_mlflow(prepared: Simulation) -> dict[str, Any]:
    """What MLflow says of the run: country ('' the federation) -> its tags, and metric -> step -> value; the faults."""
    replay(prepared.run.folder, TrackingSettings(), Path(prepared.run.settings.runs))
    store = connect(TrackingSettings(), Path(prepared.run.settings.runs))
    by_country = {run.data.tags.get(COUNTRY, ""): run for run in search(store, "")}
    assert set(by_country) == {"", *FOUR}
    history = {
        (country, name): {row.step: row.value for row in store.client.get_metric_history(one.info.run_id, name)}
        for country, one in by_country.items()
        for name in one.data.metrics
        if name in READ
    }
    parent = by_country[""].info.run_id
    names = [each.path for each in store.client.list_artifacts(parent)]
    with TemporaryDirectory() as scratch:  # MLflow by itself would leave a copy there for good
        table = Path(store.client.download_artifacts(parent, FILE, scratch)).read_text() if FILE in names else ""
    return {
        "status": {one.info.status for one in by_country.values()},
        "tags": {country: one.data.tags for country, one in by_country.items()},
        "history": history,
        "faults": list(csv.DictReader(StringIO(table))),
    }


@COMBINATIONS
def test_the_run_ends_well_without_that_country(
    runs: Path, tmp_path: Path, reference: dict[int, dict[str, bytes]], name: str, round_: int
) -> None:
    case, sent = CASES[name], round_ == MIDDLE
    ended = run(prepare(runs), case.fault, round_)
    assert ended.error == ""
    assert ended.weights == expected(reference, tmp_path, 0 if case.counts else round_)
    # The table and what stands below it.
    rows = read_json(ended.ready.run.folder / "results.json")
    assert {row.country for row in rows} == {*FOUR, "ASEAN"}
    (line,) = [line for line in ended.seen if line.startswith(f"{VICTIM}: ") and f" in round {round_}: " in line]
    assert line.startswith(f"{VICTIM}: {'counted, but' if case.counts else 'left out'} in round {round_}: ")
    assert re.search(case.reason.removeprefix(VICTIM).lstrip(": "), line)
    counts = [re.search(r"^round \d/3  (\d) of 4 countries", line) for line in ended.seen]
    took = [int(match.group(1)) for match in counts if match]
    assert took == [3 if each == round_ and not case.counts else 4 for each in EVERY]
    # The ledger.
    assert released(ended.ready) == [each for each in EVERY if each != round_ or case.left]
    # MLflow itself for every fault once, which takes a second; else the records that it would get.
    tracked = in_mlflow(ended.ready) if sent else on_its_way(ended.ready)
    assert tracked["status"] == {"FINISHED"}
    (row,) = (row for row in tracked["faults"] if row["flag"] == "False")
    assert (row["round"], row["country"], row["counted"]) == (str(round_), VICTIM, str(case.counts))
    assert re.search(case.reason, row["reason"])
    word = "remark" if case.counts else "refused"
    marks = {key: value for key, value in tracked["tags"][VICTIM].items() if key.startswith(("remark.", "refused."))}
    assert marks == {f"{word}.{round_}": row["reason"]}
    assert tracked["history"]["", "round/faults"] == {each: float(each == round_) for each in EVERY}
    missed = {each: float(each != round_ or case.counts) for each in EVERY}
    assert tracked["history"][VICTIM, "round/took_part"] == missed
    assert tracked["history"]["THA", "round/took_part"] == dict.fromkeys(EVERY, 1.0)
    assert tracked["history"]["", "round/countries"] == {each: 3 + missed[each] for each in EVERY}


@COMBINATIONS
def test_a_run_that_cannot_do_without_it_stops_and_goes_on(
    runs: Path, tmp_path: Path, reference: dict[int, dict[str, bytes]], name: str, round_: int
) -> None:
    case = CASES[name]
    prepared = prepare(runs, quorum=4)
    ended = run(prepared, case.fault, round_)
    if case.counts:
        assert ended.error == ""
        assert ended.weights == expected(reference, tmp_path, 0)
        return
    assert f"round {round_}: 3 countries sent an update and quorum=4 are needed" in ended.error
    assert re.search(case.reason, ended.error)
    assert ended.error.endswith(f"the checkpoint of round {round_ - 1} stands, go on with resume=run")
    assert "\n" not in ended.error
    assert checkpoint.load(prepared.run.federation.checkpoint)[0].round == round_ - 1
    assert not (prepared.run.folder / "results.json").exists()
    (stopped,) = [record["values"]["stopped"] for record in tags_of(prepared) if "stopped" in record["values"]]
    assert stopped == ended.error
    assert state(prepared.run.folder) == "FAILED"
    again = run(simulation.resume(str(runs), prepared.run.folder), faulty.Fault(), 0)
    assert again.weights == expected(reference, tmp_path, 0)
    assert released(again.ready) == EVERY
    assert not [line for line in again.seen if "left out" in line]


def fault(round_: int, country: str = "VNM", reason: str = "VNM: no", counted: bool = False) -> Fault:
    return Fault(round=round_, country=country, counted=counted, reason=reason)


def test_a_sentence_a_country_says_in_which_rounds_and_why() -> None:
    several = [fault(each) for each in (2, 3, 4, 7)] + [fault(8, reason="VNM did not reply in time")]
    assert lines([*several, fault(1, "LAO", "LAO sends, well, NaN"), fault(2, "THA", counted=True)]) == [
        "LAO: left out in round 1: sends, well, NaN",
        "THA: counted, but in round 2: VNM: no",
        "VNM: left out in rounds 2-4, 7-8: no (other reasons stand in faults.csv)",
    ]
    assert lines([]) == []


def test_flags_of_all_countries_are_a_line_after_all_faults() -> None:
    cut, left_out = (
        replace(fault(1, "THA", counted=True), reason=reason, flag=True) for reason in ("it is cut", "it is left out")
    )
    faults = [replace(cut, round=2), fault(3), cut, replace(left_out, round=3), replace(left_out, country="LAO")]
    assert lines(faults) == [
        "VNM: left out in round 3: no",
        "Flagged, which faults.csv explains by round: THA in 3, LAO in 1. THA, rounds 1-2: it is cut",
    ]


def test_flags_and_alarms_are_in_the_table_and_in_the_region(tmp_path: Path) -> None:
    table = Faults(tmp_path, 0)
    summaries = [
        ReplySummary(country="LAO"),
        ReplySummary(country="THA", flags=("a", "b")),
        ReplySummary(country="VNM", refused="VNM: no"),
    ]
    table.round(Report(round=1, rounds=2, summaries=summaries, rows=[], region="ASEAN", alarm="c"))
    table.round(Report(round=2, rounds=2, summaries=summaries[:2], rows=[], region="ASEAN"))
    table.end(2, "ASEAN", ["d"])
    assert table.flagged() == {"ASEAN": 2, "THA": 2, "VNM": 1}
    assert [(row.round, row.country, row.counted, row.reason, row.flag) for row in read(tmp_path / FILE)] == [
        (1, "VNM", False, "VNM: no", False),
        (1, "THA", True, "a", True),
        (1, "THA", True, "b", True),
        (1, "ASEAN", True, "c", True),
        (2, "THA", True, "a", True),
        (2, "THA", True, "b", True),
        (3, "ASEAN", True, "d", True),
    ]


def test_the_table_is_read_as_it_was_written_and_goes_back_to_the_checkpoint(tmp_path: Path) -> None:
    faults = [fault(1, reason='VNM: "a, b"'), fault(2, "THA", counted=True)]
    write(faults, tmp_path / FILE)
    assert read(tmp_path / FILE) == faults
    assert Faults(tmp_path, 1).lines() == ['VNM: left out in round 1: "a, b"']
    assert Faults(tmp_path, 0).files == ()
