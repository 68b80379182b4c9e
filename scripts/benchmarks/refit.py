"""What training on the validation years is worth, and the issued mix: operational runs, tested on years after them.

    scripts/bench refit data=NATIONAL runs=RUNS seeds=1,2,3 until=2006-12 recipe=dengue to=docs/refit.md

Other words go to the runs: droughts are the same in fold and refit with task.reference_until= the fold's training end.
Runs that are there already are read, not done again. Differences rest on blocks of time that both forecasts share,
summed over the countries that report them and averaged over the seeds; a simulation alone can look at them.
"""

import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from federation.cli import main
from federation.composition.compose import settings_of
from federation.runs.operational import FOLD
from federation.runs.simulation import LEDGER
from federation.vault import state
from federation.vault.database import open_database
from federation.vault.own_models import differences
from federation.vault.own_models.mixing import MODELS
from federation.wire.frame import decode
from tasks.evaluation.paired_difference import Blocks, merge_blocks, paired_interval
from tasks.registry import TASKS
from tasks.task import Task

ARMS = ("local", "local_adapted", "federated", "adapted", "issued")
USUAL = {"health": "climatology", "disaster": "cell_climatology", "agriculture": "five_year_mean"}
ByCountry = Mapping[str, Blocks]
Points = Mapping[tuple[str, str, str], Sequence[float]]  # fold or refit, country, arm -> a score a seed


def scores(database: sqlite3.Connection, run: str, headline: str) -> dict[tuple[str, str, str], tuple[float, float]]:
    """(country, part, arm) -> sum and count of the headline over all horizons, as they left with the test."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for country, reply in database.execute("SELECT country, reply FROM state WHERE run = ? AND kind = 'test'", (run,)):
        for path, values in decode(reply).group("score").items():
            part, arm, score, name = path.split("/")
            if score == headline and part in ("validation", "test"):
                found.setdefault((country, part, arm), {})[name] = float(values[-1])
    return {key: (each["sum"], each["count"]) for key, each in found.items() if each["count"]}


def from_usual(database: sqlite3.Connection, run: str, arm: str, usual: str) -> dict[str, Blocks]:
    """Country -> blocks of an arm's score less that of a baseline which is the same in fold and refit."""
    found: dict[str, Blocks] = {}
    for (country,) in database.execute("SELECT country FROM state WHERE run = ? AND kind = 'test'", (run,)).fetchall():
        known = differences.blocks_from_memory(state.memory_of_test(database, country, run) or {})
        if f"{arm}-{usual}" in known:
            found[country] = known[f"{arm}-{usual}"]
        elif f"federated-{arm}" in known:
            found[country] = less(known[f"federated-{usual}"], known[f"federated-{arm}"])
    return {country: each for country, each in found.items() if each.count[:, -1].any()}


def less(one: Blocks, other: Blocks) -> Blocks:
    """The difference of two differences of the same place-periods."""
    assert np.array_equal(one.labels, other.labels)
    counted = (one.count > 0) & (other.count > 0)
    return replace(one, above=np.where(counted, one.above - other.above, 0.0), below=one.below * counted)


def mean_of(seeds: Sequence[ByCountry]) -> dict[str, Blocks]:
    """Country -> the mean over the seeds, where all of them have it."""
    common = set.intersection(*(set(each) for each in seeds))
    return {
        country: replace(seeds[0][country], above=np.mean([each[country].above for each in seeds], axis=0))
        for country in sorted(common)
    }


def compared(one: ByCountry, other: ByCountry) -> dict[str, Blocks]:
    """Country -> the first's score less the second's."""
    return {country: less(one[country], other[country]) for country in sorted(one.keys() & other.keys())}


def share(blocks: ByCountry, base: float) -> float:
    """The difference in per cent of a score."""
    return 100 * float(paired_interval(merge_blocks(blocks.values()))["value"][-1]) / base


def line(name: str, blocks: ByCountry, base: float) -> str:
    """A row of the table. base: the score that a difference is a share of."""
    interval = {key: float(value[-1]) for key, value in paired_interval(merge_blocks(blocks.values())).items()}
    ends = " to ".join(f"{100 * interval[key] / base:+.1f}" for key in ("low", "high"))
    return f"| {name} | {base:.4f} | {100 * interval['value'] / base:+.1f} % | {ends} % | {len(blocks)} |"


def best_member(
    rows: Mapping[tuple[str, str, str], tuple[float, float]], country: str, baselines: Sequence[str]
) -> str:
    """The member of the mix with the best score in the validation of the fold."""
    there = {arm: rows[key] for arm in (*MODELS, *baselines) if (key := (country, "validation", arm)) in rows}
    return min(there, key=lambda arm: there[arm][0] / there[arm][1]) if there else ""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Of all seeds. mean: (fold or refit, arm) -> country -> blocks of its score less the usual baseline's.

    members: country -> the member that was best on validation, a seed each.
    """

    mean: Mapping[tuple[str, str], ByCountry]
    points: Points
    members: Mapping[str, Sequence[str]]

    def base(self, kind: str, arm: str) -> float:
        """The mean score of the countries whose blocks are counted, weighted by them."""
        of = self.mean.get((kind, arm), self.mean[kind, "federated"])
        weights = {name: each.below[:, -1].sum() for name, each in of.items() if (kind, name, arm) in self.points}
        means = [np.mean(self.points[kind, country, arm]) for country in weights]
        return float(np.average(means, weights=list(weights.values())))


def lacking(points: Points, usual: str) -> dict[tuple[str, str, str], Sequence[float]]:
    """Of a skill: every error as a share of the usual baseline's, which is the skill's reference."""
    return {
        (kind, country, arm): [mine / its for mine, its in zip(each, points[kind, country, usual], strict=True)]
        for (kind, country, arm), each in points.items()
        if (kind, country, usual) in points
    }


def check_unmoved(points: Points, usual: str) -> None:
    """End unless the baseline has the same scores in fold and refit: then what is forecast is the same as well."""
    countries = {country for _, country, arm in points if arm == usual}
    moved = [each for each in sorted(countries) if points["fold", each, usual] != points["refit", each, usual]]
    if moved:
        sys.exit(f"{usual} has other scores in the refit in {', '.join(moved)}: it was tested on other events or years")


def measured(runs: Path, seeds: Sequence[str], task: Task) -> Measured:
    """What the runs of all seeds left in their vaults."""
    headline, usual = next(iter(task.scores)), USUAL[task.name]
    blocks: dict[tuple[str, str], list[ByCountry]] = {}
    points: dict[tuple[str, str, str], Sequence[float]] = {}
    members: dict[str, list[str]] = {}
    for seed in seeds:
        fold, refit = f"refit-{seed}{FOLD}", f"refit-{seed}"
        database = open_database(runs / fold / LEDGER)
        for kind, run in (("fold", fold), ("refit", refit)):
            for arm in ARMS:
                blocks.setdefault((kind, arm), []).append(from_usual(database, run, arm, usual))
            for (country, part, arm), (total, count) in scores(database, run, headline).items():
                if part == "test":
                    points[kind, country, arm] = [*points.get((kind, country, arm), ()), total / count]
        rows = scores(database, fold, headline)
        for country in {country for country, *_ in rows}:
            members.setdefault(country, []).append(best_member(rows, country, list(task.baselines)))
        database.close()
    check_unmoved(points, usual)
    mean = {key: mean_of(each) for key, each in blocks.items()}
    if task.scores[headline].better == "larger":
        points = lacking(points, usual)
        mean = {key: {name: replace(each, above=-each.above) for name, each in of.items()} for key, of in mean.items()}
    return Measured(mean=mean, points=points, members=members)


def page(words: Mapping[str, str]) -> str:
    """The whole page. A skill is turned into what it lacks, the error as a share of the reference's: less is better."""
    settings = settings_of([f"recipe={words['recipe']}"])
    task = TASKS[settings.task.name]
    headline, score = next(iter(task.scores.items()))
    error = headline if score.better == "smaller" else f"1 less {headline}"
    found = measured(Path(words["runs"]), words["seeds"].split(","), task)
    chosen = " ".join(f"{key}={value}" for key, value in words.items() if key not in ("data", "runs", "to"))
    lines = [
        f"# Refits and issued mixes, measured: {words['recipe']}\n",
        f"Made by `scripts/bench refit {chosen}`",
        "on public records; nothing was typed. The fold's training leaves out the validation years before `until`,",
        "the refit's does not; both are tested after them.",
        f"Score: {error}, mean over the seeds, smaller is better. The test years chose nothing.\n",
        *_of_refits(found),
        *_of_mixes(found),
        *_of_countries(found),
    ]
    return "\n".join(lines) + "\n"


def _of_refits(found: Measured) -> list[str]:
    rows = {arm: compared(found.mean["refit", arm], found.mean["fold", arm]) for arm in ARMS}
    gains = {arm: share(rows[arm], found.base("fold", arm)) for arm in ARMS}
    before, after = found.base("fold", "personalised"), found.base("refit", "personalised")
    met = [arm for arm, gain in gains.items() if gain <= -1]
    return [
        "## The refit less its fold\n",
        f"Wanted: 1 % better in every arm. {'Met' if len(met) == len(ARMS) else 'MISSED'}.\n",
        "| arm | fold | refit less fold | 95 % interval | countries |",
        "|---|---|---|---|---|",
        *(line(arm, rows[arm], found.base("fold", arm)) for arm in ARMS),
        f"| personalised | {before:.4f} | {100 * (after / before - 1):+.1f} % | – | {len(rows['federated'])} |\n",
    ]


def _of_mixes(found: Measured) -> list[str]:
    others = [arm for arm in ARMS if arm != "issued"]
    rows = {arm: compared(found.mean["refit", "issued"], found.mean["refit", arm]) for arm in others}
    met = share(rows["adapted"], found.base("refit", "adapted")) <= -1
    return [
        "## The issued mix less other arms, all refitted\n",
        f"Wanted: 1 % better than adapted. {'Met' if met else 'MISSED'}.\n",
        "| less | its score | issued less it | 95 % interval | countries |",
        "|---|---|---|---|---|",
        *(line(arm, rows[arm], found.base("refit", arm)) for arm in others),
        "",
    ]


def _of_countries(found: Measured) -> list[str]:
    lines, over = [], {}
    for country in sorted({country for kind, country, arm in found.points if (kind, arm) == ("refit", "issued")}):
        best = max(sorted(set(found.members[country])), key=found.members[country].count)
        wanted = (*MODELS, "adapted", "issued", best)
        value = {arm: float(np.mean(found.points.get(("refit", country, arm), [np.nan]))) for arm in wanted}
        over[country] = value["issued"] / value[best]
        cells = [f"{value[arm]:.4f}" for arm in ("local", "federated", "personalised", "adapted", "issued")]
        known = [best.replace("_", " "), f"{value[best]:.4f}", f"{over[country]:.3f}"]
        cells += known if best else ["withheld", "–", "–"]  # too few were validated there for a score to leave
        lines.append(f"| {country} | {' | '.join(cells)} |")
    behind = [country for country, ratio in over.items() if ratio > 1.01]
    verdict = f"MISSED in {', '.join(behind)}" if behind else "Met"
    return [
        "## Country by country, refitted\n",
        "Best on validation: the member of the mix with the best score in the validation of most folds. Wanted",
        f"is that issued is at most 1 % behind it in any country. {verdict}.\n",
        "| | local | federated | personalised | adapted | issued | best on validation | its score | issued over it |",
        "|---|---|---|---|---|---|---|---|---|",
        *lines,
    ]


def run(words: Mapping[str, str]) -> None:
    """Do the runs that are missing, and write the page."""
    arms = f"arms=[{','.join(('federated', 'local', 'personalised', 'local_adapted', 'adapted', 'issued'))}]"
    chosen = [f"{key}={value}" for key, value in words.items() if key not in ("seeds", "to")]
    for seed in words["seeds"].split(","):
        name = f"refit-{seed}"
        if not (Path(words["runs"]) / name / "model.gotong").exists():
            main(["simulate", "purpose=operational", f"name={name}", f"seed={seed}", arms, "tracking=none", *chosen])
    Path(words["to"]).write_text(page(words), encoding="utf-8")


if __name__ == "__main__":
    run(dict(word.split("=", 1) for word in sys.argv[1:]))
