"""Faults of places: another spelling, a letter lost, coordinates."""

import re

import numpy as np
import pandas as pd

from tasks.files.schema import TableSchema
from tests.misreading.faults.fault import HEADER, Faulty, edited, one_series, put_values, shown

CELL = re.compile(r"[-+.\d]+_[-+.\d]+")  # an id of a latitude and a longitude


def spelling(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A place from some row on with another dash, case, accent, space, width, or a character that nobody sees."""
    place = str(schema.place)
    rows = one_series(text, schema, random)
    name = text[place].iloc[rows[0]]
    dashes = [name.replace("-", each) for each in ("\u2013", "\u2011", "\u2212", " - ")] if "-" in name else []
    spaces = [name.replace(" ", each) for each in ("  ", "\u00a0", "\u2009")] if " " in name else []
    others = [
        *dashes,
        *spaces,
        name + "\u200b",
        name[:1] + "\u2060" + name[1:],
        "\ufeff" + name,
        name.lower(),
        name.title(),
        "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in name),
    ]
    others = [each for each in others if each.strip() != name]
    changed = text.copy()
    rows = rows[int(random.integers(len(rows))) :]
    put_values(changed, rows, place, str(random.choice(others)))
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def misspelt(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A letter or digit of a place lost, doubled or exchanged, in a row or from some row on."""
    place = str(schema.place)
    rows = one_series(text, schema, random)
    name = text[place].iloc[rows[0]]
    at = int(random.integers(len(name) - 1))
    other = str(random.choice([name[:at] + name[at + 1 :], name[: at + 1] + name[at:], _exchanged(name, at)]))
    if other in set(text[place]) or other == name:
        return None
    rows = rows[[int(random.integers(len(rows)))]] if random.random() < 0.5 else rows[int(random.integers(len(rows))) :]
    changed = text.copy()
    put_values(changed, rows, place, other)
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def _exchanged(name: str, at: int) -> str:
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def coordinates(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A cell's longitude and latitude exchanged, a sign lost or given, a digit changed; in its rows or one of them."""
    rows = one_series(text, schema, random)
    rows = rows if random.random() < 0.5 else rows[[int(random.integers(len(rows)))]]
    if "longitude" in text:
        name = str(random.choice(["longitude", "latitude"]))
        value = text[name].iloc[rows[0]]
        others = [f"-{value}".replace("--", ""), shown(float(value) + 10, value), shown(float(value) * 10, value)]
        return edited(text, rows, name, lambda _: str(random.choice(others)))
    if CELL.fullmatch(text[str(schema.place)].iloc[rows[0]]):
        return edited(text, rows, str(schema.place), lambda value: "_".join(reversed(value.split("_"))))
    return None
