"""The two saved views of a group of runs: charts of which run is better and for whom, and a table of the same runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from federation.reporting.score_table import FEDERATED, LEARNT, LOCAL
from federation.tracking.comparability import COMPARABLE, GROUP
from federation.tracking.names_0_1 import metric as present_name
from federation.tracking.run_info import LEVEL, REGION
from federation.tracking.saved_view import NOTE, Section, View, bars, curves, differing_params, metric, param, tag

BETTER_BY = "better_by"  # group of metrics: what each country gained; MLflow's first section, for it sorts by name
WHOLE = f"{BETTER_BY}/region"
CONTRIBUTED = "contributed"  # group of metrics: what each country contributed to a simulation that was asked to say so
SETTINGS = ("strategy.name", "rounds", "training.lr", "seed")  # columns, of those in which runs differ
MOST = 6  # settings in the table


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs of regions that may be ranked against one another.

    metrics: all that any of them has, with the value of the newest that has it. params: of each, by present names.
    score: the headline, and which direction of it is better. Nothing here knows a task: that would load torch.
    """

    key: str
    words: str
    metrics: Mapping[str, float]
    params: Sequence[Mapping[str, str]]
    score: str
    better: str

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
    score = group.score
    arms = (FEDERATED, LOCAL, *_strongest_baseline(group))
    skills = [name for name in group.metrics if "brier_skill" in name and score not in name]
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
        Section(
            title="What each country contributed, in % of what the model gained",
            cards=_drawn([sorted(name for name in group.metrics if name.startswith(f"{CONTRIBUTED}/"))]),
            columns=1,
        ),
        Section(title="Warnings", cards=_drawn([group.named(*sorted(map(present_name, skills)))])),
    ]
    return View(
        name=f"Which run is better, and for whom: {group.words}",
        search=f"tags.`{LEVEL}` = '{REGION}' AND tags.`{GROUP}` = '{group.key}'",
        order=_order(group),
        ascending=WHOLE not in group.metrics and group.better == "smaller",
        columns=_columns(group),
        sections=[section for section in sections if section.cards],
    )


def table(group: Group) -> View:
    """The same as rows: description, gains, scores, the few settings that differ, and what may be compared."""
    view = charts(group)
    return replace(view, name=f"Table: {group.words}", columns={**view.columns, tag(COMPARABLE): 320})


def _strongest_baseline(group: Group) -> list[str]:
    """The simple forecast that is best by the headline; none where none was scored."""
    start = f"test/{group.score}/"
    present = {present_name(name).removeprefix("unaligned/"): value for name, value in group.metrics.items()}
    scored = {name.removeprefix(start): value for name, value in present.items() if name.startswith(start)}
    simple = [arm for arm in scored if arm not in LEARNT]
    if not simple:
        return []
    choose = max if group.better == "larger" else min
    return [choose(simple, key=lambda arm: scored[arm])]


def _order(group: Group) -> str:
    first = group.named(WHOLE, f"test/{group.score}/{FEDERATED}")
    return metric(first[0]) if first else "attributes.start_time"


def _columns(group: Group) -> dict[str, int]:
    """Column -> its width in pixels."""
    gains = {metric(name): 125 for name in group.gains()}
    scores = {metric(name): 150 for name in group.named(*(f"test/{group.score}/{arm}" for arm in (FEDERATED, LOCAL)))}
    whole = {metric(name): 130 for name in group.named(WHOLE)}
    cost = {metric(name): 120 for name in group.named("cost/seconds", "cost/energy_wh", "cost/carbon_g")}
    return {NOTE: 320, **whole, **gains, **scores, **{param(name): 130 for name in _differing(group)}, **cost}


def _differing(group: Group) -> list[str]:
    """The settings that differ among the runs, those of SETTINGS first."""
    names = dict.fromkeys([*SETTINGS, *(name for params in group.params for name in params)])
    return [name for name in names if len({params.get(name) for params in group.params}) > 1][:MOST]


def _drawn(lists: Iterable[Sequence[str]]) -> list[Mapping[str, object]]:
    return [bars(names) for names in _some(lists)]


def _some(lists: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    return [names for names in lists if names]
