"""A store that holds the same windows as dense arrays do, for tests of all that reads windows."""

import numpy as np

from tasks.data import Array, DenseWindows, Panel, Windows
from tasks.gathered_windows import GatheredWindows, Lagged, Store, dense
from tasks.time_step import STEPS


def gathered(panel: Panel, windows: Windows) -> GatheredWindows:
    """The windows of a task, every array of them being laid on the panel's places and periods."""
    table = dense(windows)
    time = np.searchsorted(panel.periods, table.origin)
    steps = table.due.shape[1]
    distance = int((panel.periods[1] - panel.periods[0]).astype(int)) if len(panel.periods) > 1 else 1
    farthest = int((table.due - table.origin[:, None]).astype(int).max()) // distance if len(table) else steps
    beyond = panel.periods[-1] + distance * np.arange(1, farthest + 1)
    periods = np.concatenate([panel.periods, beyond.astype(STEPS[panel.step].dtype)])

    def laid(values: Array) -> Lagged:
        series = np.full((len(panel.places), len(panel.periods), *values.shape[1:]), np.nan, values.dtype)
        series[table.place, time] = values
        return Lagged(values=series)

    part = np.full(len(panel.periods), "", table.part.dtype)
    part[time] = table.part
    leads = np.searchsorted(periods, table.due[0]) - time[0] if len(table) else np.arange(1, steps + 1)
    return GatheredWindows(
        store=Store(
            country=table.country,
            places=table.places,
            periods=periods,
            leads=leads,
            part=part,
            inputs={name: laid(values) for name, values in table.inputs.items()},
            target=laid(table.target),
            observed=laid(table.observed),
            restore={name: laid(values) for name, values in table.restore.items()},
            threshold=None if table.threshold is None else laid(table.threshold),
        ),
        place=table.place,
        time=time,
    )


def same(one: Windows, other: Windows) -> None:
    """Raise AssertionError unless both are equal to the bit."""
    first, second = vars(dense(one)), vars(dense(other))
    assert first.keys() == second.keys() == DenseWindows.__dataclass_fields__.keys()
    for name, values in first.items():
        np.testing.assert_equal(second[name], values, err_msg=name)
