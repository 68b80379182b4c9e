"""How often the charts of `gotong node monitor` alarm without a cause, and how soon with one: by simulation.

    scripts/bench monitoring [NODES]

Each of NODES simulated nodes (default 400) is watched for five years: four columns of records, of which ten years are
known before, charted both ways, and the skill of its forecasts, of which nothing is known before. All series are
stationary, their neighbouring months correlate by what the first column says; or the innovations are heavy-tailed
(Student's t with 4 degrees of freedom). A shift, in standard deviations of the series, comes after the second year.
The last lines are of synthetic countries' own records (health and drought), which do not change.
"""

import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.signal import lfilter

from federation.monitoring.charts import cumulative, limit, standardised
from federation.monitoring.inputs import anomalies, is_slow
from tasks.data import Array
from tasks.registry import TASKS

KNOWN, WATCHED, SHIFTED = 120, 60, 24
COLUMNS, CHARTS = 4, 9
COUNTRIES = ("IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "THA", "VNM")


def main() -> None:
    logging.disable(logging.WARNING)  # of what is odd about synthetic numbers
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    random = np.random.default_rng(1)
    print("correlation  tails   alarms of a node in 5 years   months until an alarm: median (share seen within 12)")
    print("                     inputs  skill  all            input +2      input +3      skill +2      skill +3")
    for share, heavy in ((0.0, False), (0.3, False), (0.5, False), (0.7, False), (0.85, False), (0.5, True)):
        inputs = _alarms(_series(random, nodes * COLUMNS, KNOWN + WATCHED, share, heavy), KNOWN, both=True) / nodes
        skill = _alarms(_series(random, nodes, WATCHED, share, heavy), 0, both=False) / nodes
        delays = [
            _delay(_series(random, nodes // 2, known + WATCHED, share, heavy), known + SHIFTED, shift, known)
            for known in (KNOWN, 0)
            for shift in (2, 3)
        ]
        tails = "heavy" if heavy else "normal"
        print(
            f"{share:<12} {tails:<7} {inputs:<7.2f} {skill:<6.2f} {inputs + skill:<14.2f} " + "".join(delays),
            flush=True,
        )
    for task in ("health", "disaster"):
        print(_synthetic(task), flush=True)


def _series(random: np.random.Generator, number: int, months: int, share: float, heavy: bool) -> Array:
    size = (number, months + 60)
    surprises = random.standard_t(4, size) / np.sqrt(2) if heavy else random.standard_normal(size)
    return np.asarray(lfilter([np.sqrt(1 - share**2)], [1, -share], surprises, axis=1)[:, 60:])


def _normal(series: Array, known: int) -> Array:
    normal = standardised(series)
    normal[:known] = np.nan
    return normal


def _alarms(series: Array, known: int, *, both: bool) -> int:
    height, number = limit(CHARTS), 0
    for each in series:
        normal = _normal(each, known)
        number += len(cumulative(normal, height)[1]) + (len(cumulative(-normal, height)[1]) if both else 0)
    return number


def _delay(series: Array, first: int, shift: float, known: int) -> str:
    series[:, first:] += shift
    height = limit(CHARTS)
    delays = np.array(
        [
            next((a.at - first + 1 for a in cumulative(_normal(each, known), height)[1] if a.at >= first), 999)
            for each in series
        ]
    )
    return f"{np.median(delays):.0f} ({(delays <= 12).mean():.0%})".ljust(14)


def _synthetic(name: str) -> str:
    """Of every country of a task, watched from the eleventh year of its synthetic records on."""
    task, alarms, years, charts = TASKS[name], 0, 0.0, 0
    for country in COUNTRIES:
        with TemporaryDirectory() as scratch:
            settings = task.settings()
            task.synthesize(Path(scratch), country, 1, settings)
            columns = anomalies(task.read(Path(scratch), country, settings), "target")
        watched = [series for series in columns.values() if not is_slow(series[:KNOWN])]
        charts = 1 + 2 * len(watched)
        for series in watched:
            normal = _normal(series, KNOWN)
            alarms += sum(len(cumulative(sign * normal, limit(charts))[1]) for sign in (1, -1))
        years += (len(watched[0]) - KNOWN) / 12
    return f"synthetic {name}: {charts - 1} charts of inputs a country, {5 * alarms / years:.2f} alarms in 5 years"


if __name__ == "__main__":
    main()
