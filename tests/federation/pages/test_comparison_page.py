"""The page of a comparison: which run is best, for whom, and what may not be ranked."""

import json
from pathlib import Path

import pytest

from federation.cli import main
from federation.pages import comparison_report
from federation.pages.comparison_page import page
from federation.pages.comparison_report import Cell, ComparisonReport, Line, Ranked, Setting
from federation.pages.words import read_words
from federation.settings.values import build
from tests.federation.pages.test_run_page import changed, leaves

EN = read_words()


def cell(run: str, value: float | None, *, best: bool = False, clear: bool = False) -> Cell:
    if value is None:
        return Cell(run=run, value=None, low=None, high=None, best=False, clear=False, gained=None)
    return Cell(run=run, value=value, low=0.2, high=0.4, best=best, clear=clear, gained=-0.01)


def report(*, ranked: bool = True, clear: bool = False) -> ComparisonReport:
    lines = [
        Line(place="THA", ranked=True, cells=[cell("one", 0.3), cell("two", 0.25, best=True)]),
        Line(place="VNM", ranked=True, cells=[cell("one", 0.31, best=True), cell("two", None)]),
        Line(place="ASEAN", ranked=ranked, cells=[cell("one", 0.3), cell("two", 0.28, best=ranked, clear=clear)]),
    ]
    settings = [Setting(name="rounds", values=["4", "8"])]
    group = Ranked(
        title="health", score="log_wis", better="smaller", runs=["one", "two"], lines=lines, settings=settings
    )
    return ComparisonReport(arm="federated", groups=[group], alone=["other"])


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (report(), "two is best in the region (0.280), but the runs&#39; intervals overlap: it may be chance."),
        (report(clear=True), "two is best in the region (0.280), and clearly so."),
        (report(ranked=False), "The region has no best run, for these runs are of different countries."),
    ],
)
def test_the_first_sentence_names_the_best_run_of_those_that_may_be_ranked(made: ComparisonReport, words: str) -> None:
    text = page(made, EN)
    assert f"<h1>{words}</h1>" in text
    assert "<p>one has the best number in 1 of 2: Vietnam; clearly in none.</p>" in text
    assert "Not comparable with any other, for they are of other years, records or purposes: other." in text


def test_every_number_of_the_json_is_on_the_page() -> None:
    values = json.loads(comparison_report.text(report()))
    for path in leaves(values):
        assert page(build(ComparisonReport, changed(values, path), "test"), EN) != page(report(), EN), path


def test_a_file_that_is_no_page_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [
        {"task": "health", "country": "THA", "arm": "federated", "score": "log_wis", "horizon": "all"}
        | {"value": value, "low": None, "high": None, "n": 9}
        for value in (0.1, 0.2)
    ]
    for name, row in zip(("one", "two"), rows, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps([row]))
        begin = {"do": "begin", "params": {}, "tags": {"gotong.title": "Dengue cases"}}
        (tmp_path / name / "tracking.jsonl").write_text(json.dumps(begin) + "\n")
    with pytest.raises(SystemExit):
        main(["compare", f"runs={tmp_path}", "to=page.pdf"])
    assert "to=page.pdf must end in .html" in capsys.readouterr().err
    main(["compare", f"runs={tmp_path}", f"to={tmp_path / 'page.html'}"])
    text = (tmp_path / "page.html").read_text()
    assert '<td class="yes">0.100</td><td>0.200</td>' in text
    assert '<p class="soft">Dengue cases</p>' in text
