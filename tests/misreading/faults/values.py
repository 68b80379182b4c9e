"""Faults of one value: separators, digits, codes, and factors of ten."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tasks.files.schema import TableSchema
from tests.misreading.faults.fault import Fault, Faulty, put, shown

DIGITS = ("๐๑๒๓๔๕๖๗๘๙", "໐໑໒໓໔໕໖໗໘໙", "០១២៣៤៥៦៧៨៩", "၀၁၂၃၄၅၆၇၈၉")


def single(
    columns: Callable[[pd.DataFrame, TableSchema], list[str]], fits: Callable[[float], bool]
) -> Callable[[Callable[[str, np.random.Generator], str]], Fault]:
    """A fault of one value: of which columns, of which values, and what becomes of its text."""

    def of(how: Callable[[str, np.random.Generator], str]) -> Fault:
        def fault(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
            names = columns(text, schema)
            if not names:
                return None
            name = str(random.choice(names))
            values = pd.to_numeric(text[name], errors="coerce")
            usable = np.flatnonzero(values.notna() & values.map(fits))
            if not len(usable):
                return None
            at = int(random.choice(usable))
            return put(text, at, name, how(text[name].iloc[at], random))

        return fault

    return of


def grouped(separators: str) -> Callable[[str, np.random.Generator], str]:
    def how(value: str, random: np.random.Generator) -> str:
        whole, point, rest = value.partition(".")
        separator = str(random.choice(list(separators)))
        rest = "" if not float(f"0.{rest or 0}") else rest
        return f"{int(whole):,}".replace(",", separator) + ((point if separator != "." else ",") + rest if rest else "")

    return how


def times(*factors: float) -> Callable[[str, np.random.Generator], str]:
    def how(value: str, random: np.random.Generator) -> str:
        return shown(float(value) * float(random.choice(factors)), value)

    return how


def native(value: str, random: np.random.Generator) -> str:
    return value.translate(str.maketrans("0123456789", str(random.choice(DIGITS))))


def code(_: str, random: np.random.Generator) -> str:
    return str(random.choice(["-99", "-999", "-9999", "999", "9999", "99999"]))
