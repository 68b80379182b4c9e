"""What the flood warnings of a finished run of task=river are worth, in the tables of docs/results/river_floods.md.

    scripts/bench floods run=NAME data=DIR [runs=DIR] [levels=DIR] [every=DAYS] [countries=AUT,CHE]

The run's forecasts are made again from what its vaults kept. levels: national files with longer records of the same
gauges, whose training years say what a flood is; none: those of data. every: from one origin of a gauge to the next;
none: that of the run. countries: none: those that train. Every country calibrates the chances of each arm on its own
validation years, as in a run. Scores do without the rules of small counts: these records are public. Intervals of
differences are of blocks of a year that both arms share.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.forecasting import VAULT, memory_in
from federation.settings.schema import Settings
from federation.vault.own_models import issuing
from tasks.data import Array, Panel, Part, Windows
from tasks.evaluation.event_scores import itself
from tasks.evaluation.paired_difference import Blocks, blocks, merge_blocks, paired_interval
from tasks.evaluation.scores import Evaluated, Sums, brier, merge, skill
from tasks.files.folders import country_folder
from tasks.registry import TASKS
from tasks.river.floods.calibrating import calibrate, event
from tasks.river.floods.events import of_windows
from tasks.river.floods.scores import hours_of_lead, of_rule, with_f1
from tasks.river.settings import RiverSettings

ARMS = ("persistence", "recession", "local", "federated", "adapted", "issued")
PAIRS = (("adapted", "recession"), ("issued", "recession"), ("issued", "adapted"), ("adapted", "local"))
SCORES = {
    "skill": skill(brier, magnitude=False),
    "table": with_f1(itself, ""),
    "rule": of_rule(itself, "rule_"),
    "hours": hours_of_lead(itself, "hours_a_flood"),
}
SHOWN = (  # score, number of it, its name in the table
    ("table", "precision", "precision, from `cost_loss` on"),
    ("table", "recall", "recall"),
    ("table", "f1", "F1"),
    ("rule", "rule_precision", "precision of the rule of action"),
    ("rule", "rule_recall", "its recall"),
    ("rule", "", "its F1"),
    ("hours", "", "hours of lead of a warning"),
    ("hours", "hours_a_flood", "hours of lead, 0 where missed"),
)
LEADS = (1, 3, 7)
PARTS: tuple[Part, ...] = ("validation", "test")


@dataclass(frozen=True, kw_only=True)
class Country:
    """Arm -> the chances of 2-year floods by day, with what is usual as the reference; and the floods by day, (7,)."""

    chances: dict[str, Evaluated]
    floods: Array


def main(words: list[str]) -> None:
    """Print the tables."""
    given = dict(word.split("=", 1) for word in words)
    run = Path(given.get("runs", "runs")) / given["run"]
    whole = restore(Settings, checkpoint.read_header(run / checkpoint.FILE)["settings"], "checkpoint")
    settings = whole.task
    assert isinstance(settings, RiverSettings), f"{run} is a run of task={settings.name}"
    every = int(given.get("every", str(settings.every)))
    countries: dict[str, Country] = {}
    training = [name for name in whole.region.countries if name not in whole.hold_out]
    for name in given["countries"].split(",") if "countries" in given else training:
        one = _country(run, whole, given, name, every)
        if one is not None:
            countries[name] = one
    print(f"{settings.mode}, an origin every {every} days\n")
    print(f"| Brier skill by day {'/'.join(map(str, LEADS))} | floods | {' | '.join(ARMS)} |")
    print("|---" * (len(ARMS) + 2) + "|")
    for name, one in countries.items():
        _line(name, one.floods, {arm: [SCORES["skill"].sums(each)] for arm, each in one.chances.items()}, "skill")
    _together(list(countries.values()))
    _paired(list(countries.values()))


def _country(run: Path, whole: Settings, given: dict[str, str], name: str, every: int) -> Country | None:
    """None of a country whose vault knows no test, or that has no flood to be scored."""
    task, memory = TASKS["river"], memory_in(run / VAULT, name, run.name)
    if not memory:
        return None
    panel = _panel(given["data"], name, whole, every)
    floods = _restored(_panel(given.get("levels", given["data"]), name, whole, every), panel, whole)
    windows = task.windows(panel, whole.task)
    chances: dict[str, Evaluated] = {}
    for arm in ARMS:
        flows: list[Evaluated] = []
        for part in PARTS:
            some = windows.only(part)
            if arm in task.baselines:
                forecast = task.baselines[arm](panel, some, whole.task)
            else:
                forecast = issuing.forecast(memory, name, run.name, whole.plan(), arm, panel, some)
            flows.append(_flow(forecast, some, floods, panel, whole))
        chances[arm] = _chances(replace(flows[1], calibration=calibrate(flows[0])))
    count = np.nansum(next(iter(chances.values())).observed, axis=0)
    return Country(chances=chances, floods=count) if count.any() else None


def _panel(data: str, name: str, whole: Settings, every: int) -> Panel:
    panel = TASKS["river"].read(country_folder(Path(data), name), name, whole.task)
    return replace(panel, static={**panel.static, "every": np.full(len(panel.places), every)})


def _restored(longer: Panel, panel: Panel, whole: Settings) -> dict[str, Array]:
    """Name -> (P, T, ...) of what scores of floods need, of the panel's days."""
    assert longer.places == panel.places, f"{longer.country}: levels= has other gauges than data="
    assert isinstance(whole.task, RiverSettings)
    kept = np.isin(longer.periods, panel.periods)
    return {key: each.values[:, kept] for key, each in of_windows(longer, whole.task).items()}


def _flow(forecast: Array, windows: Windows, floods: dict[str, Array], panel: Panel, whole: Settings) -> Evaluated:
    at = (windows.origin - panel.periods[0]).astype(np.int64)
    return Evaluated(
        forecast=forecast,
        reference=forecast,
        observed=windows.observed,
        place=windows.place,
        origin=windows.origin,
        step="day",
        cost_loss=whole.task.cost_loss,
        restore={key: values[windows.place, at] for key, values in floods.items()},
        settings=whole.task,
    )


def _chances(flow: Evaluated) -> Evaluated:
    chance, usual, happened = event(2)(flow)
    return replace(flow, forecast=chance[..., None], reference=usual[..., None], observed=happened, restore={})


def _together(countries: list[Country]) -> None:
    floods = np.sum([one.floods for one in countries], axis=0)
    arms = [arm for arm in ARMS if all(arm in one.chances for one in countries)]
    sums = {
        name: {arm: [of.sums(one.chances[arm]) for one in countries] for arm in arms} for name, of in SCORES.items()
    }
    _line("all", floods, sums["skill"], "skill")
    for score, number, label in SHOWN:
        _line(label, floods, sums[score], score, number)


def _line(label: str, floods: Array, sums: dict[str, list[Sums]], score: str, number: str = "") -> None:
    of = SCORES[score]
    estimate = of.derived[number].estimate if number else of.estimate
    form = ".0f" if score == "hours" else ".3f"
    cells = []
    for arm in ARMS:
        value = estimate(merge(sums[arm])).value if arm in sums else np.full(8, np.nan)
        cells.append("/".join("–" if np.isnan(value[lead - 1]) else format(value[lead - 1], form) for lead in LEADS))
    print(f"| {label} | {'/'.join(f'{floods[lead - 1]:.0f}' for lead in LEADS)} | {' | '.join(cells)} |")


def _paired(countries: list[Country]) -> None:
    print(f"\n| difference of Brier skill | {' | '.join(f'by day {lead}' for lead in LEADS)} |")
    print("|---" * (len(LEADS) + 1) + "|")
    for mine, other in PAIRS:
        parts: list[Blocks] = [
            blocks(SCORES["skill"], one.chances[mine], one.chances[other])
            for one in countries
            if {mine, other} <= one.chances.keys()
        ]
        if not parts:
            continue
        interval = paired_interval(merge_blocks(parts))
        cells = (
            f"{interval['value'][lead - 1]:+.3f} [{interval['low'][lead - 1]:+.3f}, {interval['high'][lead - 1]:+.3f}]"
            for lead in LEADS
        )
        print(f"| {mine} less {other} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
