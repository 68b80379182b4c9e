"""Months of a region, one cycle after another on the files of each month, and what must hold of all of them.

Every product equals one made afresh from that month's files; rows after a month, whatever they hold, change nothing of
its model and products; promotions follow from their tables; nothing is there twice.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from federation.cli import main
from federation.cycle import record
from federation.cycle.record import AGREE, GATE, ISSUE, Cycle
from federation.issuing.archive import Issue, forecast_of, issues
from federation.issuing.champion_file import read
from federation.issuing.issue import Made, Wanted, make
from federation.runs.operational import FOLD
from federation.settings.parts import TrackingSettings
from federation.studies.champion import HARM
from federation.tracking import registry
from federation.tracking.registry import CHAMPION
from federation.tracking.store import connect
from tests.cycle import vintages

CHAMPIONS = "champions"
# Between files that end with a month and files that go on: a test has more rows then, and batches of another size.
ROUNDING = 1e-8


@dataclass(frozen=True, kw_only=True)
class Play:
    """data: whole national files. work: an empty folder. months: YYYY-MM. words: of the recipe. seed: of vintages."""

    data: Path
    work: Path
    task: str
    countries: Sequence[str]
    months: Sequence[str]
    words: Sequence[str]
    seed: int = 1

    @property
    def runs(self) -> Path:
        return self.work / "runs"

    def vintage(self, month: str) -> Path:
        """A copy of the files of a month, which the cycle never saw."""
        return self.work / "vintages" / month

    def cycle(self, month: str, runs: Path, data: Path, *more: str) -> None:
        """`gotong cycle` on the fifth of the month after."""
        region = f"region.countries=[{','.join(self.countries)}]"
        where = (f"data={data}", f"runs={runs}", f"today={day_after(month)}")
        main(["cycle", f"task={self.task}", region, *where, *self.words, *more])


def day_after(month: str) -> str:
    """The fifth of the next month."""
    return f"{np.datetime64(month, 'M') + 1}-05"


def play(year: Play) -> None:
    """A cycle a month, on one folder of files that are replaced."""
    for month in year.months:
        vintages.write(year.data, year.vintage(month), year.task, year.countries, month, year.seed)
        shutil.copytree(year.vintage(month), year.work / "national", dirs_exist_ok=True)
        year.cycle(month, year.runs, year.work / "national")
        shutil.copytree(year.runs / CHAMPIONS, year.work / "kept" / month)


def check(year: Play, poisoned: str) -> list[str]:
    """What was seen, a line a month. poisoned: the month that is done again with absurd rows after it."""
    done = record.read_all(record.folder_of(year.runs, "ASEAN", year.task))
    assert [each.month for each in done] == list(year.months), "each month was agreed on, once"
    assert {each.step for each in done} == {""}
    lines = [_line(each) for each in done]
    _check_promotions(year, done)
    for each in done:
        _check_products(year, each)
    _check_archives(year, done)
    _check_poisoned(year, poisoned)
    return lines


def _line(cycle: Cycle) -> str:
    gate, issued = cycle.result(GATE), cycle.result(ISSUE)["issued"]
    count = sum(bool(each["issue"]) for each in issued.values())
    return f"{cycle.month}  {'promoted' if gate['promote'] else 'not promoted':<12}  {count} issued  {gate['reason']}"


def _check_promotions(year: Play, done: Sequence[Cycle]) -> None:
    """One version a month; each was promoted unless its own table says that it is worse for certain."""
    store = connect(TrackingSettings(), year.runs)
    name = registry.model_name("ASEAN", year.task)
    versions = registry.versions(store, name)
    assert [each.run for each in versions] == [each.run for each in done], "no run was offered twice"
    holder = ""
    for version, cycle in zip(versions, done, strict=True):
        assert cycle.result(AGREE)["champion"] == holder, "each run meets the champion of its day"
        table = {each["place"]: each for each in json.loads(version.tags[registry.TABLE])}
        promoted = not holder or ("ASEAN" in table and table["ASEAN"]["low"] <= 0)
        assert cycle.result(GATE)["promote"] == promoted
        worse = [place for place, each in table.items() if place != "ASEAN" and each["low"] > HARM * each["score"]]
        assert version.tags[registry.KEEP].split() == (worse if promoted else [])
        holder = version.run if promoted else holder
    assert registry.holders(store, name)[CHAMPION].run == holder


def _check_products(year: Play, cycle: Cycle) -> None:
    """One issue a country, and the same made afresh in an empty home from copies of that month's files."""
    for country, said in cycle.result(ISSUE)["issued"].items():
        if not said["issue"]:
            continue
        [issue] = [each for each in issues(year.runs / "nodes" / country, year.task) if each.name == said["issue"]]
        exported = read(_champion(year, cycle.month)).champion
        assert issue.content.run == exported.run or country in exported.keep, "a vetoing country keeps the one before"
        files = (_champion(year, month) for month in year.months if month <= cycle.month)
        champion = next(file for file in files if read(file).champion.run == issue.content.run)
        afresh = _afresh(year, issue, champion, country, cycle.month)
        assert_same(issue, afresh.issue)


def _check_archives(year: Play, done: Sequence[Cycle]) -> None:
    """Every archive holds the issues of the cycles and no other: of a late country's month two, if it was corrected."""
    for country in year.countries:
        named = {each.result(ISSUE)["issued"].get(country, {}).get("issue") for each in done} - {"", None}
        archived = [each.name for each in issues(year.runs / "nodes" / country, year.task)]
        assert sorted(named) == sorted(archived)


def _champion(year: Play, month: str) -> Path:
    """The file that was exported in a month."""
    return year.work / "kept" / month / f"ASEAN-{year.task}.champion"


def _afresh(year: Play, issue: Issue, champion: Path, country: str, month: str) -> Made:
    home = year.work / "afresh" / month / country
    _archive_before(year, country, month, home)
    return make(
        Wanted(
            home=home,
            country=country,
            task=year.task,
            data=year.vintage(month),
            sent=datetime.fromisoformat(issue.content.sent),
            played=True,
            champion=champion,
            vault=year.runs / f"{issue.content.run}{FOLD}" / "vault.sqlite",
        )
    )


def _archive_before(year: Play, country: str, month: str, home: Path) -> None:
    """What the node had issued before a month, in another home: a reporting delay is learnt from it."""
    node = year.runs / "nodes" / country
    shutil.copytree(node / "issues", home / "issues", ignore=shutil.ignore_patterns("held", ".lock"))
    for each in issues(node, year.task):
        if each.content.as_of >= month:  # of a late country's origin an earlier issue stays, which was a vintage
            shutil.rmtree(home / each.folder.relative_to(node))


def assert_same(issue: Issue, again: Issue) -> None:
    """Two issues are the same forecast, bit by bit, and the same products."""
    here, there = forecast_of(issue), forecast_of(again)
    assert here.places == there.places
    assert np.array_equal(here.origin, there.origin)
    assert np.array_equal(here.values, there.values), _difference(issue, again)
    assert issue.content.products == again.content.products
    assert issue.content.digests["model"] == again.content.digests["model"]


def _difference(issue: Issue, again: Issue) -> str:
    here, there = forecast_of(issue), forecast_of(again)
    largest = np.nanmax(np.abs(here.values - there.values)) if here.values.shape == there.values.shape else np.nan
    same = {key: issue.content.digests[key] == again.content.digests[key] for key in issue.content.digests}
    return (
        f"{issue.content.country} {issue.name}, arm {issue.content.arm} and {again.content.arm}: it differs by "
        f"{largest:.3g}; same: {same}; {issue.content.settings} and {again.content.settings}"
    )


def _check_poisoned(year: Play, month: str) -> None:
    """The month again, by itself: from first weights to products, on its files and the rows that came after them.

    Whether these rows are true or absurd changes no bit of a model, a forecast or a product.
    """
    true, absurd = (_with_future(year, month, poisoned=poisoned) for poisoned in (False, True))
    run = f"ASEAN-{year.task}-{month}"
    for name in (f"{run}{FOLD}", run):
        models = [(runs / name / "model.gotong").read_bytes() for runs in (year.runs, true, absurd)]
        assert models[0] == models[1] == models[2], f"{name} learnt from what came after {month}"
    for country in year.countries:
        played, after, poisoned = (
            {each.name: each for each in issues(runs / "nodes" / country, year.task) if each.content.run == run}
            for runs in (year.runs, true, absurd)
        )
        assert set(after) == set(poisoned)
        for name, issue in after.items():
            assert_same(issue, poisoned[name])
            if name in played:  # else the champion stayed another one
                here, again = forecast_of(played[name]).values, forecast_of(issue).values
                assert np.allclose(here, again, rtol=ROUNDING, atol=ROUNDING), f"{country} saw the future"


def _with_future(year: Play, month: str, *, poisoned: bool) -> Path:
    """The runs of a month that was done by itself, on its files and the rows after them."""
    name = "poisoned" if poisoned else "true"
    data, runs = year.work / name, year.work / f"{name}-runs"
    vintages.write_with_future(
        year.data, year.vintage(month), data, year.task, year.countries, month, poisoned=poisoned
    )
    for country in year.countries:
        if (year.runs / "nodes" / country / "issues").exists():
            _archive_before(year, country, month, runs / "nodes" / country)
    year.cycle(month, runs, data, f"until={month}")
    return runs
