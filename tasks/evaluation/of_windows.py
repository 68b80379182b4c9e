"""Forecasts of windows, ready to be scored."""

from tasks.data import Array, Windows
from tasks.evaluation.score import Evaluated
from tasks.settings import TaskSettings


def evaluated(
    forecast: Array,
    windows: Windows,
    settings: TaskSettings,
    *,
    reference: Array | None = None,
    calibration: Array | None = None,
) -> Evaluated:
    """One arm's (N, H, K) forecasts in natural units with what happened.

    reference: that a skill is over; None: the forecast itself, for scores that have none. calibration: of the arm.
    """
    restore = windows.restore
    return Evaluated(
        forecast=forecast,
        reference=forecast if reference is None else reference,
        observed=windows.observed,
        place=windows.place,
        origin=windows.origin,
        unit=restore.get("unit"),
        threshold=windows.threshold,
        cost_loss=settings.cost_loss,
        step=settings.calendar.step,
        restore=restore,
        calibration=calibration,
        settings=settings,
    )
