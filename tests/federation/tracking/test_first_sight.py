"""What a person sees first in MLflow: which runs stand side by side, and the views that open on them."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from federation.settings.parts import TrackingSettings
from federation.tracking import comparability
from federation.tracking.first_sight import CHARTS, COLOUR, adopt, link, refresh
from federation.tracking.run_info import COUNTRY, LEVEL, RunInfo
from federation.tracking.saved_view import TAG
from federation.tracking.store import Store, connect, search
from federation.tracking.tracker import Tracker, replay

WITHOUT = TrackingSettings(name="none")
YEARS = {"task.calendar.validate_until": "2006-12", "task.calendar.test_until": "2008-12", "data": "given"}


def track(runs: Path, name: str, countries: tuple[str, ...], **params: str) -> None:
    """A run whose scores are there."""
    tracker = Tracker(runs / name, WITHOUT, runs=runs, warn=pytest.fail)
    params = {"task.name": "health", **YEARS, **params}
    tracker.begin(RunInfo(id=name, name=name, countries=countries, params=params))
    gains = {f"better_by/{country}": 1.0 for country in countries}
    tracker.metrics({"better_by/region": 2.0, "test/log_wis/federated": 0.3, "cost/seconds": 9, **gains}, step=0)
    tracker.end("FINISHED")
    replay(runs / name, TrackingSettings(), runs)


def state_of(store: Store, key: str) -> dict[str, Any]:
    """What MLflow's front end reads of a saved view."""
    saved = json.loads(store.client.get_experiment(store.experiment).tags[f"{TAG}{key}"])
    return dict(json.loads(zlib.decompress(base64.b64decode(saved["state"].removeprefix("deflate;")))))


def test_runs_that_may_be_ranked_open_first_and_others_have_views_of_their_own(runs: Path) -> None:
    for name, rate in (("one", "0.1"), ("two", "0.2")):
        track(runs, name, ("LAO", "THA"), **{"training.lr": rate})
    track(runs, "elsewhere", ("LAO", "VNM"))
    store = connect(TrackingSettings(), runs)
    opened = refresh(store)
    assert list(opened.values()) == [
        f"health, 2 countries ({codes}), tested after 2006-12 until 2008-12" for codes in ("LAO THA", "LAO VNM")
    ]
    first, second = (state_of(store, key) for key in opened)
    shown = [search(store, state["searchFilter"]) for state in (first, second)]
    assert [{run.info.run_name for run in some} for some in shown] == [{"one", "two"}, {"elsewhere"}]
    drawn = [card.get("selectedMetricKeys") for card in first["compareRunCharts"]]
    assert drawn == [["better_by/region"], ["test/log_wis/federated"], ["better_by/LAO", "better_by/THA"], None]
    assert "params.`training.lr`" in first["selectedColumns"]
    assert "params.`data`" not in first["selectedColumns"], "the runs do not differ in it"


def test_levels_and_colours_are_set_once(runs: Path) -> None:
    track(runs, "one", ("LAO", "THA"))
    store = connect(TrackingSettings(), runs)
    before = {run.info.run_id: dict(run.data.tags) for run in search(store, "")}
    track(runs, "two", ("LAO", "THA"))
    after = {run.info.run_id: run.data.tags for run in search(store, "")}
    assert {run: after[run] for run in before} == before
    parents = [tags for tags in after.values() if COUNTRY not in tags]
    assert {tags[LEVEL] for tags in parents} == {"region"}
    assert len({tags[COLOUR] for tags in parents}) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"task.calendar.test_until": "2009-12"},
        {"task.calendar.excluded_period": "['2007-06', '2008-01']"},
        {"task.calendar.unaligned": "True"},
        {"purpose": "operational"},
        {"data": "synthetic", "seed": "2"},
    ],
)
def test_other_years_records_or_purposes_are_another_group(other: dict[str, str]) -> None:
    params = {"task.name": "health", **YEARS, "seed": "1"}
    assert comparability.tags(params, ["THA"]) == comparability.tags({**params, "rounds": "9"}, ["THA"])
    assert comparability.tags({**params, **other}, ["THA"]) != comparability.tags(params, ["THA"])


def test_a_version_s_old_names_make_no_other_group() -> None:
    old = {"task.name": "health", "task.calendar.apart": "[]", "data": "invented", "seed": "1"}
    new = {"task.name": "health", "task.calendar.excluded_period": "[]", "data": "synthetic", "seed": "1"}
    assert comparability.tags(old, ["THA"]) == comparability.tags(new, ["THA"])


def test_the_link_opens_charts_of_model_training() -> None:
    assert link("http://x:1", "7") == (
        f"http://x:1/#/experiments/7/runs?workflowType=machine_learning&compareRunsMode=CHART&viewStateShareKey={CHARTS}"
    )


def test_runs_of_an_earlier_version_get_what_they_lack(runs: Path) -> None:
    track(runs, "old", ("LAO", "THA"))
    store = connect(TrackingSettings(), runs)
    new = {run.info.run_name: dict(run.data.tags) for run in search(store, "")}
    for run in search(store, ""):
        for name in {LEVEL, COLOUR, comparability.GROUP, comparability.COMPARABLE} & run.data.tags.keys():
            store.client.delete_tag(run.info.run_id, name)
    assert refresh(store) == {}
    adopt(store)
    assert list(refresh(store)) == [CHARTS]
    assert {run.info.run_name: dict(run.data.tags) for run in search(store, "")} == new
