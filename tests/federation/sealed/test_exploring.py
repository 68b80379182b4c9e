"""`gotong explore` under seals: sums over countries, equal to an independent count, and nothing of a single one."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator import sealed_explore
from federation.errors import QuorumError
from federation.reporting.explored_region import RegionExplored, sentences, table
from federation.runs.simulation import Simulation
from federation.seals.exploring import codec
from federation.seals.masks import read_words
from federation.settings.plan import NOISED
from federation.vault import ledger
from federation.verbs.explore import ExploreSettings, look
from federation.wire.frame import Frame
from tests.federation.federations import settings_of
from tests.federation.sealed.federation import FIVE, Line, LineGrid, prepared, untouched
from tests.federation.toy import TOY, ToySettings, places_of

ALLOWED = dict.fromkeys(
    (*FIVE, "MYS", "PHL"), 'required_protection = ["sealed"]\nexplore = true\nmembers_change = false\n'
)


def explored(simulation: Simulation, line: Line | None = None, run: str = "look") -> RegionExplored:
    federation = replace(simulation.run.federation, run=run)
    return sealed_explore.explore(LineGrid(simulation, line or Line()), federation)


def longer(simulation: Simulation, *countries: str) -> None:
    """A further year of some countries, in which the first place did not report in March."""
    for vault in simulation.vaults.values():
        if vault.country in countries:
            rows = [
                f"p{place},2009-{month:02d},0.1,{'nan' if (place, month) == (0, 3) else 0.2}\n"
                for place in range(places_of(vault.country))
                for month in range(1, 13)
            ]
            with (vault.folder / TOY.file).open("a") as file:
                file.writelines(rows)


def test_sums_are_those_of_an_independent_count(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    simulation, line = prepared(tmp_path, policies=ALLOWED), Line()
    longer(simulation, "IDN", "KHM", "THA")
    region = explored(simulation, line)
    places = sum(map(places_of, FIVE))
    assert (region.countries, region.places) == (FIVE, places)
    assert region.can == {"train": 5, "validation": 5, "test": 5}
    usual, last = region.years[:-1], region.years[-1]
    assert [each.year for each in usual] == list(range(1999, 2009))
    assert {(each.countries, each.reported, each.expected) for each in usual} == {(5, 12 * places, 12 * places)}
    some = 12 * sum(map(places_of, ("IDN", "KHM", "THA")))
    assert (last.year, last.countries, last.reported, last.expected) == (2009, 3, some - 3, some)
    assert "5 can train" in sentences(region)[0]
    assert table(region).row_count == 11
    frames = [read_words(frame.arrays["words"].tobytes()) for _, frame in line.replies if "words" in frame.arrays]
    assert [each.size for each in frames] == [codec(1).words] * 5 + [codec(2).words] * 5
    for each in frames:  # masked: no count of a country is in its frame
        assert np.unique(each).size > 0.9 * each.size
    database = next(iter(simulation.vaults.values())).database
    kinds = {row.kind for row in ledger.entries(database)}
    assert kinds == {f"explore_{kind}" for kind in ("keys", "deal", "sum", "reveal", "end")}
    assert ledger.rounds_served(database, "THA", datetime(2000, 1, 1, tzinfo=UTC)) == 2


def test_a_year_of_too_few_countries_is_summed_by_nobody(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    simulation = prepared(tmp_path, policies=ALLOWED)
    longer(simulation, "IDN", "THA")
    last = explored(simulation).years[-1]
    assert (last.year, last.countries, last.reported, last.expected) == (2009, 2, None, None)


def test_a_country_that_did_not_say_so_adds_nothing(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    policies = {**ALLOWED, "LAO": 'required_protection = ["sealed"]\nexplore = false\n'}
    with pytest.raises(QuorumError, match=r"LAO .*its policy has explore = false"):
        explored(prepared(tmp_path / "a", policies=policies))
    more = {**ALLOWED, "LAO": 'required_protection = ["sealed", "differential_privacy"]\nexplore = true\n'}
    with pytest.raises(QuorumError, match=r"LAO .*sealed and differential_privacy"):
        explored(prepared(tmp_path / "b", policies=more))
    open_too = {**ALLOWED, "VNM": "explore = true\n", "LAO": ALLOWED["LAO"] + "members_sealed_only = true\n"}
    with pytest.raises(QuorumError, match="LAO refuses a run with VNM, who serve runs that are not sealed"):
        explored(prepared(tmp_path / "c", policies=open_too))


def test_the_second_sum_is_of_the_countries_of_the_first(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    refusals: list[str] = []

    def request(_: str, frame: Frame) -> Frame:
        second = frame.kind == "explore_reveal" and frame.header["round"] == 2
        return replace(frame, arrays=dict(list(frame.arrays.items())[:3])) if second else frame

    def reply(country: str, frame: Frame) -> Frame | None:
        refusals.extend([str(frame.header["reason"])] if frame.kind == "refused" else [])
        return untouched(country, frame)

    with pytest.raises(QuorumError, match="0 countries signed the list"):
        explored(prepared(tmp_path, policies=ALLOWED), Line(request=request, reply=reply))
    assert len(refusals) == 5
    assert all("has other countries than the first" in each for each in refusals)


def test_two_explorations_may_not_differ_by_a_country(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    simulation = prepared(tmp_path, policies=ALLOWED)
    explored(simulation)
    nodes = {country: node for country, node in simulation.run.federation.nodes.items() if country != "VNM"}
    fewer = replace(simulation.run.federation, nodes=nodes, run="other")
    with pytest.raises(QuorumError, match="would tell"):
        sealed_explore.explore(LineGrid(simulation, Line()), fewer)
    assert explored(simulation, run="again").countries == FIVE


def test_from_the_command_line(tmp_path: Path, toy: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    settings = settings_of(tmp_path, FIVE, name="look")
    given = ExploreSettings(
        task=ToySettings(), strategy=settings.strategy, region=settings.region, runs=settings.runs, protection="sealed"
    )
    look(given)
    assert "Of 5 countries (IDN, KHM, LAO, THA, VNM) 5 can train" in capsys.readouterr().out
    assert NOISED not in given.protection
