"""A run's page shows its JSON and nothing else, and the JSON is what the run left in its folder."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from html.parser import HTMLParser
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from federation.errors import ConfigError
from federation.pages import run_page, run_report
from federation.pages.numbers import score
from federation.pages.run_report import RunReport
from federation.pages.words import read_words
from federation.reporting.rows import PAIRED, RESULTS, read_json
from federation.runs.session import conduct
from federation.settings.values import build
from federation.tracking import spool
from tests.federation.federations import FOUR, ready, settings_of
from tests.federation.pages.reports import place, report, usual

EN = read_words()
UNSEEN = {"whole.sent", "whole.received", "whole.rounds", "whole.examples"}  # of the region, which sends nothing


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the numbers are."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def changed(values: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    copy: Any = deepcopy(values)
    *inner, last = path
    one = copy
    for key in inner:
        one = one[key]
    one[last] = one[last] * 3 + 1_000_000 if isinstance(one[last], int) else one[last] * 1.5 + 0.1
    return dict(copy)


def test_every_number_of_the_json_is_on_the_page() -> None:
    values = json.loads(run_report.text(usual()))
    shown = run_page.page(usual(), EN)
    for path in leaves(values):
        if ".".join(map(str, path)) not in UNSEEN:
            other = build(RunReport, changed(values, path), "test")
            assert run_page.page(other, EN) != shown, f"{path} is not on the page"


def test_a_report_comes_back_from_its_file(tmp_path: Path) -> None:
    (tmp_path / run_report.FILE).write_text(run_report.text(usual()))
    assert run_report.read(tmp_path / run_report.FILE) == usual()


HOSTILE: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "a unit without words": (("unit",), "furlongs"),
    "a direction without words": (("better",), "{x}"),
    "a state without words": (("countries", 0, "state"), "<b>"),
    "a way of counting without words": (("energy", "how"), "guessed"),
    "no number": (("countries", 0, "gain", "value"), float("nan")),
    "no number of a curve": (("learning", 0, "y", 1), float("inf")),
    "a number of 401 digits": (("countries", 0, "sent"), 10**400),
    "half an interval": (("whole", "gain", "high"), None),
    "fewer than no forecasts": (("reliability", 0, "n", 0), -5),
    "a curve without a point": (("learning", 0), {"arm": "federated", "x": [], "y": []}),
    "a curve of two lengths": (("learning", 0, "y"), [0.5]),
}


@pytest.mark.parametrize(("at", "wrong"), HOSTILE.values(), ids=HOSTILE)
def test_a_report_that_somebody_else_wrote_is_refused_in_a_line(
    tmp_path: Path, at: tuple[str | int, ...], wrong: Any
) -> None:
    values = json.loads(run_report.text(usual()))
    one: Any = values
    for key in at[:-1]:
        one = one[key]
    one[at[-1]] = wrong
    file = tmp_path / run_report.FILE
    for content in (json.dumps(values), "[" * 100_000):
        file.write_text(content)
        with pytest.raises(ConfigError, match="is no report of a run"):
            run_report.read(file)


def test_a_page_asks_nobody_for_anything_and_escapes_what_others_wrote() -> None:
    hostile = report(place("ASEAN"), place("THA", state="refused", why="<img src=//x>"), run='"><script>x</script>')
    text = run_page.page(hostile, EN)
    assert "<img" not in text
    assert "<script" not in text
    assert re.findall(r"""(?:href|url)\s*[=(](?!#)""", text) == []  # but for a pattern in the page itself
    assert "&lt;img src=" in text
    assert "default-src 'none'" in text
    assert len(run_page.page(usual(), EN).encode()) < 300_000


class Cells(HTMLParser):
    """The rows of all tables, as the texts of their cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


@pytest.mark.usefixtures("toy")
def test_a_finished_run_leaves_its_page_and_sends_it_to_mlflow(tmp_path: Path) -> None:
    prepared = ready(settings_of(tmp_path, FOUR))
    conduct(lambda: prepared)
    folder = prepared.run.folder
    made = run_report.read(folder / run_report.FILE)
    text = (folder / run_page.PAGE).read_text("utf-8")
    assert text == run_page.page(made, EN)
    sent = {each["path"] for each in spool.read_all(folder / spool.NAME) if each["do"] == "artifact"}
    assert {run_report.FILE, run_page.PAGE} <= sent
    rows = {
        (row.country, row.arm): row for row in read_json(folder / RESULTS) if (row.score, row.horizon) == ("mse", "all")
    }
    table = {row[0]: row for row in Cells(text).rows[:7]}
    for name, code in (("Region", "ASEAN"), ("Thailand", "THA"), ("Laos", "LAO")):
        own, together, gap = (rows[code, arm] for arm in ("local", "federated", "federated-local"))
        assert gap.part == PAIRED
        assert isfinite(gap.low)
        assert table[name][1:3] == [score(own.value), score(together.value)]
        by = 100 * (own.value - together.value) / own.value
        assert table[name][3] == f"{by:+.1f}\u00a0%".replace("-", "−")
        assert table[name][5] == ("no" if gap.low < 0 < gap.high else "yes" if by > 0 else "yes, worse")
    left = {row[0]: row for row in Cells(text).rows if len(row) == 6 and row[0] == "Thailand"}["Thailand"]
    assert left[3] == "3"
    assert asdict(made)["weights"] == 6


def test_a_sealed_country_s_scores_stay_at_home_on_the_page_too() -> None:
    sealed = report(place("ASEAN", 5.0), place("THA", state="sealed", sent=9), protection="sealed")
    text = run_page.page(sealed, EN)
    assert text.count("kept at home") >= 3  # on its tile, in the table, and with what it sent
    assert EN("run.map_note") in run_page.page(usual(), EN)
    assert EN("run.map_note") not in text  # there is no colour to explain
    [row] = [row for row in Cells(text).rows if row[0] == "Thailand" and len(row) == 5]
    assert row == ["Thailand", "–", "–", "kept at home", "–"]
