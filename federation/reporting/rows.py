"""The table of a run as data: one row for a country (or the region), an arm, a score and a horizon."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from tasks.errors import DataError
from tasks.files.atomic import write_atomically
from tasks.files.csv_output import Rows

EXCLUDED_PERIOD = "excluded_period"  # the part of rows on months within the test that are reported separately
RENAMED_PARTS = {"apart": EXCLUDED_PERIOD}  # as version 0.1.0 wrote it -> its present name
RESULTS = "results.json"  # the file of a run's rows, in its folder
VALIDATION = "validation"  # the part of rows of a fold, by which it chose
PAIRED = "paired"  # the part of rows on the difference of two arms of the test
BETTER, WORSE = "countries_better", "countries_worse"  # scores of a sealed difference: countries, for certain
ALL = "all"  # the horizon of a score over all horizons together
Better = Literal["smaller", "larger", "nominal"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One score; low and high are its 95 % interval, n the place-periods scored. NaN where nothing was scored.

    country: ISO 3166-1 alpha-3 code, or the region's name. horizon: such as '1 month', or ALL.
    part: 'validation', 'test', 'excluded_period' (within the test, reported separately), 'paired' for the difference of
        two arms of the test, the arm being 'adapted-local' or the like; of a run that cuts each country at its own
        end the words that say so, whatever the part.
    """

    task: str
    country: str
    arm: str
    score: str
    horizon: str
    value: float
    low: float
    high: float
    n: int
    part: str = "test"


@dataclass(frozen=True, kw_only=True)
class Point:
    """Of a reliability curve: where the probability was about that, the event came in this share of n place-periods."""

    country: str
    arm: str
    horizon: str
    probability: float
    frequency: float
    n: int


def write_points(points: Iterable[Point], path: Path) -> None:
    """Replace `path` by a CSV file with one line a point. Raises OSError."""
    file = StringIO()
    lines = Rows(file)
    lines.write(field.name for field in fields(Point))
    for point in points:
        lines.write(asdict(point).values())
    write_atomically(path, file.getvalue().encode())


def write_json(rows: Iterable[Row], path: Path) -> None:
    """Replace `path` by a JSON list with one line a row; a value that is not finite becomes null. Raises OSError."""
    lines = [json.dumps(plain(row)) for row in rows]
    write_atomically(path, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def plain(row: Row) -> dict[str, Any]:
    """A row as JSON values; what is not finite becomes None."""
    return {name: _out(value) for name, value in asdict(row).items()}


def read_json(path: Path) -> tuple[Row, ...]:
    """The rows in their order; null becomes NaN. Raises DataError for a file that `write_json` did not write."""
    try:
        entries = json.loads(path.read_text("utf-8"))
        if not isinstance(entries, list):
            raise ValueError("no list of rows")
        return tuple(_row(entry) for entry in entries)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; a run writes it when it ends") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); ask its owner, or run as the user whose it is"
        ) from None
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} holds no table of results ({error}); run the federation again to write it") from None


def of_test(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Without the rows of the excluded period and of a fold's validation, and without differences."""
    return tuple(row for row in rows if row.part not in (EXCLUDED_PERIOD, PAIRED, VALIDATION))


def difference(paired: Iterable[Row], country: str, arm: str, other: str, horizon: str = ALL) -> Row | None:
    """One arm's headline score less another's, with its interval; None where it was suppressed."""
    rows = (row for row in paired if (row.country, row.arm, row.horizon) == (country, f"{arm}-{other}", horizon))
    return next((row for row in rows if math.isfinite(row.value)), None)


def _out(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _row(entry: dict[str, Any]) -> Row:
    known: dict[str, Any] = {f.name: f.type for f in fields(Row)}
    entry = {"part": "test", **entry}  # which the tables of the first version do not say
    entry["part"] = RENAMED_PARTS.get(entry["part"], entry["part"])
    values: dict[str, Any] = {name: math.nan if entry[name] is None else known[name](entry[name]) for name in known}
    return Row(**values)
