"""What a finished run is offered as: recipes across versions, studies, and countries that came or went."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.coordinator import checkpoint
from federation.cycle import offer
from federation.cycle.offer import Finished
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.settings.schema import OPERATIONAL, Settings
from federation.settings.values import plain
from federation.studies.champion import REFRESH
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
    before = offer.read(str(tmp_path), "may").settings
    assert offer.unlike_keys(settings, before) == []
    assert offer.unlike_keys(replace(settings, rounds=4, seed=5, purpose=OPERATIONAL), before) == ["rounds"]


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
