"""What a person sees first in MLflow: runs of a region with a level, a group, a colour and a place in two saved views.

A group is the runs that may be ranked against one another. Each has a view of charts and one of a table. The newest
group of two runs or more has the keys CHARTS and TABLE, which `gotong ui` opens; it names the links of the others.
Runs of earlier versions get what they lack; nothing that they measured is changed.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from federation.tracking import comparability, names_0_1
from federation.tracking.run_info import COUNTRY, LEVEL, ONE_COUNTRY, REGION, RUN
from federation.tracking.run_views import Group, charts, table
from federation.tracking.saved_view import MODE, TAG, envelope
from federation.tracking.store import Store, search, tagged

if TYPE_CHECKING:
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"
COLOUR = "mlflow.runColor"
ABOUT = "mlflow.note.content"  # of a run or an experiment: its description
HEADLINE, BETTER = "gotong.headline", "gotong.better"  # tags of a run: its first score, and its better direction
MOST = 10  # groups with views: in a sweep over seeds of synthetic records every seed is one
CHARTS, TABLE = "gotong", "gotong-table"  # keys of the views of the newest run's group
# Okabe and Ito (2008), then Tol's muted: distinct with colour-vision deficiency too. MLflow's own repeat after ten.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#000000", "#882255", "#44AA99", "#DDCC77", "#999999"),
)
EXPERIMENT = (
    "**Each row is a federation; its countries are runs below it.** `better_by/THA`: by how many % Thailand's forecast "
    "is better when trained together than with its own model (of a skill: by how many hundredths); below 0: worse. "
    "`test/SCORE/ARM`: scores on the years of the test. Runs are ranked only within one group (`gotong.comparable`): "
    "the same countries, years and records. The report page of a run is among its artifacts."
)


def colour(place: int) -> str:
    """Of the run at this place in an order that does not change."""
    return COLOURS[place % len(COLOURS)]


def link(base: str, experiment: str, key: str = CHARTS) -> str:
    """The address of a saved view. base: of the server, without a slash at its end."""
    charts = "" if key.startswith(TABLE) else "&compareRunsMode=CHART"
    return f"{base}/#/experiments/{experiment}/runs?{MODE}{charts}&viewStateShareKey={key}"


def adopt(store: Store) -> None:
    """Give runs of earlier versions the tags that they lack. It reads every run. Raises what MLflow raises."""
    ours = [run for run in search(store, "") if RUN in run.data.tags]
    if all(LEVEL in run.data.tags for run in ours):
        return
    countries: dict[str, list[Run]] = {}
    for run in ours:
        if COUNTRY in run.data.tags:
            countries.setdefault(run.data.tags.get(PARENT, ""), []).append(run)
    for parent in (run for run in ours if COUNTRY not in run.data.tags):
        own = countries.get(parent.info.run_id, [])
        codes = sorted(str(run.data.tags[COUNTRY]) for run in own)
        _set_missing(store, parent, {LEVEL: REGION, **comparability.tags(parent.data.params, codes)})
        for run in own:
            _set_missing(store, run, {LEVEL: ONE_COUNTRY, COLOUR: colour(codes.index(run.data.tags[COUNTRY]))})


def refresh(store: Store) -> dict[str, str]:
    """Bring the views of an experiment up to date, from its runs of regions alone. Raises what MLflow raises.

    Returns the key of each group's charts -> what its runs are comparable in; the group that is opened first.
    """
    parents = search(store, tagged({LEVEL: REGION}))
    for place, run in enumerate(sorted(parents, key=lambda run: (run.info.start_time, run.info.run_id))):
        _set_missing(store, run, {COLOUR: colour(place)})
    return _write_views(store, _groups(parents)) if parents else {}


def _set_missing(store: Store, run: "Run", wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        if name not in run.data.tags:
            store.client.set_tag(run.info.run_id, name, value)


def _groups(parents: Iterable["Run"]) -> list[Group]:
    """The newest first, but before it the newest of those that have runs to compare; no more than MOST."""
    groups: dict[str, list[Run]] = {}
    words: dict[str, str] = {}
    for run in sorted(parents, key=lambda run: -run.info.start_time):
        key = run.data.tags.get(comparability.GROUP, "")
        groups.setdefault(key, []).append(run)
        words[key] = run.data.tags.get(comparability.COMPARABLE, "")
    ordered = sorted(groups, key=lambda key: len(groups[key]) < 2)
    return [_group(key, words[key], groups[key]) for key in ordered[:MOST]]


def _group(key: str, words: str, runs: Sequence["Run"]) -> Group:
    values = {name: value for run in reversed(runs) for name, value in run.data.metrics.items()}
    params = [names_0_1.params(run.data.params) for run in runs]
    known = names_0_1.HEADLINES.get(params[0].get("task.name", ""), ("", "smaller"))
    score, better = (runs[0].data.tags.get(tag, old) for tag, old in zip((HEADLINE, BETTER), known, strict=True))
    return Group(key=key, words=words, metrics=values, params=params, score=score, better=better)


def _write_views(store: Store, groups: Sequence[Group]) -> dict[str, str]:
    now, opened = int(time.time() * 1000), {}
    for place, group in enumerate(groups):
        end = "" if place == 0 else f"-{group.key}"
        for key, view in ((CHARTS, charts(group)), (TABLE, table(group))):
            store.client.set_experiment_tag(store.experiment, f"{TAG}{key}{end}", envelope(view, now))
        opened[f"{CHARTS}{end}"] = group.words
    if ABOUT not in store.client.get_experiment(store.experiment).tags:
        store.client.set_experiment_tag(store.experiment, ABOUT, EXPERIMENT)
    return opened
