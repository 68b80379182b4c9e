"""How good the simulation of a hydrological model in national files is, on the days that `task=river` is tested on.

    scripts/bench prevah DIR [EVERY]

DIR holds COUNTRY/river.csv with a column `simulated_streamflow`, such as PREVAH's in CAMELS-CH. It saw the weather of
the day itself, so it is a rival of `task.mode=perfect_weather` alone. For each country: gauges, median and mean NSE, in
the mean each gauge counting as -1 at least, as in the task's score.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.river.schema import RIVER
from tasks.river.scores import LEAST, WORST, nse
from tasks.river.settings import RiverSettings

COLUMNS = ["date", "gauge_id", "streamflow", "simulated_streamflow"]


def efficiencies(file: Path, every: int) -> list[float]:
    """NSE of each gauge, over every so many days of the test."""
    _, validated, tested = RiverSettings().calendar.cuts()
    table = pd.read_csv(file, usecols=COLUMNS, parse_dates=["date"], dtype={"gauge_id": str}).dropna()
    day = table["date"].to_numpy().astype("datetime64[D]")
    table = table[(day > validated) & (day <= tested) & (day.astype(np.int64) % every == 0)]
    gauges = [rows[["simulated_streamflow", "streamflow"]].to_numpy() for _, rows in table.groupby("gauge_id")]
    return [float(nse(rows[:, :1], rows[:, 1:])[0]) for rows in gauges if len(rows) >= LEAST]


def main() -> None:
    """Print a line a country."""
    folder, every = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else RiverSettings().every
    for file in sorted(folder.glob(f"*/{RIVER}")):
        values = np.array(efficiencies(file, every))
        mean = np.maximum(values, WORST).mean()
        print(f"{file.parent.name}  {len(values)} gauges  median NSE {np.median(values):.2f}  mean {mean:.2f}")


if __name__ == "__main__":
    main()
