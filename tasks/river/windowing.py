"""Panel -> GatheredWindows: one situation a gauge and day with a measured flow, forecast 1 to 7 days ahead."""

import numpy as np

from tasks.data import Panel
from tasks.gathered_windows import GatheredWindows, Lagged, Store, extended
from tasks.river.features import HISTORY, inputs, root_of, unit_of
from tasks.river.settings import LEADS, RiverSettings
from tasks.windows import ahead, part_of


def windows(panel: Panel, settings: RiverSettings) -> GatheredWindows:
    """Situations in order of their origin, then gauge: every so many days, from the second year of the record on.

    inputs: see `features`. target: change of root(flow / mean) since the origin. restore: `last` (N,), that root at the
    origin; `unit` (N,), the gauge's mean in mm/d. observed: mm/d.
    """
    root, unit = root_of(panel, settings), unit_of(panel, settings)
    places, length = root.shape
    leads = np.arange(1, LEADS + 1)
    periods = np.concatenate([panel.periods, panel.periods[-1] + leads])
    day = panel.periods.astype("datetime64[D]").astype(np.int64)
    begins = (day % panel.static["every"][:, None] == 0) & (np.arange(length) >= HISTORY)
    time, place = np.nonzero((begins & np.isfinite(root)).T)
    change = ahead(root, LEADS) - root[..., None]
    store = Store(
        country=panel.country,
        places=panel.places,
        periods=periods,
        leads=leads,
        part=part_of(panel.periods[:, None] + leads, settings.calendar),
        inputs=inputs(panel, settings, root),
        target=Lagged(values=change.astype(np.float32)),
        observed=Lagged(values=extended(panel.target, LEADS), lags=leads),
        restore={
            "last": Lagged(values=root),
            "unit": Lagged(values=np.broadcast_to(unit[:, None], (places, length))),
        },
    )
    return GatheredWindows(store=store, place=place.astype(np.int64), time=time.astype(np.int64))
