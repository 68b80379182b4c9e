"""What the flood warnings of finished runs of task=river are worth, in the tables of docs/results/river_floods.md.

    scripts/bench floods run=NAME[,NAME] data=DIR [runs=DIR] [levels=DIR] [every=DAYS] [countries=AUT,CHE]

Several runs differ in nothing but their seed: what they warned of is counted together, and intervals are the means of
theirs. Forecasts are made again from what the vaults kept, on records as long as the run took them (`record_years`).
What a flood is say all training years of levels, or where that is left out those of data. every: days from one origin
of a gauge to the next; none: those of the run. countries: none: those that train. Every country calibrates the chances
of each arm on its own validation years, as in a run. Scores do without the rules of small counts: these records are
public. Intervals of differences are of blocks of a year that both arms share.
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
from tasks.evaluation.of_windows import evaluated
from tasks.evaluation.paired_difference import blocks, merge_blocks, paired_interval
from tasks.evaluation.pointwise import brier
from tasks.evaluation.score import Evaluated, Sums, merge
from tasks.evaluation.scores import skill
from tasks.files.folders import country_folder
from tasks.registry import TASKS
from tasks.river.floods.calibrating import calibrate, event
from tasks.river.floods.events import of_windows
from tasks.river.floods.scores import hours_of_lead, of_rule, with_f1
from tasks.river.settings import RiverSettings
from tasks.windows import with_record_of

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
    """Arm -> of each run, chances of 2-year floods by day, what is usual being the reference; floods by day, (7,)."""

    chances: dict[str, list[Evaluated]]
    floods: Array


def main(words: list[str]) -> None:
    """Print the tables."""
    given = dict(word.split("=", 1) for word in words)
    folders = [Path(given.get("runs", "runs")) / name for name in given["run"].split(",")]
    plans = [restore(Settings, checkpoint.read_header(each / checkpoint.FILE)["settings"], "c") for each in folders]
    whole, settings = plans[0], plans[0].task
    assert isinstance(settings, RiverSettings), f"{given['run']} is of task={settings.name}"
    assert all(each.task == settings for each in plans), f"{given['run']} differ in more than their seed"
    every = int(given.get("every", str(settings.every)))
    countries: dict[str, Country] = {}
    training = [name for name in whole.region.countries if name not in whole.hold_out]
    for name in given["countries"].split(",") if "countries" in given else training:
        one = _country(dict(zip(folders, plans, strict=True)), given, name, every)
        if one is not None:
            countries[name] = one
    print(f"{settings.mode}, seeds {', '.join(str(each.seed) for each in plans)}, an origin every {every} days\n")
    print(f"| Brier skill by day {'/'.join(map(str, LEADS))} | floods | {' | '.join(ARMS)} |")
    print("|---" * (len(ARMS) + 2) + "|")
    for name, one in countries.items():
        sums = {arm: [SCORES["skill"].sums(each) for each in runs] for arm, runs in one.chances.items()}
        _line(name, one.floods, sums, "skill")
    _together(list(countries.values()))
    _paired(list(countries.values()))


def _country(runs: dict[Path, Settings], given: dict[str, str], name: str, every: int) -> Country | None:
    """None of a country whose vaults know no test, or that has no flood to be scored. runs: folder -> its settings."""
    task, whole = TASKS["river"], next(iter(runs.values()))
    memories = {run: memory_in(run / VAULT, name, run.name) for run in runs}
    if not all(memories.values()):
        return None
    longer = _panel(given.get("levels", given["data"]), name, whole, every)
    panel = longer if "levels" not in given else _panel(given["data"], name, whole, every)
    years = whole.record_years_of(name)
    panel = panel if years is None else with_record_of(panel, whole.task.calendar, years)
    floods, windows = _restored(longer, panel, whole), task.windows(panel, whole.task)
    parts = [windows.only(part) for part in PARTS]

    def of_arm(arm: str, run: Path) -> Evaluated:
        if arm in task.baselines:
            said = [task.baselines[arm](panel, some, whole.task) for some in parts]
        else:
            said = [
                issuing.forecast(memories[run], name, run.name, runs[run].plan(), arm, panel, some) for some in parts
            ]
        past, then = (_flow(each, some, floods, panel, whole) for each, some in zip(said, parts, strict=True))
        return _chances(replace(then, calibration=calibrate(past)))

    first = next(iter(runs))
    chances = {
        arm: [of_arm(arm, first)] * len(runs) if arm in task.baselines else [of_arm(arm, run) for run in runs]
        for arm in ARMS
    }
    count = np.nansum(chances[ARMS[0]][0].observed, axis=0)
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
    known = {key: values[windows.place, at] for key, values in floods.items()}
    return replace(evaluated(forecast, windows, whole.task), restore=known)


def _chances(flow: Evaluated) -> Evaluated:
    chance, usual, happened = event(2)(flow)
    return replace(flow, forecast=chance[..., None], reference=usual[..., None], observed=happened, restore={})


def _together(countries: list[Country]) -> None:
    floods = np.sum([one.floods for one in countries], axis=0)
    arms = [arm for arm in ARMS if all(arm in one.chances for one in countries)]
    sums = {
        name: {arm: [of.sums(each) for one in countries for each in one.chances[arm]] for arm in arms}
        for name, of in SCORES.items()
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
        of_runs = [
            paired_interval(merge_blocks([blocks(SCORES["skill"], *pair) for pair in pairs]))
            for pairs in zip(
                *(zip(one.chances[mine], one.chances[other], strict=True) for one in countries), strict=True
            )
        ]
        value, low, high = (np.mean([each[key] for each in of_runs], axis=0) for key in ("value", "low", "high"))
        cells = (f"{value[lead - 1]:+.3f} [{low[lead - 1]:+.3f}, {high[lead - 1]:+.3f}]" for lead in LEADS)
        print(f"| {mine} less {other} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
