"""What the numbers of a table mean: every check by its name, and the findings that a country accepted.

A check is a function of the records of a table whose form is right; a new one is a function and a line here, a row of
the table in `docs/data.md`, and its cases in the tests.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.files.reading import Problem
from tasks.files.schema import Rule, TableSchema
from tasks.meaning import cells, counts, history, names, order, season, shared, smooth, tens, totals, turns, whole
from tasks.meaning.records import Records

Check = Callable[[Records], Iterator[Problem]]
ERRORS: dict[str, Check] = {
    "spelling": names.one_place,
    "total": totals.named,
    "nation": totals.nation,
    "whole": counts.whole,
    "parent": totals.sums,
}
WARNINGS: dict[str, Check] = {
    "spelling-perhaps": names.one_place_perhaps,
    "brief": names.brief,
    "lonely": names.lonely,
    "order": order.order,
    "isolated": cells.isolated,
    "moved-place": cells.moved,
    "twin": totals.twins,
    "constant": counts.constant,
    "running-total": counts.running,
    "shared": shared.shared,
    "sentinel": history.sentinels,
    "far": history.far,
    "level": history.levels,
    "turn": turns.turns,
    "tens": tens.tens,
    "smooth": smooth.smooth,
    "whole-period": whole.periods,
    "whole-place": whole.places,
    "season": season.season,
}


def findings(file: Path, table: pd.DataFrame, schema: TableSchema, limit: int) -> list[Problem]:
    """Up to `limit` errors, by row, and up to `limit` warnings of each kind; warnings only where there is no error."""
    if schema.place is None or table.empty:
        return []
    records = records_of(file, table, schema)
    errors = [problem for check in ERRORS.values() for problem in islice(check(records), limit)]
    if errors:
        return _by_row(errors)[:limit]
    doubts = (_doubted(records, kind, rule) for kind, rule in schema.doubts.items())
    checked = (check(records) for check in WARNINGS.values())
    return _by_row([problem for problems in (*doubts, *checked) for problem in islice(problems, limit)])


def records_of(file: Path, table: pd.DataFrame, schema: TableSchema) -> Records:
    """The table of a national file with what its columns mean."""
    assert schema.place is not None
    series = tuple(key for key in schema.keys if schema.columns[key].kind == "text")
    period = next(key for key in schema.keys if schema.columns[key].kind != "text")
    return Records(str(file), table, schema.columns, schema.place, period, series)


def _doubted(records: Records, kind: str, rule: Rule) -> Iterator[Problem]:
    if set(rule.columns) <= set(records.table.columns):
        for position in np.flatnonzero(rule.broken(records.table)):
            yield records.problem(int(position), rule.shown, kind, rule.what, rule.remedy)


def _by_row(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.row or 0)
