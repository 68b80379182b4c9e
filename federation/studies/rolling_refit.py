"""Runs that walk forward, each fitted anew and tested on the year after the last one's: their scores added up once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import nan

import numpy as np

from federation.reporting import score_table
from federation.reporting.rows import ALL, Row
from federation.studies.markdown import better_direction, interval, readable, table
from federation.studies.measures import countries, region_name
from federation.studies.seed_groups import Group
from tasks.evaluation.paired_difference import Blocks, paired_interval

REFIT = "refit-"  # begins the name of such an experiment
CALENDAR = "task.calendar."
Key = tuple[str, str]  # country, arm


def is_refit(group: Group) -> bool:
    """Whether an experiment is one of a chain of years, and no result by itself."""
    return group.experiment.startswith(REFIT)


def refit_section(groups: Sequence[Group]) -> str:
    """A table for every chain whose tests follow one another without a gap or an overlap."""
    parts = [_table(chain) for chain in chains(groups)]
    if not parts:
        return ""
    head = (
        "## Fitted anew every year\n\nEach run knows what was on record before its own year of test; the years' scores "
        "are added up, weighted by what was scored.\n"
    )
    return "\n".join([head, *parts])


def chains(groups: Sequence[Group]) -> list[list[Group]]:
    """Groups that differ in their calendar alone, in order of their years; two of them at least."""
    by_params: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        params = sorted(f"{name}={value}" for name, value in group.params.items() if not name.startswith(CALENDAR))
        by_params.setdefault((group.experiment, *params), []).append(group)
    chained = (sorted(each, key=lambda group: group.settings.calendar.test_until) for each in by_params.values())
    return [each for each in chained if len(each) > 1 and _consecutive(each)]


def merged(chain: Sequence[Group]) -> dict[Key, Row]:
    """The headline of all years together; exact, for its parts are means of so many place-periods each.

    A skill is that of the mean scores against the reference's. Its interval has a block a year, and Student's quantile.
    """
    score = chain[0].task.scores[chain[0].headline]
    if score.better == "smaller":
        years = _by_key(chain, chain[0].headline)
        return {key: _combined_row(rows, [row.value for row in rows.values()], None) for key, rows in years.items()}
    years = _by_key(chain, next(iter(score.derived)))
    skills = {}
    for (country, arm), rows in years.items():
        usual = years.get((country, chain[0].task.reference), {})
        if rows.keys() <= usual.keys():
            below = [usual[year].value for year in rows]
            gained = [reference - row.value for reference, row in zip(below, rows.values(), strict=True)]
            skills[country, arm] = _combined_row(rows, gained, below)
    return skills


def _consecutive(chain: Sequence[Group]) -> bool:
    cuts = [group.settings.calendar for group in chain]
    return all(one.test_until == later.validate_until for one, later in pairwise(cuts))


def _by_key(chain: Sequence[Group], name: str) -> dict[Key, dict[int, Row]]:
    """Key -> year of the chain -> its row, where something was scored."""
    by_key: dict[Key, dict[int, Row]] = {}
    for year, group in enumerate(chain):
        for row in group.rows:
            if (row.score, row.horizon) == (name, ALL) and row.n:
                by_key.setdefault((row.country, row.arm), {})[year] = row
    return by_key


def _combined_row(rows: Mapping[int, Row], above: Sequence[float], below: Sequence[float] | None) -> Row:
    """One row of several years. above, below: what a year's mean is, and what it is divided by."""
    count = np.array([[row.n] for row in rows.values()], float)
    years = Blocks(
        labels=np.array(list(rows)),
        above=count * np.reshape(above, (-1, 1)),
        below=count * (1.0 if below is None else np.reshape(below, (-1, 1))),
        count=count,
    )
    low_high = {
        name: float(each[0]) if len(rows) > 1 else nan for name, each in paired_interval(years, fewest=2).items()
    }
    value = float(years.above.sum() / years.below.sum()) if years.below.sum() else nan
    return replace(
        next(iter(rows.values())), value=value, low=low_high["low"], high=low_high["high"], n=int(count.sum())
    )


def _table(chain: Sequence[Group]) -> str:
    first, by_key = chain[0], merged(chain)
    names = score_table.arms(list(by_key.values()))
    lines = []
    for place in (*countries(first), region_name(first)):
        rows = [by_key.get((place, name)) for name in names]
        number = max((row.n for row in rows if row), default=0)
        lines.append((place, *map(interval, rows), f"{number:,}"))
    years = f"tested after {first.settings.calendar.validate_until}, until {chain[-1].settings.calendar.test_until}"
    seeds = ", ".join(map(str, first.seeds))
    head = f"**{first.title}**, {first.headline}, {better_direction(first)} is better; {years}, "
    head += f"{len(chain)} years by themselves; seeds {seeds}.\n"
    return head + "\n" + table(("", *map(readable, names), "n"), lines)
