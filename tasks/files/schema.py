"""What a national file must hold: a task declares a TableSchema, `tasks.files.load` reads files by it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from tasks.files.columns import Column


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A relation between columns: `broken` marks the rows (True) that cannot be; comparisons with NaN are not broken.

    columns: what it reads; skipped where the file lacks one. shown: the column whose value the message gives.
    """

    columns: tuple[str, ...]
    broken: Callable[[pd.DataFrame], pd.Series]
    shown: str
    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """columns: name -> Column; keys: columns that name a record, so that no two rows agree in all of them.

    place: the column of places of a national file, whose numbers `tasks.meaning` looks at; none: of another table.
    doubts: rules whose rows are warnings, each kind with its name.
    """

    columns: Mapping[str, Column]
    keys: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    place: str | None = None
    doubts: Mapping[str, Rule] = field(default_factory=dict)
