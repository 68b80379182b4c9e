"""What a finished run is offered as: recipes across versions, studies, and countries that came or went."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.coordinator import checkpoint
from federation.cycle import finished, offer
from federation.cycle.finished import Finished
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.runs.operational import refit_of
from federation.settings.schema import OPERATIONAL, Settings
from federation.settings.values import plain
from federation.studies.champion import REFRESH, Decision
from federation.tracking.registry import Version
from tests.federation.federations import settings_of

HOLDER = Version(number="1", run="may", digest="", tags={})


def header_of(settings: Settings, countries: list[str]) -> Mapping[str, Any]:
    return {"settings": plain(settings), "countries": countries}


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch, toy: None) -> dict[str, Mapping[str, Any]]:  # noqa: ARG001
    """What checkpoints hold, by the name of their run."""
    there: dict[str, Mapping[str, Any]] = {}
    monkeypatch.setattr(run_folder, "existing", lambda runs, name: Path(runs) / name)
    monkeypatch.setattr(checkpoint, "read_header", lambda path: there[path.parent.name])
    return there


def test_a_key_that_the_champions_version_did_not_have_makes_no_new_recipe(
    headers: dict[str, Mapping[str, Any]], tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    old = header_of(settings, ["LAO"])
    del old["settings"]["adaptation"]["years"], old["settings"]["start_from_weights"]
    headers["may"] = old
    before = finished.read(str(tmp_path), "may").settings
    assert finished.unlike_keys(settings, before) == []
    assert finished.unlike_keys(replace(settings, rounds=4, seed=5, purpose=OPERATIONAL), before) == ["rounds"]


def test_a_first_champion_says_what_it_is(headers: dict[str, Mapping[str, Any]], tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    run = Finished(folder=tmp_path / "june", settings=settings, countries=("LAO", "VNM"))
    _, decision = offer.decide(run, None, [])
    assert decision.promote
    assert decision.reason == (
        "the first champion, of 2 countries (LAO, VNM), without BRN, IDN, KHM, MMR, MYS, PHL, SGP, THA, TLS of ASEAN, "
        "a study: it has learnt nothing after 2004-12"
    )
    headers["may"] = header_of(settings, ["LAO", "THA"])
    operational = replace(settings, purpose=OPERATIONAL, until="2008-05", fold="june-fold")
    kind, decision = offer.decide(replace(run, settings=operational), HOLDER, [])
    assert (kind, decision.promote) == (REFRESH, True)
    assert decision.reason.startswith("the first operational run, after the study may of its recipe: of 2 countries")
    other = replace(run, settings=replace(operational, rounds=9))
    with pytest.raises(ConfigError, match=r"another recipe than the champion, the study may \(rounds\)"):
        offer.decide(other, HOLDER, [])


def test_a_new_operational_recipe_rests_on_a_study_of_both_recipes(
    headers: dict[str, Mapping[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold chose its rounds by the months on which it was compared: that is no proof for its own recipe."""
    monkeypatch.setattr(finished, "state", lambda _: "FINISHED")
    monkeypatch.setattr(offer, "read_json", lambda _: [])
    today = settings_of(tmp_path)
    tried = replace(today, rounds=9)

    def refit(settings: Settings, name: str) -> Settings:
        return refit_of(replace(settings, purpose=OPERATIONAL, until="2008-05"), name)

    headers["may"] = header_of(refit(today, "may"), ["LAO"])
    run = Finished(folder=tmp_path / "july", settings=refit(tried, "july"), countries=("LAO",))

    def offered(evidence: str | None = None, **studies: Settings) -> Decision:
        headers.update({name: header_of(each, ["LAO"]) for name, each in studies.items()})
        return offer.decide(run, HOLDER, [], chosen_until="2006-12", evidence=evidence)[1]

    with pytest.raises(ConfigError, match=r"a new recipe \(rounds\), and its fold chose .* evidence=STUDY"):
        offered()
    with pytest.raises(ConfigError, match="no study that was run with champion="):
        offered("alone", alone=tried)
    with pytest.raises(ConfigError, match="run other has not the recipe of run july: rounds"):
        offered("other", other=replace(today, champion="today"), today=today)
    with pytest.raises(ConfigError, match="run today has not the recipe of the champion, may: rounds"):
        offered("tried", tried=replace(tried, champion="today"), today=tried)
    earlier = replace(today.task, calendar=replace(today.task.calendar, train_until="2004-06"))
    with pytest.raises(ConfigError, match=r"must be studies of one task\.calendar"):
        offered("tried", tried=replace(tried, champion="today"), today=replace(today, task=earlier))
    decision = offered("tried", tried=replace(tried, champion="today"), today=today)
    assert not decision.promote
    assert decision.reason.endswith("in the study tried")
