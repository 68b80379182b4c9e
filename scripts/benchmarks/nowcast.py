"""What completing young weeks is worth on a real reporting triangle: Taiwan's dengue by week of onset and notification.

    scripts/bench nowcast FILE [COUNTY ...]

FILE: twn_onset_by_notification_week.csv(.gz), see docs/data.md. At the end of each of the last WEEKS weeks a forecaster
knows what was notified until then, learns the delay from the 48 weeks before, and forecasts the final count of the next
week: the newest count as it is (keep), the last complete one (mask) or the completed one (nowcast), each with the
symmetrised errors of its own past. Log-WIS, with 90 % intervals of 13-week blocks, drawn 2,000 times.
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np

from tasks.data import Array, Panel
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.quantiles import quantiles
from tasks.health.scores import log_wis
from tasks.vintages.delay import FEWEST, Vintage, learn
from tasks.vintages.provisional import masked, nowcast
from tasks.windows import carried

COUNTIES = ("Kaohsiung City", "Tainan City", "Pingtung County")
WEEKS, WARM, MEMORY, BLOCK, DRAWS, SEED = 520, 104, 48, 13, 2000, 1
WAYS = ("keep", "mask", "nowcast")


def main() -> None:
    file, *counties = sys.argv[1:]
    triangle, first = _triangle(Path(file), counties or list(COUNTIES))
    centres, final = _centres(triangle, first, counties or list(COUNTIES))
    scores = {way: _scores(centres[way], final) for way in WAYS}
    print(f"{scores['keep'].size} county-weeks; log-WIS one week ahead: " + _means(scores))
    for way, other in (("mask", "keep"), ("nowcast", "keep"), ("nowcast", "mask")):
        gain, low, high = _gain(scores[other], scores[way])
        print(f"{way} is {gain:.1%} [{low:.1%}, {high:.1%}] better than {other}")


def _triangle(file: Path, counties: list[str]) -> tuple[Array, np.datetime64]:
    """(P, T, D) cases by week of onset and weeks until their notification, and the last day of the first week."""
    with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as opened:
        rows = [row for row in csv.DictReader(opened) if row["county"] in counties]
    onset, notified = (
        np.array([row[f"{name}_week_monday"] for row in rows], "M8[D]") for name in ("onset", "notified")
    )
    week, late = ((each.astype(int)) // 7 for each in (onset - onset.min(), notified - onset))
    cells = np.zeros((len(counties), week.max() + 1, late.max() + 1))
    place = np.array([counties.index(row["county"]) for row in rows])
    np.add.at(cells, (place, week, late), [float(row["cases"]) for row in rows])
    return cells, onset.min() + 6


def _centres(triangle: Array, first: np.datetime64, counties: list[str]) -> tuple[dict[str, Array], Array]:
    """Way -> (P, T) the count that stands for each week at its own end, NaN before the last WEEKS; and final counts."""
    places, weeks, delays = triangle.shape
    final, periods = triangle.sum(axis=2), first + 7 * np.arange(weeks)
    centres = {way: np.full((places, weeks), np.nan) for way in WAYS}
    vintages: list[Vintage] = []
    for at in range(weeks - WEEKS - WARM - MEMORY, weeks):
        ages = np.arange(at, -1, -1)
        seen = np.stack([(triangle * (np.arange(delays) <= age)).sum(axis=2)[:, at - age] for age in ages[-delays:]])
        target = final[:, : at + 1].copy()
        target[:, -len(seen) :] = seen.T
        panel = Panel(country="TWN", periods=periods[: at + 1], places=tuple(counties), target=target, step="week")
        vintages = [*vintages[-MEMORY:], Vintage(known=periods[at], panel=panel)]
        delay = learn(vintages, periods[at])
        if len(vintages) <= FEWEST or delay is None:
            continue
        ways = {"keep": panel, "mask": masked(panel, delay, periods[at]), "nowcast": nowcast(panel, delay, periods[at])}
        for way, known in ways.items():
            centres[way][:, at] = carried(known.target, delay.share.shape[1])[:, -1]
    return centres, final


def _scores(centres: Array, final: Array) -> Array:
    """(P, WEEKS - 1) log-WIS of the next week; the spread is that of all errors of the county before."""
    weeks = final.shape[1]
    errors = np.log1p(final[:, 1:]) - np.log1p(centres[:, :-1])
    scores = np.zeros((len(final), WEEKS - 1))
    for column, at in enumerate(range(weeks - WEEKS, weeks - 1)):
        past = errors[:, : at - 1]  # the count of week `at` is not final at its own end
        spread = quantiles(np.concatenate([past, -past], axis=1), LEVELS)
        forecast = np.expm1(np.maximum(np.log1p(centres[:, at, None]) + spread, 0))
        scores[:, column] = log_wis(forecast[:, None], final[:, at + 1, None])[:, 0]
    return scores


def _gain(other: Array, way: Array) -> tuple[float, float, float]:
    """1 - way / other with its interval; blocks of time hold all counties."""
    blocks = np.arange(other.shape[1]) // BLOCK
    sums = np.stack([[each[:, blocks == block].sum() for block in np.unique(blocks)] for each in (other, way)])
    drawn = np.random.default_rng(SEED).integers(0, sums.shape[1], (DRAWS, sums.shape[1]))
    gains = 1 - sums[1][drawn].sum(axis=1) / sums[0][drawn].sum(axis=1)
    low, high = np.quantile(gains, [0.05, 0.95])
    return 1 - sums[1].sum() / sums[0].sum(), float(low), float(high)


def _means(scores: dict[str, Array]) -> str:
    return ", ".join(f"{way} {scores[way].mean():.4f}" for way in WAYS)


if __name__ == "__main__":
    main()
