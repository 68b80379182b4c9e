"""One task's results in Markdown, from the experiments that MLflow knows: no score in it was typed by a person."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
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


def task_page(groups: Sequence[Group], targets: Sequence[Target], folder: Path) -> str:
    """The sections of one task's experiments. Draws their pictures into `folder`, where it lies. Raises OSError."""
    tested, mains = tested_groups(groups), main_groups(groups)
    parts = ["## Targets\n", claims] if (claims := _targets(mains, targets)) else []
    for group in mains:
        parts += [*_section(group, folder)]
    others = [group for group in tested if group not in mains]
    parts += [cold_start(tested), short_records(others), ablations(others, mains)]
    parts += [trials([group for group in groups if is_trial(group) and not group.unaligned], mains)]
    parts += [refit_section([group for group in groups if is_refit(group)])]
    parts += [unaligned([group for group in groups if group.unaligned])]
    return "\n".join(part for part in parts if part).rstrip("\n") + "\n"


def tested_groups(groups: Sequence[Group]) -> list[Group]:
    """Those that tell how good a recipe is: no trial before the test, no year of a chain, no flattering calendar."""
    return [group for group in groups if not (is_trial(group) or is_refit(group) or group.unaligned)]


def main_groups(groups: Sequence[Group]) -> list[Group]:
    """Of experiments on the same forecasts one each: nobody held out and no record cut, if there is such a one; then
    the one with most seeds, then with most arms.
    """
    best: dict[str, Group] = {}
    for group in tested_groups(groups):
        rival = best.get(heading(group))
        if rival is None or _weight(group) > _weight(rival):
            best[heading(group)] = group
    return list(best.values())


def _weight(group: Group) -> tuple[bool, bool, int, int]:
    whole = not group.param("record_years"), not group.param("hold_out")
    return (*whole, len(group.seeds), len({row.arm for row in group.rows}))


def _section(group: Group, folder: Path) -> Iterator[str]:
    """All tables of one experiment, and its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{_slug(group)}.png"
    seen = [row for row in group.rows if isfinite(row.value)]
    way = better_direction(group)
    figures.draw_scores(seen, picture, headline=group.headline, title=heading(group), better=way)
    yield f"## {heading(group)}\n"
    yield _facts(group)
    yield f"![Every country and arm with its interval]({picture.name})\n"
    for part in (headline, differences, excluded_table, by_horizon, relative, other_scores, findings):
        yield part(group)


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
        f"{_cost(group)} Experiment `{group.experiment}` of {first.began:%Y-%m-%d}, code {', '.join(codes)}"
        f"{_command(group)}.\n",
    ]
    return "\n".join(lines)


def _command(group: Group) -> str:
    """How to make it again, where one of the experiments that come with the project made it."""
    kind, _, name = group.experiment.partition("-")
    name = name.replace("-", "_")
    known = (files("configs") / "experiment" / kind / f"{name}.yaml").is_file()
    return f"; made by `gotong simulate experiment={kind}/{name} data=FOLDER`" if known else ""


def mean_cost(group: Group) -> dict[str, float]:
    """Of a run, over the seeds: seconds, cpu_seconds, peak_mib; empty where it was not tracked."""
    costs = [run.cost for run in group.runs if run.cost]
    return {name: float(np.mean([cost.get(name, nan) for cost in costs])) for name in (costs[0] if costs else ())}


def _cost(group: Group) -> str:
    if not (mean := mean_cost(group)):
        return "Its cost was not tracked."
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
