"""A page in Markdown from the experiments that MLflow knows: no score in it was typed by a person."""

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path

import numpy as np

from federation.reporting import figures, score_table
from federation.studies.markdown import better_direction, comparison_text, heading, table
from federation.studies.measures import OWN_ARMS, countries, rows_by_arm, strongest_baseline
from federation.studies.rolling_refit import is_refit, refit_section
from federation.studies.secondary_tables import ablations, cold_start, is_trial, short_records, trials
from federation.studies.seed_groups import Group
from federation.studies.tables import (
    by_horizon,
    differences,
    excluded_table,
    headline,
    other_scores,
    relative,
    unaligned,
)
from federation.studies.targets import Target, evaluated

ABOUT = """\
Made by `gotong results` from the runs that MLflow keeps; no score here was typed, and the words after a missed
target report trials before the test. Every value is the mean over the seeds, and so are the ends of its 95 % interval,
which comes from blocks of time inside each country. Recipes were chosen on years before the test; the years of the test
chose nothing. A difference of two arms is called clear where its own interval, from the blocks that both share, leaves
0 out.

| arm | what it is |
|---|---|
| local | a country alone: the same model, settings, rounds and choice of the best rounds |
| federated | one model for all, trained together |
| personalised | the federated model trained on inside the country |
| local_adapted | local, each quantile or the odds corrected by the country's validation years |
| local_pair | two local models that differ in their seed, mixed and corrected: as many models as in adapted |
| adapted | federated and local mixed, corrected in the same way, inside the country |
| issued | federated, personalised, local and the strongest baseline, mixed as validation chose, and corrected |
| pooled | one model on the records of all countries in one place; only a simulation can do that |
"""


def page(groups: Sequence[Group], targets: Sequence[Target], folder: Path, pictures: str) -> str:
    """The text. Draws pictures into `folder`, which the text calls `pictures`. Raises OSError."""
    tested = [group for group in groups if not (is_trial(group) or is_refit(group) or group.unaligned)]
    mains = [group for group in tested if _is_main(group, tested)]
    parts = ["# Results\n", ABOUT, "## Targets\n", _targets(mains, targets)]
    for group in mains:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{_slug(group)}.png"
        seen = [row for row in group.rows if isfinite(row.value)]
        figures.draw_scores(
            seen, folder / name, headline=group.headline, title=heading(group), better=better_direction(group)
        )
        parts += [
            f"## {heading(group)}\n",
            _facts(group),
            f"![Every country and arm with its interval]({pictures}/{name})\n",
        ]
        parts += [
            headline(group),
            differences(group),
            excluded_table(group),
            by_horizon(group),
            relative(group),
            other_scores(group),
            findings(group),
        ]
    others = [group for group in tested if group not in mains]
    parts += [cold_start(others), short_records(others), ablations(others, mains)]
    parts += [trials([group for group in groups if is_trial(group) and not group.unaligned], mains)]
    parts += [refit_section([group for group in groups if is_refit(group)])]
    parts += [unaligned([group for group in groups if group.unaligned])]
    return "\n".join(part for part in parts if part).rstrip("\n") + "\n"


def _is_main(group: Group, groups: Sequence[Group]) -> bool:
    """Of experiments on the same forecasts the one with most seeds and arms, nobody held out and no record cut."""
    if group.param("hold_out") or group.param("record_years"):
        return False
    same = [other for other in groups if heading(other) == heading(group)]
    same = [other for other in same if not other.param("hold_out") and not other.param("record_years")]
    return group is max(same, key=lambda one: (len(one.seeds), len({row.arm for row in one.rows})))


def _targets(mains: Sequence[Group], targets: Sequence[Target]) -> str:
    lines = [(heading(group), each.target.claim, each.text()) for group in mains for each in evaluated(group, targets)]
    return table(("experiment", "target", "result"), lines) if lines else ""


def _facts(group: Group) -> str:
    calendar, first = group.settings.calendar, group.runs[0]
    without = f", without {' to '.join(calendar.excluded_period)}" if calendar.excluded_period else ""
    params, codes = group.params, sorted({run.code for run in group.runs})
    lines = [
        f"Trained to {calendar.train_until}, best rounds and corrections from {calendar.validate_until} and before, "
        f"tested after it to {calendar.test_until}{without}. Seeds {', '.join(map(str, group.seeds))}; "
        f"{params['rounds']} rounds of {params['strategy.name']}, weights {params['strategy.weights']}.",
        f"{_cost(group)} Experiment `{group.experiment}` of {first.began:%Y-%m-%d}, code {', '.join(codes)}.\n",
    ]
    return "\n".join(lines)


def _cost(group: Group) -> str:
    costs = [run.cost for run in group.runs if run.cost]
    if not costs:
        return "Its cost was not tracked."
    mean = {name: float(np.mean([cost.get(name, nan) for cost in costs])) for name in costs[0]}
    return (
        f"A run with all arms took {mean['seconds']:,.0f} s ({mean['cpu_seconds']:,.0f} s of one core) "
        f"and {mean['peak_mib']:,.0f} MiB at most."
    )


def findings(group: Group) -> str:
    """Where it helped, and where it did not."""
    way, lines = better_direction(group), []
    helped, beaten, places = 0, 0, 0
    for country in countries(group):
        rows = rows_by_arm(group, country, group.headline)
        adapted = rows.get("adapted")
        if adapted is None:
            lines.append(f"- {country}: adapted was not scored; too few place-periods, or none, are on record there.")
            continue
        places += 1
        own = score_table.best([rows[arm] for arm in OWN_ARMS if arm in rows], way)
        if own is not None and score_table.beats(adapted, own, way):
            helped += 1
        elif own is not None:
            lines.append(f"- {country}: federating did not help: {comparison_text(group, adapted, own)}.")
        else:
            lines.append(
                f"- {country} has no model of its own, as it has no records before the cut: it only receives forecasts."
            )
        strongest = strongest_baseline(group, country)
        if strongest in rows and score_table.beats(adapted, rows[strongest], way):
            beaten += 1
        elif strongest in rows:
            against = comparison_text(group, adapted, rows[strongest])
            lines.append(f"- {country}: its strongest baseline was not beaten: {against}.")
    head = (
        f"In words: adapted is better than the best of a country's own arms in {helped} of {places} countries, and "
        f"better than the baseline that was strongest in its validation years in {beaten}.\n"
    )
    return "\n".join([head, *lines, ""])


def _slug(group: Group) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in heading(group).lower()).split())
