"""The tables of docs/results/river.md, from finished runs of `recipe=river` and `recipe=river_perfect_weather`.

    scripts/bench river DATA RUN...

DATA holds the national files, RUN are folders of runs; those of one mode that differ in their seed are averaged. What
a run says of its test is read from its `results.json`. The tables without a gauge are made here, from the federated
model: the same days of the test, with all flow of a gauge hidden.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite, nan
from pathlib import Path

import numpy as np
import torch
from prevah import efficiencies

from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.reporting.rows import ALL, PAIRED, RESULTS, Row, of_test, read_json
from federation.settings.schema import Settings
from tasks.data import Array, Panel, Windows
from tasks.evaluation.of_windows import evaluated
from tasks.files.reading import header
from tasks.models.weights import built, output_of
from tasks.river import TASK
from tasks.river.schema import RIVER
from tasks.river.scores import SCORES, crps
from tasks.river.settings import MODES, PERFECT, RiverSettings
from tasks.river.windowing import ungauged
from tasks.windows import with_record_of

LEADS = ("1 day", "3 days", "7 days")
ARMS = ("persistence", "climatology", "recession", "local", "local_pair", "federated", "adapted", "issued", "pooled")
SCORED = {"nse_median": "Median NSE", "kge_median": "Median KGE'", "crps_skill": "CRPS skill over persistence"}
SCORED["coverage_90"] = "Coverage of 90 %"
PAIRS = (("adapted", "local_pair"), ("adapted", "recession"), ("issued", "recession"), ("issued", "adapted"))
SLICE = 4000  # windows forecast at a time


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run: where it lies, its settings, and its rows."""

    folder: Path
    settings: Settings
    rows: Sequence[Row]


def read(folder: Path) -> Run:
    """Raises CheckpointError, DataError."""
    plain = checkpoint.read_header(folder / checkpoint.FILE)["settings"]
    return Run(folder=folder, settings=restore(Settings, plain, "checkpoint"), rows=read_json(folder / RESULTS))


def table(head: str, columns: Sequence[str], lines: Mapping[str, Sequence[str]]) -> str:
    """In Markdown."""
    rows = [[head, *columns], ["---"] * (len(columns) + 1), *([name, *cells] for name, cells in lines.items())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def by_lead(values: Sequence[float], digits: int = 2) -> str:
    """Such as .81/.35/.16."""
    texts = ("–" if not isfinite(each) else f"{each:.{digits}f}" for each in values)
    return "/".join(text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text for text in texts)


def scores(runs: Sequence[Run], data: Path) -> str:
    """A table a score: countries by arms, of leads 1, 3 and 7."""
    values = [{(r.country, r.arm, r.score, r.horizon): r.value for r in of_test(run.rows)} for run in runs]
    countries = sorted({key[0] for key in values[0] if len(key[0]) == 3})
    arms = [arm for arm in ARMS if any(key[1] == arm for key in values[0])]
    parts = []
    for score, name in SCORED.items():
        lines = {}
        for country in countries:
            cells = [
                by_lead([float(np.mean([v.get((country, arm, score, lead), nan) for v in values])) for lead in LEADS])
                for arm in arms
            ]
            lines[country] = cells
        columns = list(arms)
        if score == "nse_median" and runs[0].settings.task.mode == PERFECT:
            columns.append("PREVAH")
            for country in countries:
                lines[country].append(by_lead([_prevah(data / country / RIVER, runs[0])]))
        parts.append(table(f"{name}, leads 1/3/7", columns, lines))
    return "\n".join(parts)


def _prevah(file: Path, run: Run) -> float:
    """Median NSE of a hydrological model that knows the weather and no flow; NaN where a file has none."""
    if "simulated_streamflow" not in header(file):
        return nan
    return float(np.median(efficiencies(file, run.settings.task.every)))


def differences(runs: Sequence[Run]) -> str:
    """By how many per cent one arm's CRPS is below another's, with its 95 % interval: leads 1, 3, 7 and all seven."""
    rows = [{(r.country, r.arm, r.score, r.horizon): r for r in run.rows} for run in runs]
    headline = next(iter(SCORES))
    countries = sorted({r.country for r in runs[0].rows if r.part == PAIRED})
    parts = []
    for arm, other in PAIRS:
        leads = (*LEADS, ALL)
        lines = {each: [_gain(rows, each, arm, other, headline, lead) for lead in leads] for each in countries}
        parts.append(table(f"CRPS of {arm}, % below that of {other}", leads, lines))
    return "\n".join(parts)


def _gain(
    rows: Sequence[Mapping[tuple[str, str, str, str], Row]], country: str, arm: str, other: str, score: str, lead: str
) -> str:
    ends = []
    for each in rows:
        difference, base = each.get((country, f"{arm}-{other}", score, lead)), each.get((country, other, score, lead))
        if difference is None or base is None or not isfinite(difference.value):
            return "–"
        ends.append([-100 * end / base.value for end in (difference.value, difference.high, difference.low)])
    value, low, high = np.mean(ends, axis=0)
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def without_gauge(runs: Sequence[Run], data: Path) -> str:
    """Median NSE and CRPS skill over the gauge's own climatology, of the federated model that sees no flow."""
    lines = {}
    for country in runs[0].settings.region.countries:
        panel = _panel(data / country, country, runs[0].settings.task.every, runs[0].settings.record_years_of(country))
        windows = ungauged(panel, runs[0].settings.task).only("test")
        usual = TASK.baselines["climatology"](panel, windows, runs[0].settings.task)
        each = np.array([_hidden(run, windows, usual) for run in runs]).mean(axis=0)
        lines[country] = [by_lead(each[0]), by_lead(each[1])]
    columns = ("median NSE, leads 1/3/7", "CRPS skill over climatology, leads 1/3/7")
    return table("Gauge hidden, federated", columns, lines)


@cache
def _panel(folder: Path, country: str, every: int, years: int | None) -> Panel:
    """The records, which are the same in both modes; years: of training that the runs took."""
    settings = RiverSettings(every=every)
    panel = TASK.read(folder, country, settings)
    return panel if years is None else with_record_of(panel, settings.calendar, years)


def _hidden(run: Run, windows: Windows, usual: Array) -> tuple[Array, Array]:
    """Of leads 1, 3 and 7: median NSE, and CRPS skill over what is usual."""
    weights = {name: torch.from_numpy(np.array(each)) for name, each in checkpoint.load_model(run.folder).items()}
    model = built(TASK, run.settings.task, run.settings.seed)
    rows = np.array_split(np.arange(len(windows)), max(len(windows) // SLICE, 1))
    outputs = np.concatenate([output_of(model, weights, windows.take(each)) for each in rows])
    forecast, at = TASK.forecast(outputs, windows), [int(lead.split()[0]) - 1 for lead in LEADS]
    sums = SCORES["nse"].sums(evaluated(forecast, windows, run.settings.task))
    median = SCORES["nse"].derived["nse_median"].estimate(sums).value[at]
    mine, theirs = (np.nanmean(crps(each, windows.observed), axis=0)[at] for each in (forecast, usual))
    return median, 1 - mine / theirs


def main() -> None:
    """Print the tables of each mode."""
    data, runs = Path(sys.argv[1]), [read(Path(each)) for each in sys.argv[2:]]
    for mode, words in MODES.items():
        own = [run for run in runs if run.settings.task.mode == mode]
        if own:
            print(f"## Mode {words}\n\nSeeds {', '.join(str(run.settings.seed) for run in own)}.\n")
            print("\n".join([scores(own, data), differences(own), without_gauge(own, data)]))


if __name__ == "__main__":
    main()
