"""Two months by the commands of docs/month.md, as they stand there: what they print, decide, promote and issue."""

import json
import re
import shlex
from pathlib import Path

import pytest

from federation.cli import main
from federation.issuing.archive import issues
from federation.settings.parts import TrackingSettings
from federation.tracking import registry
from federation.tracking.registry import CHAMPION, PREVIOUS
from federation.tracking.store import connect

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
PAGE = Path(__file__).parents[3] / "docs" / "month.md"
NOVEMBER, DECEMBER = "ASEAN-health-2008-11", "ASEAN-health-2008-12"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip()]


def test_two_months_are_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    printed: dict[str, list[list[str]]] = {}
    for command in blocks("bash"):
        program, *words = shlex.split(command)
        assert program == "gotong"
        if words[:2] == ["champion", "rollback"]:
            check_promoted(runs)
        main(words)
        printed.setdefault(" ".join(words), []).append(capsys.readouterr().out.splitlines())
    lasts = [lines[-1] for words, all_lines in printed.items() for lines in all_lines if words.startswith("cycle task")]
    assert len(lasts) == len(blocks("text")) == 3
    for last, expected in zip(sorted(lasts), sorted(blocks("text")), strict=True):
        assert last.startswith(expected)
    [(december, november)] = printed["cycle status"]
    assert "ASEAN health 2008-12: done " in december
    assert "ASEAN health 2008-11: done " in november
    check_issued(runs)
    champion = registry.holders(connect(TrackingSettings(), runs), "ASEAN health")
    assert {alias: each.run for alias, each in champion.items()} == {CHAMPION: NOVEMBER}
    [[exported, *_]] = printed["champion export task=health home=runs"]
    assert exported.startswith(f"ASEAN health: run {NOVEMBER} (version 1), model ")


def check_promoted(runs: Path) -> None:
    """Each promotion follows from its table, and no run was offered twice."""
    store = connect(TrackingSettings(), runs)
    holders = registry.holders(store, "ASEAN health")
    assert {alias: each.run for alias, each in holders.items()} == {CHAMPION: DECEMBER, PREVIOUS: NOVEMBER}
    assert [each.run for each in registry.versions(store, "ASEAN health")] == [NOVEMBER, DECEMBER]
    compared = {each["place"]: each for each in json.loads(holders[CHAMPION].tags[registry.TABLE])}
    assert {*compared} >= {"VNM", "ASEAN"}
    assert compared["ASEAN"]["low"] <= 0, "a refresh is promoted unless its interval lies wholly on the worse side"


def check_issued(runs: Path) -> None:
    """Every country once a month, of that month's own model and mix, and nothing after the third command."""
    for country in ("LAO", "VNM"):
        archived = issues(runs / "nodes" / country)
        assert [each.name for each in archived] == ["health/2008-11/1", "health/2008-12/1"]
        assert [each.content.run for each in archived] == [NOVEMBER, DECEMBER]
        assert {each.content.arm for each in archived} == {"issued"}
        assert [each.content.sent[:10] for each in archived] == ["2008-12-05", "2009-01-05"]
