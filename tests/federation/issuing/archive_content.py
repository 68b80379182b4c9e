"""An issue to archive, of two places that never were."""

import numpy as np

from federation.issuing.archive import Content, Forecast


def content(**changes: object) -> Content:
    values: dict[str, object] = {
        "country": "VNM",
        "task": "health",
        "origin": "2008-12",
        "as_of": "2008-12",
        "sent": "2009-01-05T12:00:00+00:00",
        "made_at": "2009-01-05T12:00:00+00:00",
        "run": "may",
        "version": "3",
        "arm": "federated",
        "digests": {"champion": "c" * 64, "model": "d" * 64, "own": "", "code": "e" * 64},
        "records": {},
        "products": {},
        "forecast": "",
        "unwritten": {},
        "settings": {"cost_loss": 0.25},
        "said": ("one line",),
    }
    return Content(**{**values, **changes})  # type: ignore[arg-type]


def forecast() -> Forecast:
    origin = np.array(["2008-11", "2008-12"], "datetime64[M]")
    return Forecast(
        places=("VNM-1", "VNM-2"),
        origin=origin,
        due=origin[:, None] + np.arange(1, 4),
        values=np.arange(12.0).reshape(2, 3, 2),
        levels=(0.25, 0.75),
    )
