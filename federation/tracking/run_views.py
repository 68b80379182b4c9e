"""The two saved views of a group of runs: charts of which run is better and for whom, and a table of the same runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from federation.reporting.score_table import FEDERATED, LOCAL
from federation.tracking.comparability import COMPARABLE, GROUP
from federation.tracking.names_0_1 import metric as present_name
from federation.tracking.saved_view import NOTE, Section, View, bars, curves, differing_params, metric, param, tag
from tasks.registry import TASKS
from tasks.task import Task

LEVEL, REGION = "gotong.level", "region"  # a tag and its value: sorting would mix runs of regions and countries
BETTER_BY = "better_by"  # group of metrics: what each country gained; MLflow's first section, for it sorts by name
WHOLE = f"{BETTER_BY}/region"
SETTINGS = ("strategy.name", "rounds", "training.lr", "seed")  # columns, of those in which runs differ
MOST = 6  # settings in the table


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs of regions that may be ranked against one another.

    metrics: all that any of them has, with the value of the newest that has it. params: of each, by present names.
    """

    key: str
    words: str
    metrics: Mapping[str, float]
    params: Sequence[Mapping[str, str]]

    @property
    def task(self) -> Task | None:
        """What they forecast; None for a task that is not installed here."""
        return TASKS.get(self.params[0].get("task.name", ""))

    def named(self, *present: str) -> list[str]:
        """The metrics that there are of these present names, whatever version named them."""
        names: dict[str, list[str]] = {}
        for name in sorted(self.metrics):
            names.setdefault(present_name(name).removeprefix("unaligned/"), []).append(name)
        return [name for each in present for name in names.get(each, [])]

    def gains(self) -> list[str]:
        """Metrics of what each country gained, in alphabetical order."""
        return sorted(name for name in self.metrics if name.startswith(f"{BETTER_BY}/") and name != WHOLE)


def charts(group: Group) -> View:
    """Which run is better, for whom, what was set differently, how it learnt, and its warnings."""
    score, warning = _headline(group), _warning_score(group)
    arms = (FEDERATED, LOCAL, *_strongest_baseline(group, score))
    sections = [
        Section(
            title="Which run is better, in % and by its score",
            cards=_drawn([group.named(WHOLE), group.named(*(f"test/{score}/{arm}" for arm in arms))]),
        ),
        Section(
            title="For whom, in %; below 0: worse than alone",
            cards=_drawn([group.gains()]),
            columns=1,
            height=620,
        ),
        Section(title="What was set differently", cards=[differing_params()], columns=1, height=340),
        Section(
            title="How it learnt, round by round",
            cards=[
                *map(curves, _some([group.named(*(f"validation/{score}/{arm}" for arm in arms))])),
                *map(curves, _some([group.named("round/train_loss", "train_loss")])),
            ],
        ),
        Section(title="Warnings", cards=_drawn([group.named(*(f"test/{warning}/{arm}" for arm in arms))])),
    ]
    return View(
        name=f"Which run is better, and for whom: {group.words}",
        search=f"tags.`{LEVEL}` = '{REGION}' AND tags.`{GROUP}` = '{group.key}'",
        order=_order(group, score),
        ascending=WHOLE not in group.metrics,
        columns=_columns(group, score),
        sections=[section for section in sections if section.cards],
    )


def table(group: Group) -> View:
    """The same as rows: description, gains, scores, the few settings that differ, and what may be compared."""
    view = charts(group)
    return replace(view, name=f"Table: {group.words}", columns={**view.columns, tag(COMPARABLE): 320})


def _headline(group: Group) -> str:
    """The task's first score; of an unknown task one that there is."""
    if group.task is not None:
        return next(iter(group.task.scores))
    ends = f"/{FEDERATED}"
    there = (name for name in sorted(group.metrics) if name.startswith("test/") and name.endswith(ends))
    return next(there, f"test/{ends}").removeprefix("test/").removesuffix(ends)


def _warning_score(group: Group) -> str:
    """The score of warnings that reads as a skill; empty where the task gives none."""
    if group.task is None or group.task.event is None:
        return ""
    prefix = group.task.event(group.task.settings())[1]
    return f"{prefix}brier_skill"


def _strongest_baseline(group: Group, score: str) -> list[str]:
    """The simple forecast that is best by a score; none of an unknown task."""
    if group.task is None:
        return []
    values = {arm: group.named(f"test/{score}/{arm}") for arm in group.task.baselines}
    scored = {arm: group.metrics[names[0]] for arm, names in values.items() if names}
    if not scored:
        return []
    choose = max if group.task.scores[score].better == "larger" else min
    return [choose(scored, key=lambda arm: scored[arm])]


def _order(group: Group, score: str) -> str:
    first = group.named(WHOLE, f"test/{score}/{FEDERATED}")
    return metric(first[0]) if first else "attributes.start_time"


def _columns(group: Group, score: str) -> dict[str, int]:
    """Column -> its width in pixels."""
    gains = {metric(name): 125 for name in group.gains()}
    scores = {metric(name): 150 for name in group.named(*(f"test/{score}/{arm}" for arm in (FEDERATED, LOCAL)))}
    whole = {metric(name): 130 for name in group.named(WHOLE)}
    cost = {metric(name): 120 for name in group.named("cost/seconds")}
    return {NOTE: 320, **whole, **gains, **scores, **{param(name): 130 for name in _differing(group)}, **cost}


def _differing(group: Group) -> list[str]:
    """The settings that differ among the runs, those of SETTINGS first."""
    names = dict.fromkeys([*SETTINGS, *(name for params in group.params for name in params)])
    return [name for name in names if len({params.get(name) for params in group.params}) > 1][:MOST]


def _drawn(lists: Iterable[Sequence[str]]) -> list[Mapping[str, object]]:
    return [bars(names) for names in _some(lists)]


def _some(lists: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    return [names for names in lists if names]
