"""Daily flow of rivers at gauges, 1 to 7 days ahead. Unit: mm/d over the catchment."""

from tasks.river.baselines import climatology, persistence, recession
from tasks.river.floods.calibrating import calibrate
from tasks.river.generator import synthesize
from tasks.river.generator_oracle import oracle
from tasks.river.learning import build_model, forecast, loss, output
from tasks.river.products import PRODUCTS, outlook
from tasks.river.records import read_panel, read_upcoming
from tasks.river.schema import RIVER
from tasks.river.scores import SCORES
from tasks.river.settings import LEADS, LEVELS, RiverSettings, horizons, title
from tasks.river.tables import TABLES
from tasks.river.weather.forecast_file import with_weather_ahead
from tasks.river.windowing import windows
from tasks.task import Task

TASK = Task(
    name="river",
    title=title,  # with the mode
    unit="mm/d",
    file=RIVER,
    tables=TABLES,  # file -> what its columns mean
    settings=RiverSettings,
    read=read_panel,  # national files -> Panel
    synthesize=synthesize,  # country, seed -> national files with a known truth
    windows=windows,  # Panel -> Windows, gathered when they are read
    build_model=build_model,
    loss=loss,
    forecast=forecast,  # change of a root -> mm/d
    output=output,  # and back
    levels=LEVELS,
    scores=SCORES,
    baselines={"persistence": persistence, "climatology": climatology, "recession": recession},
    reference="persistence",
    oracle=oracle,
    horizons=horizons,
    products=PRODUCTS,  # format -> what a forecaster hands on
    event=lambda _: ("a 2-year flood", "flood_2y_"),
    calibrate=calibrate,
    outlook=outlook,
    weather_ahead=with_weather_ahead,
    upcoming=read_upcoming,
    largest_age=lambda _: LEADS - 1,  # days; with older records every day of the forecast is over
)
