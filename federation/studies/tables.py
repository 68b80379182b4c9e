"""The tables of one experiment: by country, by horizon, relative to the reference, and all other scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import nan

import numpy as np

from federation.reporting import score_table
from federation.reporting.rows import Row, difference
from federation.studies.markdown import NONE, better_direction, cell, heading, interval, ratio, readable, table, value
from federation.studies.measures import OWN_ARMS, countries, region_name, rows_by_arm, strongest_baseline
from federation.studies.seed_groups import Group
from tasks.settings import UNALIGNED


def headline(group: Group) -> str:
    """A line a country and the region, a column an arm, with intervals."""
    head = f"**{group.headline}** over all horizons, {better_direction(group)} is better; the best arm bold.\n"
    return head + "\n" + _by_arm(group)


def differences(group: Group) -> str:
    """The learnt arms less what each country has alone: its own model, the best of its arms, its strongest baseline."""
    lines = [_differences(group, place) for place in (*countries(group), region_name(group))]
    lines = [cells for cells in lines if any(cell != NONE for cell in cells[1:])]
    if not lines:
        return ""
    head = ["", "federated less local", "adapted less local", "less the best own arm", "less the strongest baseline"]
    if any(cells[-1] != NONE for cells in lines):
        head.append("issued less the best own arm")
    lines = [cells[: len(head)] for cells in lines]
    text = (
        f"Differences of {group.headline} with their own 95 % interval, from the blocks of time that both arms share; "
        f"of the region from blocks that its countries share.\n"
    )
    return text + "\n" + table(head, lines)


def _differences(group: Group, place: str) -> list[str]:
    """The line of one country or region."""
    cells = [interval(difference(group.paired, place, arm, "local")) for arm in ("federated", "adapted")]
    own, baseline = rivals(group, place)
    for arm, other in (("adapted", own), ("adapted", baseline), ("issued", own)):
        row = difference(group.paired, place, arm, str(other))
        cells.append(f"{interval(row)} ({readable(str(other))})" if row else NONE)
    return [place, *cells]


def rivals(group: Group, place: str) -> tuple[str | None, str | None]:
    """What a country has alone: the best of its own arms, and the baseline that was strongest in its validation years.

    Of the region, which has no validation of its own, the baseline that is strongest in the test.
    """
    rows = rows_by_arm(group, place, group.headline)
    baseline = strongest_baseline(group, place)
    if baseline is None and place == region_name(group):
        baseline = _best_arm(group, rows, group.task.baselines)
    return _best_arm(group, rows, OWN_ARMS), baseline


def _best_arm(group: Group, rows: Mapping[str, Row], arms: Iterable[str]) -> str | None:
    best = score_table.best([rows[arm] for arm in arms if arm in rows], better_direction(group))
    return best.arm if best else None


def excluded_table(group: Group) -> str:
    """The same of the months of the test that no other number here counts."""
    if not group.excluded:
        return ""
    months = " to ".join(group.settings.calendar.excluded_period)
    head = f"**Excluded period, {months}**: {group.headline} of these months, which count in no other number here.\n"
    return head + "\n" + _by_arm(replace(group, rows=group.excluded))


def unaligned(groups: Sequence[Group]) -> str:
    """Countries cut at their own ends: one trains on years in which another is tested."""
    if not groups:
        return ""
    head = (
        f"## {UNALIGNED.capitalize()}\n\nEach country is cut at the end of its own records, so that a model has learnt "
        f"one country's later years when it forecasts another's earlier ones. Do not compare with the tables above.\n"
    )
    parts = [f"### {heading(each)}\n\n{headline(each)}" for each in groups]
    return "\n".join([head, *parts])


def _arms(group: Group) -> list[str]:
    return score_table.arms(score_table.headline_rows(group.rows, group.headline))


def _by_arm(group: Group) -> str:
    names = _arms(group)
    lines = []
    for place in (*countries(group), region_name(group)):
        rows = rows_by_arm(group, place, group.headline)
        others = [row for row in rows.values() if row.arm != score_table.PERFECT]
        top = score_table.best(others, better_direction(group))
        count = max((row.n for row in rows.values()), default=0)
        lines.append((place, *(cell(rows.get(name), top) for name in names), f"{count:,}"))
    return table(("", *map(readable, names), "n"), lines)


def by_horizon(group: Group) -> str:
    """The region, and each country's adapted against its own arms."""
    names = _arms(group)
    horizons = list(dict.fromkeys(row.horizon for row in group.rows if row.score == group.headline))
    if len(horizons) < 3:
        return ""
    place = region_name(group)
    lines = [
        (name, *(value(rows_by_arm(group, place, group.headline, horizon).get(name)) for horizon in horizons))
        for name in names
    ]
    parts = [f"{place} by horizon:\n", table(("", *horizons), [(readable(name), *rest) for name, *rest in lines])]
    own = []
    for country in countries(group):
        cells = []
        for horizon in horizons:
            rows = rows_by_arm(group, country, group.headline, horizon)
            top = score_table.best([rows[arm] for arm in OWN_ARMS if arm in rows], better_direction(group))
            cells.append(f"{value(rows.get('adapted'))} / {value(rows.get('local'))} / {value(top)}")
        own.append((country, *cells))
    return "\n".join([*parts, "Adapted / local / the best of the country's own arms:\n", table(("", *horizons), own)])


def relative(group: Group) -> str:
    """For scores to be small: over the reference, country by country, and the geometric mean of them."""
    if better_direction(group) != "smaller":
        return ""
    reference = group.task.reference
    names = [name for name in _arms(group) if name != reference]
    rows = {country: rows_by_arm(group, country, group.headline) for country in countries(group)}
    ratios = {
        country: {name: each[name].value / each[reference].value for name in names if name in each}
        for country, each in rows.items()
        if reference in each
    }
    training = [each for each in ratios.values() if "local" in each]
    lines = [(country, *(ratio(each.get(name, nan)) for name in names)) for country, each in ratios.items()]
    means = (_geometric_mean([each.get(name, nan) for each in training]) for name in names)
    lines.append(("**geometric mean**", *map(ratio, means)))
    over = f"{group.headline} over that of {readable(reference)}"
    head = f"{over}; the mean is over the {len(training)} countries that train:\n"
    return head + "\n" + table(("", *map(readable, names)), lines)


def _geometric_mean(values: Sequence[float]) -> float:
    """NaN where one of them is."""
    return float(np.exp(np.mean(np.log(values)))) if values else nan


def other_scores(group: Group) -> str:
    """All scores but the headline, of the region."""
    names = _arms(group)
    scores = [name for name in group.task.scores if name != group.headline]
    rows = {score: rows_by_arm(group, region_name(group), score) for score in scores}
    scores = [score for score in scores if rows[score]]
    lines = [(readable(name), *(value(rows[score].get(name)) for score in scores)) for name in names]
    return f"Other scores, {region_name(group)}, all horizons:\n\n" + table(("", *scores), lines) if scores else ""
