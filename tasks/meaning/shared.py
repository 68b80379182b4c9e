"""Values of a whole country, which are the same in all places of a period."""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Records

SLACK = 1e-6  # of the value, for files whose writers round


def shared(records: Records) -> Iterator[Problem]:
    """A warning for each value that is not its period's in most places."""
    for name, column in records.columns.items():
        if not column.shared or name not in records.table:
            continue
        values = records.table[name]
        groups = values.groupby(records.time)
        low, high = groups.transform("min").to_numpy(), groups.transform("max").to_numpy()
        with np.errstate(invalid="ignore"):
            apart = high - low > SLACK * np.maximum(np.abs(low), 1)
        if not apart.any():
            continue
        usual = groups.transform("median")[apart]
        odd = usual.index[values[apart].notna() & ~np.isclose(values[apart], usual, rtol=SLACK, atol=SLACK)]
        for row in odd:
            position, expected = int(np.flatnonzero(records.table.index == row)[0]), usual[row]
            what = f"is {expected:.10g} in other places of {records.said(position)}"
            yield records.problem(position, name, "shared", what, "Write the country's one value in every row")
