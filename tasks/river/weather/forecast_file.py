"""A node's own weather forecast, for a model that was trained with the weather of the days ahead.

One CSV file, a row a gauge and day ahead: `issued` (the time at which the weather forecast was issued, with a zone),
`gauge_id`, `date`, `precipitation` (mm), `temperature` (deg C), `pet` (mm), as in `river.csv`.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data import Panel
from tasks.errors import DataError
from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.schema import TableSchema
from tasks.products.forecast import WeatherForecast
from tasks.river.records import WEATHER
from tasks.river.schema import RIVER_SCHEMA
from tasks.river.settings import LEADS

OLDEST = timedelta(hours=24)  # before the end of the origin, at which a weather forecast may have been issued
SCHEMA = TableSchema(
    columns={
        "issued": Column(kind="text"),
        "gauge_id": Column(kind="text"),
        "date": Column(kind="date"),
        **{name: replace(RIVER_SCHEMA.columns[name], required=True, empty=False) for name in WEATHER},
    },
    keys=("gauge_id", "date"),
)
HOUR = "%Y-%m-%dT%H:%MZ"


def with_weather_ahead(panel: Panel, file: Path) -> tuple[Panel, WeatherForecast]:
    """The panel with the days after its last one, whose weather is that of the file and whose flow nobody knows.

    Raises DataError where columns, units, gauges or days are not those that a forecast from the panel's last day needs,
    and for a weather forecast that was issued after that day or more than OLDEST before its end.
    """
    table = read_table(file, SCHEMA)
    issued = _issued(file, table)
    _check_time(file, issued, panel)
    days = panel.periods[-1] + np.arange(1, LEADS + 1)
    table["date"] = table["date"].to_numpy().astype("datetime64[D]")
    _check_rows(file, table, panel, days)
    ahead = {
        name: table.pivot(index="gauge_id", columns="date", values=name)
        .reindex(index=list(panel.places), columns=list(days))
        .to_numpy(np.float64)
        for name in WEATHER
    }
    unknown = np.full((len(panel.places), LEADS), np.nan)
    longer = replace(
        panel,
        periods=np.concatenate([panel.periods, days]),
        target=np.concatenate([panel.target, unknown], axis=1),
        covariates={name: np.concatenate([panel.covariates[name], ahead[name]], axis=1) for name in WEATHER},
    )
    return longer, WeatherForecast(issued=issued, file=file.name)


def _issued(file: Path, table: pd.DataFrame) -> datetime:
    texts = sorted(set(table["issued"].astype(str)))
    if len(texts) > 1:
        raise DataError(f"{file}: issued is {texts[0]} and {texts[1]}; write the rows of one weather forecast")
    try:
        time = datetime.fromisoformat(texts[0])
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise DataError(f"{file}: issued={texts[0]} is no time with a zone; write it as 2016-12-31T12:00Z")
    return time.astimezone(UTC)


def _check_time(file: Path, issued: datetime, panel: Panel) -> None:
    origin = panel.periods[-1]
    end = datetime.fromisoformat(f"{origin + 1}T00:00+00:00")
    if issued > end:
        raise DataError(
            f"{file}: the weather forecast was issued {issued:{HOUR}}, after {origin}, the day that the flow is "
            f"forecast from; give the one issued until {end:{HOUR}}"
        )
    if issued < end - OLDEST:
        raise DataError(
            f"{file}: the weather forecast was issued {issued:{HOUR}}, more than "
            f"{OLDEST.total_seconds() / 3600:.0f} hours before the end of {origin}, the day that the flow is forecast "
            f"from; give a newer one"
        )


def _check_rows(file: Path, table: pd.DataFrame, panel: Panel, days: "np.typing.NDArray[np.datetime64]") -> None:
    """Raise DataError unless there is a row for every gauge and day; further gauges and days are not read."""
    there = set(zip(table["gauge_id"], table["date"].to_numpy().astype("datetime64[D]").tolist(), strict=True))
    lacking = [(place, day) for place in panel.places for day in days.tolist() if (place, day) not in there]
    if lacking:
        place, day = lacking[0]
        raise DataError(
            f"{file}: no row of gauge {place} on {day} ({len(lacking)} of {len(panel.places) * len(days)} rows are "
            f"missing); give {days[0]} to {days[-1]} for every gauge of the records"
        )
