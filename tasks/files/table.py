"""What a national file means, for clerks and for what checks it; each task's tables stand in its folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tasks.files.reading import Problem
from tasks.files.schema import TableSchema

# Words that several tables share.
MONTH = "the month the row speaks of, YYYY-MM"
RAIN = "mm in the whole month (mm a day times the days of the month)"
HEAT = "deg C, mean of the month (kelvin minus 273.15)"
SPEI = "standardised precipitation-evapotranspiration index of the country in the month, no unit"
NINO = "Nino 3.4 anomaly of the month, deg C; not ONI, a mean that looks one month ahead"


@dataclass(frozen=True, kw_only=True)
class NationalTable:
    """One file in a country's folder. meaning: column -> what to write, with its unit. place: the column of places.

    compared: a file and its rows -> warnings by what the country's other files say; none: nothing.
    notes: such files of one country or more -> lines on what is odd about places and no error; none: there are none.
    """

    title: str
    schema: TableSchema
    place: str
    meaning: Mapping[str, str]
    example: str
    compared: Callable[[Path, pd.DataFrame], Iterable[Problem]] | None = None
    notes: Callable[[Sequence[Path]], Iterable[str]] | None = None
