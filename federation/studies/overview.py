"""The first page of results: a line for every challenge and its years, and where not to federate."""

from collections.abc import Mapping, Sequence
from math import isfinite

from federation.reporting.rows import Row, difference
from federation.studies.markdown import NONE, better_direction, heading, interval, readable, table, value
from federation.studies.measures import countries, region_name, rows_by_arm
from federation.studies.seed_groups import Group
from federation.studies.tables import rivals
from federation.studies.task_page import main_groups, mean_cost

ADAPTED = "adapted"
ABOUT = """\
Made by `gotong results` from the runs that MLflow keeps; no score here was typed. Recipes were chosen on years before
the test; the years of the test chose nothing. Every value is the mean over the seeds, and so are the ends of its 95 %
interval, which comes from blocks of time inside each country.
"""
READING = """\
The line is of the whole region. *Federated* is what a country uses: the federated model mixed with its own and
corrected inside the country (arm `adapted`). *Own* is the best that countries reached alone, with as many models and
the same corrections; the *baseline* is the strongest one. Both were picked in the test, which favours them. *Less own*
and *less the baseline* are differences over the forecasts that both arms made, so they need not equal one score less
the other: a country that never trains, such as Peru, counts in the federated score and has no model of its own. A
difference is clear where its own interval, from the blocks that both share, leaves 0 out. Cost: seconds of one core
for all arms of one run.

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


def overview(pages: Mapping[str, Sequence[Group]], more: Mapping[str, str]) -> str:
    """pages: link of a page -> the experiments on it; more: link of a page that is in no line -> its title."""
    mains = [(link, group) for link, groups in pages.items() for group in main_groups(groups)]
    head = ("challenge", "seeds", "score", "federated", "own", "baseline", "less own", "less the baseline", "cost")
    lines = [_line(link, group) for link, group in mains]
    parts = ["# Results\n", ABOUT, table(head, lines), where_not([group for _, group in mains]), READING]
    if more:
        parts.insert(-1, f"Not in this table: {', '.join(f'[{title}]({link})' for link, title in more.items())}.\n")
    return "\n".join(parts)


def where_not(groups: Sequence[Group]) -> str:
    """One sentence: the countries whose own model or strongest baseline was clearly better."""
    behind = [
        f"{country} in {readable(heading(group))} ({' and '.join(readable(each) for each in ahead)})"
        for group in groups
        for country in countries(group)
        if (ahead := [name for name in rivals(group, country) if name and _clear(group, country, name) == "behind"])
    ]
    if not behind:
        return "**Where not to federate**: in no country was its own model or a baseline clearly better.\n"
    return f"**Where not to federate**: something simpler was clearly better for {'; for '.join(behind)}.\n"


def _line(link: str, group: Group) -> Sequence[str]:
    place = region_name(group)
    rows, alone = rows_by_arm(group, place, group.headline), rivals(group, place)
    cells = [_score(rows, name) for name in (ADAPTED, *alone)]
    less = [_difference(group, place, name) for name in alone]
    cost = mean_cost(group).get("cpu_seconds")
    way = "smaller" if better_direction(group) == "smaller" else "larger"
    score = f"{readable(group.headline)}, {way} is better"
    seconds = NONE if cost is None else f"{cost:,.0f} s"
    return (f"[{heading(group)}]({link})", str(len(group.seeds)), score, *cells, *less, seconds)


def _score(rows: Mapping[str, Row], name: str | None) -> str:
    row = rows.get(str(name))
    return NONE if row is None else value(row) if name == ADAPTED else f"{value(row)} ({readable(row.arm)})"


def _difference(group: Group, place: str, other: str | None) -> str:
    row = difference(group.paired, place, ADAPTED, str(other))
    if row is None:
        return NONE
    word = {"ahead": "**clearly better**", "behind": "**clearly worse**"}.get(_clear(group, place, str(other)), "")
    return f"{interval(row)}, {word or 'may be chance'}"


def _clear(group: Group, place: str, other: str) -> str:
    """Whether adapted is clearly 'ahead' or 'behind'; empty where that may be chance, or is not known."""
    row = difference(group.paired, place, ADAPTED, other)
    if row is None or not (isfinite(row.low) and isfinite(row.high)) or row.low <= 0 <= row.high:
        return ""
    return "ahead" if (row.value < 0) == (better_direction(group) == "smaller") else "behind"
