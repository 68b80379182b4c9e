"""Faults of whole rows and columns: records twice, columns exchanged, totals among their parts."""

import numpy as np
import pandas as pd

from tasks.files.schema import TableSchema
from tests.misreading.faults.fault import HEADER, Faulty, measured, put_values, shown

SWAPS = (
    ("longitude", "latitude"),
    ("rainfall", "mean_temperature"),
    ("disease_cases", "population"),
    ("mean_temperature", "mean_relative_humidity"),
    ("disease_cases", "rainfall"),
    ("national_rainfall", "national_temperature"),
    ("planting_month", "harvest_month"),
    ("yield", "area"),
)


TOTALS = ("Total", "TOTAL", "Jumlah", "Tổng số", "รวม", "Grand total", "All provinces", "Kabuuan", "សរុប", "ລວມ")


def duplicate(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A record again at the end, the same or with another value."""
    at = int(random.integers(len(text)))
    again = text.iloc[[at]].copy()
    names = measured(text, schema)
    if names and random.random() < 0.5 and again[name := names[0]].iloc[0]:
        again[name] = shown(float(again[name].iloc[0]) + 1, again[name].iloc[0])
    return Faulty(text=pd.concat([text, again], ignore_index=True), rows=frozenset([at + HEADER, len(text) + HEADER]))


def swapped(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Two columns exchanged in a row, or in the whole file."""
    pairs = [pair for pair in SWAPS if set(pair) <= set(text.columns)]
    if not pairs:
        return None
    first, second = pairs[int(random.integers(len(pairs)))]
    both = np.flatnonzero((text[first] != "") & (text[second] != "") & (text[first] != text[second]))
    if not len(both):
        return None
    whole = random.random() < 0.5
    rows = both if whole else both[[int(random.integers(len(both)))]]
    changed = text.copy()
    put_values(changed, rows, first, text[second].to_numpy()[rows])
    put_values(changed, rows, second, text[first].to_numpy()[rows])
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()), anywhere=whole)


def _summed(
    text: pd.DataFrame, places: list[str], name: str, periods: int | None, random: np.random.Generator
) -> Faulty:
    rows = text[text["location"].isin(places) & (text["disease_cases"] != "")]
    cases = rows["disease_cases"].astype(float).groupby(rows["time_period"]).sum()
    chosen = cases if periods is None else cases.iloc[[int(random.integers(len(cases)))]]
    more = pd.DataFrame({"time_period": chosen.index, "location": name, "disease_cases": chosen.map("{:.0f}".format)})
    whole = pd.concat([text, more.reindex(columns=text.columns, fill_value="")], ignore_index=True)
    return Faulty(text=whole, rows=frozenset(range(len(text) + HEADER, len(whole) + HEADER)))


def total(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Rows of a total in every month, or in one."""
    if "disease_cases" not in text or text["location"].nunique() < 2:
        return None
    name = str(random.choice(TOTALS))
    return _summed(text, list(text["location"].unique()), name, None if random.random() < 0.5 else 1, random)


def nation(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Rows of the whole country in every month, or in one."""
    places = [] if "disease_cases" not in text else [each for each in text["location"].unique() if len(each) != 3]
    if len(places) < 2:
        return None
    name = str(random.choice(["THA", "Thailand", "Viet Nam", "PHL", "Lao People's Democratic Republic"]))
    return _summed(text, places, name, None if random.random() < 0.5 else 1, random)


def parent(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Rows of a region with the sum of some of its provinces, under a name that says nothing."""
    if "disease_cases" not in text:
        return None
    lively = text[pd.to_numeric(text["disease_cases"], errors="coerce") > 0]["location"].value_counts()
    places = list(lively[lively >= 24].index)
    if len(places) < 4 or text["time_period"].nunique() < len(text["location"].unique()) + 24:
        return None
    some = [str(each) for each in random.choice(places, int(random.integers(2, min(len(places), 6))), replace=False)]
    return _summed(text, some, str(random.choice(["Zone 4", "Upper Valley", "R9"])), None, random)
