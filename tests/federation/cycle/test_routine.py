"""The steps of a month on a region that keeps count: killed anywhere, newer months, nothing to do, its status."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from federation.cycle import gate, record, routine, status
from federation.cycle.record import STEPS, Cycle
from federation.errors import CheckpointError, ConfigError, GotongError
from federation.settings.schema import OPERATIONAL, Settings
from tests.federation.federations import settings_of

DONE = "nothing to do; 2008-05 is done, and most countries report no later month"


class KilledError(BaseException):
    """No handler of the routine sees it, as of a kill."""


@dataclass
class Counting:
    """A region whose records end in `end`. fails: the step that raises, and what."""

    end: str = "2008-05"
    did: Counter[str] = field(default_factory=Counter)
    fails: tuple[str, BaseException] | None = None

    def do(self, step: str) -> None:
        if self.fails is not None and self.fails[0] == step:
            raise self.fails[1]
        self.did[step] += 1

    def ends(self, settings: Settings) -> Mapping[str, str]:  # noqa: ARG002
        return {"LAO": self.end, "THA": self.end, "VNM": "2008-03"}

    def run(self, settings: Settings) -> object:
        raise AssertionError(settings)

    def export(self, settings: Settings) -> Path:
        self.do("export")
        return Path(settings.runs) / "file"

    def issue(self, settings: Settings, champion: Path) -> Mapping[str, Any]:
        assert champion == Path(settings.runs) / "file"
        self.do("issue")
        return {"LAO": {"issue": "toy/2008-05/1"}, "VNM": {"issue": "", "why": "too old"}}


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch, toy: None) -> Counting:  # noqa: ARG001
    region = Counting()

    def train(pair: Settings, run: object) -> None:  # noqa: ARG001
        assert (pair.resume, pair.until, pair.champion) == (f"ASEAN-toy-{pair.until}", pair.until, "april")
        region.do("train")

    def decide(cycle: Cycle, settings: Settings, harm: float) -> Mapping[str, Any]:  # noqa: ARG001
        region.do("gate")
        return {"promote": True, "reason": "not worse", "champion": "april", "keep": ["THA"]}

    def promote(cycle: Cycle, settings: Settings) -> Mapping[str, Any]:  # noqa: ARG001
        region.do("promote")
        return {"champion": cycle.run}

    monkeypatch.setattr(routine, "run_pair", train)
    monkeypatch.setattr(gate, "decide", decide)
    monkeypatch.setattr(gate, "promote", promote)
    monkeypatch.setattr(gate, "champion_to_meet", lambda settings, month: "april")  # noqa: ARG005
    return region


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(settings_of(tmp_path), purpose=OPERATIONAL, name=None)


def go(settings: Settings, region: Counting) -> str:
    return routine.cycle(settings, region, lambda line: None, 0.02)  # noqa: ARG005


def written(settings: Settings) -> list[Any]:
    """What is written down, without times."""
    folder = record.folder_of(Path(settings.runs), "ASEAN", "toy")
    return [
        (each.month, each.run, each.superseded, each.step, {name: step.result for name, step in each.steps.items()})
        for each in record.read_all(folder)
    ]


def test_a_month_is_done_once_and_then_there_is_nothing_to_do(settings: Settings, region: Counting) -> None:
    said = go(settings, region)
    assert said == (
        "ASEAN toy 2008-05: run ASEAN-toy-2008-05 is champion: not worse; worse for certain in THA, where the one "
        "before is kept; issued in 1 of 2 countries, not VNM"
    )
    assert DONE in go(settings, region)
    assert region.did == Counter(STEPS[1:])
    region.end = "2008-06"
    assert "run ASEAN-toy-2008-06 is champion" in go(settings, region)


@pytest.mark.parametrize("kill", range(22))
def test_a_month_that_was_killed_around_any_of_its_records_ends_as_if_it_had_not_been(
    kill: int, settings: Settings, region: Counting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write, left = record.write, kill

    def watched(folder: Path, cycle: Cycle) -> None:
        nonlocal left
        for written in (False, True):
            if written:
                write(folder, cycle)
            left -= 1
            if left == -1:
                raise KilledError

    monkeypatch.setattr(record, "write", watched)
    with pytest.raises(KilledError):
        go(settings, region)
    go(settings, region)
    assert sum(region.did.values()) <= len(STEPS[1:]) + 1, "one step may be repeated, the one that had not ended"
    killed = written(settings)
    elsewhere = replace(settings, runs=str(tmp_path / "elsewhere"))
    go(elsewhere, region)
    assert killed == [(*each[:4], {**each[4], "export": killed[0][4]["export"]}) for each in written(elsewhere)]


def test_a_newer_month_takes_the_place_of_one_that_is_not_trained(settings: Settings, region: Counting) -> None:
    region.fails = ("train", GotongError("quorum=3, 2 replied"))
    with pytest.raises(GotongError, match="2 replied"):
        go(settings, region)
    [shown] = status.lines(Path(settings.runs), 3)
    assert "ASEAN toy 2008-05: train (step 2 of 6) since " in shown
    assert shown.endswith("UTC: quorum=3, 2 replied")
    region.fails, region.end = None, "2008-06"
    assert "run ASEAN-toy-2008-06 is champion" in go(settings, region)
    months = {month: (superseded, step) for month, _, superseded, step, _ in written(settings)}
    assert months == {"2008-05": ("2008-06", ""), "2008-06": ("", "")}
    newest, oldest = status.lines(Path(settings.runs), 3)
    assert "ASEAN toy 2008-06: done " in newest
    assert oldest == "ASEAN toy 2008-05: left for 2008-06, which came before it was trained"


def test_a_month_that_is_trained_is_ended_before_a_newer_one(settings: Settings, region: Counting) -> None:
    region.fails = ("gate", KilledError())
    with pytest.raises(KilledError):
        go(settings, region)
    assert "gate (step 3 of 6) since" in next(status.lines(Path(settings.runs), 3))
    region.fails, region.end = None, "2008-06"
    assert "ASEAN-toy-2008-06 is champion" in go(settings, region)
    assert {step for _, _, _, step, _ in written(settings)} == {""}
    assert region.did["issue"] == 2


def test_a_month_before_the_last_one_is_done_already(settings: Settings, region: Counting) -> None:
    go(settings, region)
    region.end = "2008-04"  # rows of a month were taken back
    assert DONE in go(settings, region)
    with pytest.raises(ConfigError, match="lies ahead or is not over"):
        go(replace(settings, until="2999-01"), region)


def test_two_cycles_of_a_region_do_not_run_at_once(settings: Settings, region: Counting) -> None:
    folder = record.folder_of(Path(settings.runs), "ASEAN", "toy")
    with record.locked(folder):
        [shown] = status.lines(Path(settings.runs), 3)
        with pytest.raises(GotongError, match="a cycle of ASEAN-toy runs in another process"):
            go(settings, region)
    assert shown == "ASEAN-toy: agree, the countries are asked which months they report"
    assert not region.did


def test_a_record_without_what_later_steps_need_is_one_line(settings: Settings, region: Counting) -> None:
    go(settings, region)
    [path] = record.folder_of(Path(settings.runs), "ASEAN", "toy").glob("*.json")
    values = json.loads(path.read_text())
    values["steps"]["gate"]["result"] = {}
    path.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="step gate has no champion, keep, promote, reason"):
        go(settings, region)
