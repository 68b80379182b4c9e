"""Totals among their parts: every case would count twice."""

import re
from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Array, Records
from tasks.meaning.spelling import spelling
from tasks.places.countries import CODES
from tasks.places.names import COUNTRIES

# "Total" and "the whole country" in the languages of the region
WORDS = """
total|grand total|sub total|totals|sum|overall|all|nation|national|nationwide|country|whole country|all provinces|
all states|all districts|all regions|jumlah|jumlah keseluruhan|total nasional|nasional|seluruh indonesia|keseluruhan|
semua|tong|tong so|tong cong|ca nuoc|toan quoc|kabuuan|lahat|total geral|nacional|รวม|รวมทั้งหมด|ทั้งหมด|ทั้งประเทศ|
รวมทั้งประเทศ|ทั่วประเทศ|ລວມ|ລວມທັງໝົດ|ທັງໝົດ|ທົ່ວປະເທດ|សរុប|សរុបរួម|ទូទាំងប្រទេស|ថ្នាក់ជាតិ|စုစုပေါင်း|ပေါင်း|တစ်နိုင်ငံလုံး
"""
TOTALS = frozenset(spelling(word.strip()) for word in WORDS.replace("\n", "").split("|"))
PATTERN = re.compile(
    r"\b(sub|grand)?[\s\-_]*totals?\b|^all\b.*\b(provinces|states|districts|regions|places)$|^jumlah\b"
)
REMEDY = "Remove it: the whole is the sum of its places, and each case would count twice"
ENOUGH = 12  # periods in which a sum must come out for it to be no chance


def named(records: Records) -> Iterator[Problem]:
    """An error for each place that is called a total."""
    names = records.table[records.place].to_numpy().astype(str)
    every, first = np.unique(names, return_index=True)
    odd = [int(at) for name, at in zip(every, first, strict=True) if spelling(name) in TOTALS or _says(name)]
    if len(odd) < len(every):
        for position in odd:
            what = "is a total and no place"
            yield records.problem(position, records.place, "total", what, REMEDY, warning=False)


def nation(records: Records) -> Iterator[Problem]:
    """An error for the first row of a whole country that stands among its places in the same period."""
    if not _additive(records):
        return
    names = records.table[records.place].to_numpy().astype(str)
    whole = np.isin(names, [each for each in np.unique(names) if each in CODES or _folded(each) in COUNTRIES])
    both = np.isin(records.time, records.time[~whole]) & whole
    for position in np.flatnonzero(both)[:1]:
        what = f"is the whole country, and its places have rows of {records.said(int(position))} as well"
        remedy = "Keep the places, or the country in periods without places: each case would count twice"
        yield records.problem(int(position), records.place, "nation", what, remedy, warning=False)


def sums(records: Records) -> Iterator[Problem]:
    """An error for each place that is the sum of others in every period."""
    for position, parts in _wholes(records):
        if len(parts) > 1:
            more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
            what = f"is the sum of {', '.join(parts[:3])}{more} in every period"
            yield records.problem(position, records.place, "parent", what, REMEDY, warning=False)


def twins(records: Records) -> Iterator[Problem]:
    """A warning for each place whose counts are another's in every period."""
    for position, parts in _wholes(records):
        if len(parts) == 1:
            what, remedy = f"has the counts of {parts[0]} in every period", "Keep one, if they are one place"
            yield records.problem(position, records.place, "twin", what, remedy)


def _wholes(records: Records) -> Iterator[tuple[int, list[str]]]:
    """The first row of each place that others add up to, with their names."""
    for column in _additive(records):
        values = records.matrix(column)
        usable = np.isfinite(values).all(axis=0)
        usable = usable if usable.sum() > len(values) + ENOUGH else np.isfinite(values).any(axis=0)
        counts = np.nan_to_num(values[:, usable])
        lively = np.flatnonzero((counts > 0).sum(axis=1) >= ENOUGH)
        if len(lively) < 2 or counts.shape[1] <= len(lively) + ENOUGH:
            continue
        for code, parts in _dependent(counts[lively]):
            position = int(np.flatnonzero(records.codes == lively[code])[0])
            yield position, [str(records.places[lively[part]]) for part in parts]


def _dependent(counts: Array) -> Iterator[tuple[int, list[int]]]:
    """Each series that is a sum of others, with these. counts: (S, T) whole numbers, T > S."""
    left = list(range(len(counts)))
    scale = np.linalg.norm(counts, axis=1, keepdims=True)
    while len(left) > 1:
        values, vectors = np.linalg.eigh((counts[left] / scale[left]) @ (counts[left] / scale[left]).T)
        if values[0] > 1e-9 * values[-1]:
            return
        weights = np.abs(vectors[:, 0])
        whole = max(
            (each for each in range(len(left)) if weights[each] > 1e-6), key=lambda each: (scale[left[each], 0], each)
        )
        others = [each for each in range(len(left)) if each != whole and weights[each] > 1e-6]
        share = np.linalg.lstsq(counts[[left[each] for each in others]].T, counts[left[whole]], rcond=None)[0]
        parts = [left[each] for each, part in zip(others, share, strict=True) if abs(part - 1) < 1e-6]
        if parts and np.array_equal(counts[parts].sum(axis=0), counts[left[whole]]):
            yield left[whole], parts
        left.pop(whole)


def _additive(records: Records) -> list[str]:
    names = [name for name, column in records.columns.items() if column.parts and name in records.table]
    return names if names and records.fits() and len(np.unique(records.codes)) > 1 else []


def _says(name: str) -> bool:
    return bool(PATTERN.search(_folded(name)))


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
