"""What to do with months whose records still grow, on national dengue files with reporting delays put on them.

    scripts/bench provisional DATA [COUNTRY ...]

Final counts are those of the files. At each of the last MONTHS months the forecaster sees a binomial part of the
newest months (mean SHARES, unlike from place to place and month to month), learns the delay from the vintages before,
and forecasts the three months to come by two baselines. Log-WIS against the final counts, relative to complete records.
"""

import sys
from pathlib import Path

import numpy as np

from tasks.data import Array, Panel
from tasks.health import TASK
from tasks.health.scores import log_wis
from tasks.health.settings import HealthSettings
from tasks.settings import Calendar
from tasks.vintages.delay import Vintage, learn
from tasks.vintages.provisional import masked, nowcast

MONTHS, AHEAD, SEED = 36, 3, 1
SHARES = {"quick": (0.8, 0.97), "usual": (0.5, 0.85, 0.97), "slow": (0.25, 0.5, 0.75, 0.95)}
BASELINES = ("flat_persistence", "negative_binomial")
LONG = 6  # horizons, so that a forecast from an earlier origin reaches the same months


def main() -> None:
    data, *chosen = sys.argv[1:]
    countries = chosen or ["LAO", "MYS", "THA", "VNM"]
    print("delay   baseline           keep   mask   nowcast   (log-WIS relative to complete records)")
    for name, shares in SHARES.items():
        sums = {way: np.zeros(len(BASELINES)) for way in ("complete", "keep", "mask", "nowcast")}
        for country in countries:
            for way, scores in _country(Path(data) / country, country, shares).items():
                sums[way] += scores / len(countries)
        for at, baseline in enumerate(BASELINES):
            relative = [sums[way][at] / sums["complete"][at] for way in ("keep", "mask", "nowcast")]
            print(f"{name:<7} {baseline:<18} {relative[0]:.3f}  {relative[1]:.3f}  {relative[2]:.3f}", flush=True)


def _country(folder: Path, country: str, shares: tuple[float, ...]) -> dict[str, Array]:
    final = TASK.read(folder, country, HealthSettings())
    known = np.isfinite(final.target).sum(axis=0) >= np.isfinite(final.target).sum(axis=0).max() / 2
    last = int(np.flatnonzero(known)[-1]) - AHEAD
    settings = HealthSettings(horizons=LONG, calendar=_calendar(final, last - MONTHS))
    random = np.random.default_rng([SEED, *country.encode()])
    mean = np.array(shares)
    part = random.beta(20 * mean, 20 * (1 - mean), (*final.target.shape, len(shares)))
    vintages, scores = [], {way: np.zeros(len(BASELINES)) for way in ("complete", "keep", "mask", "nowcast")}
    for at in range(last - MONTHS - 24, last + 1):
        seen = _seen(final, part, at)
        vintages.append(Vintage(known=final.periods[at], panel=seen))
        if at <= last - MONTHS:
            continue
        delay = learn(vintages, final.periods[at])
        assert delay is not None
        whole = _until(final, final.target, at)
        ways = {"complete": whole, "keep": seen}
        ways |= {"mask": masked(seen, delay, final.periods[at]), "nowcast": nowcast(seen, delay, final.periods[at])}
        for way, panel in ways.items():
            scores[way] += _scored(panel, final, at, settings) / MONTHS
    return scores


def _scored(panel: Panel, final: Panel, at: int, settings: HealthSettings) -> Array:
    """Mean log-WIS of the months at + 1 ... at + AHEAD of each baseline, from the newest origin of each place."""
    windows = TASK.windows(panel, settings)
    reported = np.isfinite(panel.target)
    newest = panel.target.shape[1] - 1 - reported[:, ::-1].argmax(axis=1)
    chosen = windows.take(np.flatnonzero(windows.origin == panel.periods[newest][windows.place]))
    column = (chosen.due - final.periods[0]).astype(int)
    observed = final.target[chosen.place[:, None], np.minimum(column, final.target.shape[1] - 1)]
    wanted = (column > at) & (column <= at + AHEAD)
    means = []
    for name in BASELINES:
        scores = log_wis(TASK.baselines[name](panel, chosen, settings), np.where(wanted, observed, np.nan))
        means.append(np.nanmean(scores))
    return np.array(means)


def _seen(final: Panel, part: Array, at: int) -> Panel:
    target = final.target.copy()
    for age in range(part.shape[-1]):
        target[:, at - age] = np.round(target[:, at - age] * part[:, at - age, age])
    return _until(final, target, at)


def _until(final: Panel, target: Array, at: int) -> Panel:
    covariates = {name: each[:, : at + 1] for name, each in final.covariates.items()}
    return Panel(
        country=final.country,
        periods=final.periods[: at + 1],
        places=final.places,
        target=target[:, : at + 1],
        covariates=covariates,
        static=final.static,
    )


def _calendar(panel: Panel, until: int) -> Calendar:
    train = panel.periods[until]
    return Calendar(train_until=str(train), validate_until=str(train + 1), test_until=str(train + 2))


if __name__ == "__main__":
    main()
