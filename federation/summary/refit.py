"""Runs that walk forward, each fitted anew and tested on the year after the last one's: their scores added up once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import nan, sqrt

from federation import report
from federation.results import ALL, Row
from federation.summary.cells import better, interval, plain, table
from federation.summary.groups import Group
from federation.summary.measures import countries, region
from tasks.scores import Z95

REFIT = "refit-"  # begins the name of such an experiment
CALENDAR = "task.calendar."
Key = tuple[str, str]  # country, arm


def is_refit(group: Group) -> bool:
    """Whether an experiment is one of a chain of years, and no result by itself."""
    return group.experiment.startswith(REFIT)


def refitted(groups: Sequence[Group]) -> str:
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
    found: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        told = sorted(f"{name}={value}" for name, value in group.params.items() if not name.startswith(CALENDAR))
        found.setdefault((group.experiment, *told), []).append(group)
    chained = (sorted(each, key=lambda group: group.settings.calendar.test_until) for each in found.values())
    return [each for each in chained if len(each) > 1 and _follow(each)]


def merged(chain: Sequence[Group]) -> dict[Key, Row]:
    """The headline of all years together; exact, for its parts are means of so many place-periods each.

    A skill is 1 less the mean score over that of the reference; its interval cannot be had from those of the years.
    """
    score = chain[0].task.scores[chain[0].headline]
    skill = score.better == "larger"
    name = next(iter(score.more)) if skill else chain[0].headline
    means = {key: _mean(rows) for key, rows in _by_key(chain, name).items()}
    if not skill:
        return means
    reference = {country: row for (country, arm), row in means.items() if arm == chain[0].task.reference}
    return {
        (country, arm): replace(row, value=1 - row.value / reference[country].value, low=nan, high=nan)
        for (country, arm), row in means.items()
        if country in reference and reference[country].value > 0
    }


def _follow(chain: Sequence[Group]) -> bool:
    cuts = [group.settings.calendar for group in chain]
    return all(one.test_until == later.validate_until for one, later in pairwise(cuts))


def _by_key(chain: Sequence[Group], name: str) -> Mapping[Key, list[Row]]:
    """Rows of the years in which something was scored."""
    found: dict[Key, list[Row]] = {}
    for row in (row for group in chain for row in group.rows):
        if (row.score, row.horizon) == (name, ALL) and row.n:
            found.setdefault((row.country, row.arm), []).append(row)
    return found


def _mean(rows: Sequence[Row]) -> Row:
    """Years are blocks of their own: the variances of their sums add up."""
    number = sum(row.n for row in rows)
    spread = sqrt(sum((row.n * (row.high - row.low) / 2 / Z95) ** 2 for row in rows)) / number
    value = sum(row.n * row.value for row in rows) / number
    return replace(rows[0], value=value, low=value - Z95 * spread, high=value + Z95 * spread, n=number)


def _table(chain: Sequence[Group]) -> str:
    first, found = chain[0], merged(chain)
    names = report.arms(list(found.values()))
    lines = []
    for place in (*countries(first), region(first)):
        rows = [found.get((place, name)) for name in names]
        number = max((row.n for row in rows if row), default=0)
        lines.append((place, *map(interval, rows), f"{number:,}"))
    years = ", ".join(group.settings.calendar.tested().removeprefix("tested ") for group in chain)
    head = f"**{first.title}**, {first.headline}, {better(first)} is better; {years}; seeds {first.seeds}.\n"
    return head + "\n" + table(("", *map(plain, names), "n"), lines)
