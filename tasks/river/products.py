"""What a forecaster of rivers hands on: a table of quantiles and chances of floods, one row a gauge and day; warnings.

A chance is of the first crossing of a gauge's level by that day. It is calibrated on origins after seven quiet days and
issued from every origin: inside a flood it is the chance of being above the level.
"""

from io import StringIO
from typing import Any

import numpy as np

from tasks.data import Array
from tasks.errors import SettingError
from tasks.evaluation.distribution import mean
from tasks.files.csv_output import Rows
from tasks.products import cap
from tasks.products.forecast import AGES, Issued, Outlook, Product
from tasks.river.floods.calibrating import issued_chances
from tasks.river.floods.levels import RETURN_PERIODS, none_because
from tasks.river.settings import ISSUED, MODES

FLOODS = tuple(f"{name}_{years}y" for years in RETURN_PERIODS for name in ("level", "flood_probability"))
COLUMNS = ("gauge_id", "gauge_name", "date", "lead", "mode", "weather_issued", "expected", *FLOODS, "warned")
FLOOD = cap.Hazard(
    event="Flood",
    category="Met",
    response="Prepare",
    severity="Unknown",
    meaning="The river rises above a level that its gauge reaches once in so many years, see the parameters.",
    instruction="Follow the hydrological service.",
)


def table(issued: Issued) -> Product:
    """Flow in mm/d. expected: mean of the forecast. quantile columns are named by their levels.

    level_2y: mm/d; flood_probability_2y: that it is crossed by the date; both empty of a gauge with too few years.
    warned: whether the row is within `task.action_lead` and that probability high enough.
    Raises SettingError for a model of perfect weather, where no weather forecast is given.
    """
    refuse_without_weather(issued)
    file, names, chances = StringIO(), issued.panel.static["name"], issued_chances(issued)
    rows = Rows(file)
    rows.write((*COLUMNS, *AGES, *(f"q{level:g}" for level in issued.levels)))
    expected, warned = mean(issued.forecast, issued.levels), acted(issued, chances.chance)
    weather = "" if issued.weather is None else f"{issued.weather.issued:%Y-%m-%dT%H:%MZ}"
    for row, lead in np.ndindex(issued.forecast.shape[:2]):
        at = issued.windows.place[row]
        floods = zip(chances.level[row], chances.chance[row, :, lead], strict=True)
        rows.write(
            (
                *(issued.place(row), str(names[at]), issued.windows.due[row, lead], lead + 1),
                *(_mode(issued), weather, f"{expected[row, lead]:.3f}"),
                *(text for level, chance in floods for text in (_text(level, ".3f"), _text(chance, ".4f"))),
                int(warned[row, :, lead].any()),
                *issued.ages(row),
                *(f"{value:.3f}" for value in issued.forecast[row, lead]),
            )
        )
    return Product(text=file.getvalue(), summary="; ".join(filter(None, _said(issued))))


def warnings(issued: Issued) -> Product:
    """A CAP alert of the gauges and days on which the chance of a flood calls for action, see `RiverSettings`.

    Every gauge on the first such day, of the rarest flood that reaches the probability, with its return period, level
    and lead. Raises SettingError as `table` does.
    """
    refuse_without_weather(issued)
    chances = issued_chances(issued)
    act = acted(issued, chances.chance)
    names = issued.panel.static["name"]
    warned: list[cap.Warned] = []
    for row in np.flatnonzero(act.any(axis=(1, 2))):
        column = int(np.flatnonzero(act[row].any(axis=1))[-1])
        lead = int(np.argmax(act[row, column]))
        place = issued.place(row)
        warned.append(
            cap.Warned(
                place=place,
                name=f"{names[issued.windows.place[row]]} (gauge {place})",
                code="gauge",
                group=int(row),
                period=issued.windows.due[row, lead],
                probability=float(chances.chance[row, column, lead]),
                details={
                    f"return period {place}": f"{RETURN_PERIODS[column]} years",
                    f"level {place}": f"{chances.level[row, column]:.2f} mm/d",
                    f"lead {place}": f"{lead + 1} d",
                },
            )
        )
    within = chances.chance[:, 0, : issued.settings.action_lead]
    known = within[issued.coming[:, : issued.settings.action_lead] & np.isfinite(within)]
    return cap.alert(issued, FLOOD, warned, float(known.max()) if known.size else np.nan)


def acted(issued: Issued, chance: Array) -> Array:
    """(N, 2, H) where the chance of a flood calls for action: from `Issued.cost_loss` on, within the action's lead."""
    early = np.arange(chance.shape[-1]) < issued.settings.action_lead
    return np.asarray((chance >= issued.cost_loss) & early & issued.coming[:, None])


def outlook(issued: Issued) -> Outlook:
    """The chance of a 2-year flood by each day."""
    refuse_without_weather(issued)
    chance = issued_chances(issued).chance[:, 0]
    return Outlook(chance=chance, shown=np.ones(chance.shape, bool))


def refuse_without_weather(issued: Issued) -> None:
    """Raise SettingError for a model of perfect weather, which no day ahead has, without a weather forecast."""
    if issued.settings.needs_weather and issued.weather is None:
        raise SettingError(
            f"the run's task.mode is {issued.settings.mode}: it needs the weather of the days ahead, so that it makes "
            f"no product by itself; give a weather forecast, weather=FILE, or choose a run with task.mode={ISSUED}"
        )


def _mode(issued: Issued) -> str:
    return str(issued.settings.mode) if issued.weather is None else "weather_forecast"


def _said(issued: Issued) -> tuple[str, ...]:
    mode = MODES[ISSUED].partition(",")[0] if issued.weather is None else issued.weather.line
    calibrated = "" if issued.calibration is not None else "chances of floods are not calibrated: no validation years"
    levels = none_because(issued.panel, issued.settings)
    return f"flow in mm/d ({mode}), {len(issued.levels)} quantiles each", calibrated, levels


def _text(value: Any, form: str) -> str:
    return format(value, form) if np.isfinite(value) else ""


PRODUCTS = {"cap": warnings, "table": table}
