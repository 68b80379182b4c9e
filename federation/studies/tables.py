"""The tables of one experiment: by country, by horizon, relative to the reference, and all other scores."""

from collections.abc import Sequence
from dataclasses import replace
from math import nan

import numpy as np

from federation.reporting import score_table
from federation.reporting.rows import difference
from federation.studies.markdown import better, cell, heading, interval, plain, ratio, table, told
from federation.studies.measures import OWN, countries, line, region, strongest_baseline
from federation.studies.seed_groups import Group
from tasks.settings import UNALIGNED


def headline(group: Group) -> str:
    """A line a country and the region, a column an arm, with intervals."""
    head = f"**{group.headline}** over all horizons, {better(group)} is better; the best arm bold.\n"
    return head + "\n" + _by_arm(group)


def differences(group: Group) -> str:
    """The learnt arms less what each country has alone: its own model, the best of its arms, its strongest baseline."""
    if not group.paired:
        return ""
    lines = []
    for place in (*countries(group), region(group)):
        found = line(group, place, group.headline)
        own = score_table.best([found[arm] for arm in OWN if arm in found], better(group))
        baseline = strongest_baseline(group, place)
        if baseline is None and place == region(group):  # it has no validation of its own
            best = score_table.best([found[arm] for arm in group.task.baselines if arm in found], better(group))
            baseline = best.arm if best else None
        pairs = [(arm, "local") for arm in ("federated", "adapted")]
        pairs += [("adapted", other) for other in (own.arm if own else None, baseline) if other is not None]
        rows = {pair: difference(group.paired, place, *pair) for pair in pairs}
        if any(rows.values()):
            cells = [interval(rows[pair]) for pair in pairs[:2]]
            for other in (own.arm if own else None, baseline):
                row = rows.get(("adapted", str(other)))
                cells.append(f"{interval(row)} ({plain(str(other))})" if row else "–")
            lines.append((place, *cells))
    head = ("", "federated less local", "adapted less local", "less the best own arm", "less the strongest baseline")
    told = (
        f"Differences of {group.headline} with their own 95 % interval, from the blocks of time that both arms share; "
        f"of the region from blocks that its countries share.\n"
    )
    return told + "\n" + table(head, lines) if lines else ""


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
        f"one country's later years when it forecasts another's earlier ones. Not to be set beside the tables above.\n"
    )
    parts = [f"### {heading(each)}\n\n{headline(each)}" for each in groups]
    return "\n".join([head, *parts])


def _by_arm(group: Group) -> str:
    names = score_table.arms(score_table.chosen(group.rows, group.headline))
    lines = []
    for place in (*countries(group), region(group)):
        found = line(group, place, group.headline)
        rivals = [row for row in found.values() if row.arm != score_table.PERFECT]
        top = score_table.best(rivals, better(group))
        count = max((row.n for row in found.values()), default=0)
        lines.append((place, *(cell(found.get(name), top) for name in names), f"{count:,}"))
    return table(("", *map(plain, names), "n"), lines)


def by_horizon(group: Group) -> str:
    """The region, and each country's adapted against its own arms."""
    names = score_table.arms(score_table.chosen(group.rows, group.headline))
    horizons = list(dict.fromkeys(row.horizon for row in group.rows if row.score == group.headline))
    if len(horizons) < 3:
        return ""
    place = region(group)
    lines = [
        (name, *(told(line(group, place, group.headline, horizon).get(name)) for horizon in horizons)) for name in names
    ]
    parts = [f"{place} by horizon:\n", table(("", *horizons), [(plain(name), *rest) for name, *rest in lines])]
    own = []
    for country in countries(group):
        cells = []
        for horizon in horizons:
            found = line(group, country, group.headline, horizon)
            top = score_table.best([found[arm] for arm in OWN if arm in found], better(group))
            cells.append(f"{told(found.get('adapted'))} / {told(found.get('local'))} / {told(top)}")
        own.append((country, *cells))
    return "\n".join([*parts, "Adapted / local / the best of the country's own arms:\n", table(("", *horizons), own)])


def relative(group: Group) -> str:
    """For scores to be small: over the reference, country by country, and the geometric mean of them."""
    if better(group) != "smaller":
        return ""
    names = [
        name
        for name in score_table.arms(score_table.chosen(group.rows, group.headline))
        if name != group.task.reference
    ]
    ratios: dict[str, dict[str, float]] = {}
    for country in countries(group):
        found = line(group, country, group.headline)
        if group.task.reference in found:
            base = found[group.task.reference].value
            ratios[country] = {name: found[name].value / base for name in names if name in found}
    learning = [country for country, each in ratios.items() if "local" in each]
    lines = [(country, *(ratio(each.get(name, nan)) for name in names)) for country, each in ratios.items()]
    means = [
        float(np.exp(np.mean([np.log(ratios[c][name]) for c in learning])))
        if all(name in ratios[c] for c in learning)
        else nan
        for name in names
    ]
    lines.append(("**geometric mean**", *map(ratio, means)))
    over = f"{group.headline} over that of {plain(group.task.reference)}"
    head = f"{over}; the mean is over the {len(learning)} countries that train:\n"
    return head + "\n" + table(("", *map(plain, names)), lines)


def other(group: Group) -> str:
    """All scores but the headline, of the region."""
    names = score_table.arms(score_table.chosen(group.rows, group.headline))
    scores = [name for name in group.task.scores if name != group.headline]
    found = {score: line(group, region(group), score) for score in scores}
    scores = [score for score in scores if found[score]]
    lines = [(plain(name), *(told(found[score].get(name)) for score in scores)) for name in names]
    return f"Other scores, {region(group)}, all horizons:\n\n" + table(("", *scores), lines) if scores else ""
