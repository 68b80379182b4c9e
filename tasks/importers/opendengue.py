"""OpenDengue's extracts: dengue counts of years, months and weeks, of countries and of places within them.

Rows of several resolutions overlap, and a period may come under several case definitions; `counts` chooses.
Source: https://opendengue.org, CC BY 4.0, https://doi.org/10.1038/s41597-024-03120-7
"""

from pathlib import Path

import pandas as pd

from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.rules import one_of, whole_number
from tasks.files.schema import Rule, TableSchema
from tasks.importers.chap import COUNT
from tasks.importers.contract import Format, Public
from tasks.places.countries import CODES

DEFINITIONS = ("Total", "Suspected and confirmed", "Suspected", "Confirmed")  # the broadest first
LEVELS = ("Admin0", "Admin1", "Admin2")
PERIODS = ("Year", "Month", "Week")
_TEXT = Column(kind="text", empty=True)


def _no_whole_period(rows: pd.DataFrame) -> pd.Series:
    start, end = rows["calendar_start_date"], rows["calendar_end_date"]
    month = (start.dt.day == 1) & (end == start + pd.offsets.MonthEnd(1))
    longest = (rows["ISO_A0"] == "TWN").astype("int64") + 6  # Taiwan's weeks end on the first day of the next one
    week = (end - start).dt.days.between(0, longest)
    broken: pd.Series = ((rows["T_res"] == "Month") & ~month) | ((rows["T_res"] == "Week") & ~week) | (end < start)
    return broken


def _one_of(column: str, allowed: tuple[str, ...]) -> Rule:
    return one_of(column, allowed, what="is none of OpenDengue's", remedy=f"Write one of {', '.join(allowed)}")


SCHEMA = TableSchema(
    columns={
        "adm_0_name": _TEXT,
        "adm_1_name": _TEXT,
        "adm_2_name": _TEXT,
        "full_name": _TEXT,
        "ISO_A0": Column(kind="text"),
        "FAO_GAUL_code": _TEXT,
        "RNE_iso_code": _TEXT,
        "IBGE_code": _TEXT,
        "calendar_start_date": Column(kind="date"),
        "calendar_end_date": Column(kind="date"),
        "Year": Column(kind="year"),
        "dengue_total": Column(kind="number", empty=True, low=0, high=1e7, unit="cases in the period"),
        "case_definition_standardised": Column(kind="text"),
        "S_res": Column(kind="text"),
        "T_res": Column(kind="text"),
        "UUID": _TEXT,
        "region": _TEXT,
    },
    keys=("ISO_A0", "full_name", "calendar_start_date", "calendar_end_date", "case_definition_standardised"),
    rules=(
        one_of("ISO_A0", CODES, what="is no ISO 3166-1 alpha-3 country code", remedy="Write a code such as VNM"),
        _one_of("case_definition_standardised", DEFINITIONS),
        _one_of("S_res", LEVELS),
        _one_of("T_res", PERIODS),
        Rule(
            columns=("calendar_start_date", "calendar_end_date", "T_res"),
            broken=_no_whole_period,
            shown="calendar_end_date",
            what="does not end the week or month that begins on calendar_start_date",
            remedy="Write the first and last day, of a month or of at most 7 days; check for swapped dates",
        ),
        whole_number("dengue_total", what="is no whole number of cases", remedy=COUNT),
    ),
)


def read(path: Path) -> Public:
    """Every row, typed; names are as the file has them. Raises DataError."""
    return Public(file=path, table=read_table(path, SCHEMA))


FORMAT = Format(
    title="OpenDengue counts",
    columns=frozenset(SCHEMA.columns),
    read=read,
    why_unused="it holds no month that another file does not give",
)
