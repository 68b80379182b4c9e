"""A country's own page of a sealed run: its own scores, which nobody else has, and the region's as published."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from federation.deployment.node.own_report import home_report
from federation.pages import home_report as reports
from federation.pages.home_page import page
from federation.pages.home_report import HomeReport
from federation.pages.words import read_words
from federation.reporting.rows import ALL, PAIRED
from federation.settings.values import build
from federation.vault import own_results
from tests.federation.pages.reports import place
from tests.federation.pages.reports import report as region_of
from tests.federation.pages.test_run_page import changed, leaves
from tests.federation.sealed.federation import prepared, ran

pytestmark = pytest.mark.usefixtures("toy")
EN = read_words()


def test_a_country_sees_its_own_scores_of_a_sealed_run_and_of_others_none(tmp_path: Path) -> None:
    simulation = prepared(tmp_path)
    ran(simulation)
    vault = next(each for each in simulation.vaults.values() if each.country == "THA")
    coordinators = region_of(place("ASEAN", 5.0), place("THA", state="sealed"), place("VNM", state="sealed"))
    made = home_report(vault.database, "THA", "run", coordinators)
    assert made is not None
    own = own_results.of_run(vault.database, "run", "THA")
    assert own is not None
    known = {(row.part, row.arm, row.score): row for row in own.rows if row.horizon == ALL}
    together, alone = (known["test", arm, made.score] for arm in ("federated", "local"))
    difference = known[PAIRED, "federated-local", made.score]
    assert made.gain is not None
    assert made.gain.value == pytest.approx(100 * (1 - together.value / alone.value))
    ends = sorted(-100 * end / alone.value for end in (difference.low, difference.high))
    assert [made.gain.low, made.gain.high] == pytest.approx(ends)
    assert made.region is not None
    assert {each.code: each.state for each in made.region.countries} == {"THA": "scored", "VNM": "sealed"}
    html = page(made, EN)
    assert "Vietnam kept at home" in html
    assert '<ul class="key">' in html  # of its own colour
    assert "Thailand: trained together" in html
    assert home_report(vault.database, "THA", "other", None) is None


def test_every_number_of_the_country_is_on_its_page(tmp_path: Path) -> None:
    simulation = prepared(tmp_path, rounds=1, protection="none")
    ran(simulation)
    vault = next(iter(simulation.vaults.values()))
    made = home_report(vault.database, vault.country, "run", None)
    assert made is not None
    assert [each.kind for each in made.left] == ["update", "scores"]
    named = replace(made, score="log_wis", scores=[replace(each, score="log_wis") for each in made.scores])
    assert page(named, EN).count(EN.name("scores", "log_wis")) == 2  # in the table, and below it
    assert EN.name("scores", "log_wis") != "log_wis"
    gain = made.gain and replace(made.gain, low=-1.0, high=12.0)  # of two half-years there may be none
    made = replace(made, gain=gain)
    values, shown = json.loads(reports.text(made)), page(made, EN)
    for path in leaves(values):
        if path[-1] != "n":
            assert page(build(HomeReport, changed(values, path), "test"), EN) != shown, f"{path} is not on the page"
