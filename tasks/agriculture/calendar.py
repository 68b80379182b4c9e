"""Planting and harvest months against the country's own rain: its first rice grows in the wetter part of the year."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.agriculture.schema import WEATHER, WEATHER_SCHEMA
from tasks.files.load import load_form
from tasks.files.reading import Problem

CROP = "rice"
RAINY = 1000.0  # mm a year, from which the first rice is grown by the rain
YEARS = 5  # of rain, from which its season is known


def dry_seasons(file: Path, rows: pd.DataFrame) -> Iterator[Problem]:
    """A warning where the first rice of most places grows in the drier part of the year: months exchanged.

    rows: of agriculture.csv at `file`, the index their row. Rain is of agriculture_weather.csv, if it is there.
    """
    if "harvest_month" not in rows:
        return
    rain = _usual_rain(load_form(file.with_name(WEATHER), WEATHER_SCHEMA, 1)[0])  # no row of a table that is not there
    places = rows[(rows["crop_name"] == CROP) & rows["harvest_month"].notna()].drop_duplicates("adm_id")
    if rain is None or places.empty or rain.sum() < RAINY:
        return
    ends = zip(places["planting_month"].astype(int), places["harvest_month"].astype(int), strict=True)
    ratios = [_wetter(rain, first, last) for first, last in ends]
    if np.median(ratios) < 1:
        driest = int(np.argmin(ratios))
        first = places.iloc[driest]
        yield Problem(
            file=str(file),
            row=int(places.index[driest]),
            column="planting_month",
            value=f"{first['planting_month']:.0f}",
            what=f"begins a season of {CROP} with {min(ratios):.2g} times the rain of the other months in {WEATHER}",
            remedy="Check that planting and harvest month are not exchanged",
            kind="dry-season",
            warning=True,
            place=f"{CROP}/{first['adm_id']}",
        )


def _usual_rain(weather: pd.DataFrame) -> "np.ndarray | None":
    """(12,) mm, the mean of each month over all places and years; None of less than YEARS."""
    if "rainfall" not in weather:
        return None
    months = weather["rainfall"].groupby(weather["time_period"].dt.month)
    return months.mean().to_numpy() if len(months) == 12 and months.count().min() >= YEARS else None


def _wetter(rain: np.ndarray, first: int, last: int) -> float:
    """Rain of the months first to last over that of the others, in the mean of a month."""
    season = np.isin(np.arange(12), (first - 1 + np.arange((last - first) % 12 + 1)) % 12)
    return float(rain[season].mean() / rain[~season].mean()) if not season.all() else 1.0
