"""Food prices at the market, 1, 3 and 6 months ahead. Unit: local currency."""

from tasks.evaluation.levels import LEVELS
from tasks.prices.generator import synthesize
from tasks.prices.generator_oracle import oracle
from tasks.prices.learning import build_model, forecast, loss, output
from tasks.prices.products import PRODUCTS, outlook
from tasks.prices.records import read_panel
from tasks.prices.schema import PRICES
from tasks.prices.scores import SCORES
from tasks.prices.settings import LEADS, PricesSettings, horizons
from tasks.prices.tables import TABLES
from tasks.prices.walk import walk_36, walk_60
from tasks.prices.windowing import windows
from tasks.task import Task

TASK = Task(
    name="prices",
    title=lambda _: "Food prices per market and commodity",
    unit="",  # each series has its own currency and unit
    file=PRICES,
    tables=TABLES,  # file -> what its columns mean
    settings=PricesSettings,
    read=read_panel,  # national file -> Panel
    synthesize=synthesize,  # country, seed -> national file with a known truth
    windows=windows,  # Panel -> Windows, scaled inside the country
    build_model=build_model,
    loss=loss,
    forecast=forecast,  # units of the country's walk -> prices
    output=output,  # and back
    levels=LEVELS,
    scores=SCORES,
    baselines={"walk_60": walk_60, "walk_36": walk_36},
    reference="walk_60",
    oracle=oracle,
    horizons=horizons,
    event=lambda _: ("a price alert (ALPS, one deviation above trend and season)", "alps_"),
    outlook=outlook,
    products=PRODUCTS,  # format -> what a forecaster hands on
    upcoming=read_panel,
    largest_age=lambda _: max(LEADS) - 1,  # months; with older records every forecast month is over
)
