"""Which column of an agency's table is what: a small YAML that a person corrects and that serves again next month."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from tasks.errors import DataError
from tasks.files.atomic import write_atomically
from tasks.mapping.periods import ORDERS, SYSTEMS
from tasks.mapping.persons import REPORTED
from tasks.places.countries import problem_with
from tasks.registry import TASKS

HELP = """\
# Made by `gotong data map`; correct it, then: gotong data import from=FILE map=THIS to=FOLDER
# columns: national column -> the column's name in the file. year, month, week: columns, where a period has several.
# wide: the file has one column a period, with values of the national column `wide`. weeks: iso or mmwr, as declared.
# dates: ymd, dmy or mdy. persons: true counts rows, one a person; only the counts are written.
# day: first or last, which day of its week a date is, where the national file is by the week.
# only: column of the file -> its values that count; other rows are left out. sum: true adds rows of a place and period.
# reported: 2004-01/2005-12, months of which a list of persons is complete: without a person they count 0.
"""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """header: the row of the column names, from 1. Else as HELP says; "" where there is none."""

    task: str
    country: str
    sheet: str = ""
    header: int = 1
    columns: dict[str, str] = field(default_factory=dict)
    year: str = ""
    month: str = ""
    week: str = ""
    wide: str = ""
    weeks: str = ""
    dates: str = ""
    day: str = ""
    persons: bool = False
    reported: str = ""
    only: dict[str, list[str]] = field(default_factory=dict)
    sum: bool = False


def write(mapping: Mapping, to: Path) -> None:
    """Write the YAML. Raises DataError rather than replace a file."""
    if to.exists() or to.is_symlink():
        raise DataError(f"{to} exists and stays as it is; choose another name, to=FILE.yaml")
    values = {name: value for name, value in asdict(mapping).items() if value not in ("", False, {})}
    text = HELP + yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    try:
        write_atomically(to, text.encode())
    except OSError as error:
        raise DataError(f"{to} cannot be written ({error.strerror}); choose another folder") from None


def read(file: Path) -> Mapping:
    """The mapping in a file. Raises DataError that names the key."""
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{file} cannot be read as YAML ({first}); make one: gotong data map FILE") from None
    known = {each.name: each for each in fields(Mapping)}
    if not isinstance(values, dict) or not set(values) <= set(known):
        spare = ", ".join(sorted(map(str, set(values) - set(known)))) if isinstance(values, dict) else "no mapping"
        raise DataError(f"{file}: {spare} unknown; the keys are {', '.join(known)}")
    for name, value in values.items():
        _check(file, name, value)
    if missing := {"task", "country"} - set(values):
        raise DataError(f"{file}: {', '.join(sorted(missing))} missing")
    return Mapping(**values)


def _check(file: Path, name: str, value: Any) -> None:
    allowed = {"task": tuple(TASKS), "weeks": SYSTEMS, "dates": ORDERS, "day": ("first", "last")}
    if name in allowed and value not in allowed[name]:
        raise DataError(f"{file}: {name}: {value!r} is none of {', '.join(allowed[name])}")
    if name == "country" and (wrong := problem_with(str(value))):
        raise DataError(f"{file}: country: {wrong}")
    if name == "only" and not (isinstance(value, dict) and all(isinstance(each, list) for each in value.values())):
        raise DataError(
            f"{file}: only: {value!r} names no columns with lists of values; write only: {{Disease: [Dengue]}}"
        )
    if name == "reported" and not REPORTED.fullmatch(str(value)):
        raise DataError(f"{file}: reported: {value!r} names no months; write the first and the last, 2004-01/2005-12")
    right: type = {"header": int, "columns": dict, "only": dict, "persons": bool, "sum": bool}.get(name, str)
    if not isinstance(value, right) or (isinstance(value, int) and value < 0):
        raise DataError(f"{file}: {name}: {value!r} is no {right.__name__}; put text in quotes")
