"""Crop yields per harvest, forecast in season: national statistics of many crops, or cells. Unit: t/ha."""

from tasks.agriculture.baselines import five_year_mean, last_year, location_mean, trend
from tasks.agriculture.generator import synthesize
from tasks.agriculture.generator_oracle import oracle
from tasks.agriculture.learning import build_model, forecast, loss, output
from tasks.agriculture.products import PRODUCTS, outlook
from tasks.agriculture.records import read_panel, read_upcoming
from tasks.agriculture.schema import YIELDS
from tasks.agriculture.scores import SCORES
from tasks.agriculture.seasons import ISSUES
from tasks.agriculture.settings import AgricultureSettings
from tasks.agriculture.tables import TABLES
from tasks.agriculture.windowing import windows
from tasks.evaluation.levels import LEVELS
from tasks.task import Task

TASK = Task(
    name="agriculture",
    title=lambda settings: f"Crop yields per harvest ({settings.view}), forecast in season",
    unit="t/ha",
    file=YIELDS,
    tables=TABLES,  # file -> what its columns mean
    settings=AgricultureSettings,
    read=read_panel,  # national files -> Panel
    synthesize=synthesize,  # country, seed -> national files with a known truth
    windows=windows,  # Panel -> Windows, scaled inside the country
    build_model=build_model,
    loss=loss,
    forecast=forecast,  # units of the past spread -> t/ha
    output=output,  # and back
    levels=LEVELS,
    scores=SCORES,
    baselines={
        "five_year_mean": five_year_mean,
        "last_year": last_year,
        "trend": trend,
        "location_mean": location_mean,
    },
    reference="five_year_mean",
    oracle=oracle,
    horizons=lambda _: ISSUES,  # when within the season a forecast is issued
    event=lambda _: ("a harvest more than 10 % below its trend", "shortfall_"),
    outlook=outlook,
    products=PRODUCTS,  # format -> what a forecaster hands on
    upcoming=read_upcoming,
    largest_age=lambda _: 23,  # months: statistics of a harvest year are published in the course of the next
)
