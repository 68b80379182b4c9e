"""Where national files stand, and the one way in which importers write them."""

from pathlib import Path

import pandas as pd

from tasks.atomic import write_atomically
from tasks.errors import DataError

# ISO 3166-1 alpha-2, which ISO 3166-2 ids begin with, -> alpha-3: the eleven member states of ASEAN
MEMBERS = {
    "BN": "BRN",
    "ID": "IDN",
    "KH": "KHM",
    "LA": "LAO",
    "MM": "MMR",
    "MY": "MYS",
    "PH": "PHL",
    "SG": "SGP",
    "TH": "THA",
    "TL": "TLS",
    "VN": "VNM",
}


def write_national(to: Path, country: str, task: str, table: pd.DataFrame) -> Path:
    """Write `to`/COUNTRY/TASK.csv in UTF-8 and return its path; the same records may be written again.

    Raises DataError rather than replace records that differ: they may be a country's own, or another source's.
    """
    file = to / country / f"{task}.csv"
    content = table.to_csv(index=False, lineterminator="\n").encode()
    if file.exists() and file.read_bytes() != content:
        raise DataError(f"{file} holds other records and stays as it is; move it away, or import to another folder")
    write_atomically(file, content)
    return file
