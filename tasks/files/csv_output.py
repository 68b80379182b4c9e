"""CSV that people open in a spreadsheet: no cell of it is a formula, whatever a place, a reason or a run is called."""

import csv
from collections.abc import Iterable
from typing import Any, TextIO

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # https://owasp.org/www-community/attacks/CSV_Injection


class Rows:
    """A CSV writer with line feeds, whose cells of text that begin like a formula get an apostrophe in front."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def write(self, cells: Iterable[Any]) -> None:
        """One row. Numbers stay as they are, also where they were formatted before."""
        self._writer.writerow([neutral(cell) for cell in cells])


def neutral(cell: Any) -> Any:
    """The cell as a spreadsheet shows it and does not compute it."""
    if not isinstance(cell, str) or not cell.startswith(FORMULA) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
