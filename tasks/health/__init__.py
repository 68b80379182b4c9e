"""Monthly dengue per province, 1 to 3 months ahead. Unit: cases."""

from tasks.evaluation.levels import LEVELS
from tasks.health.baselines import climatology, flat_persistence, seasonal_naive, seasonal_persistence
from tasks.health.generator import synthesize
from tasks.health.generator_oracle import oracle
from tasks.health.learning import build_model, forecast, loss, output
from tasks.health.negative_binomial import negative_binomial
from tasks.health.products import PRODUCTS, outlook
from tasks.health.records import FILE, read_panel
from tasks.health.scores import SCORES
from tasks.health.settings import HealthSettings, horizons
from tasks.health.tables import TABLES
from tasks.health.windowing import windows
from tasks.task import Task

TASK = Task(
    name="health",
    title=lambda _: "Monthly dengue per province",
    unit="cases",
    file=FILE,
    tables=TABLES,  # file -> what its columns mean
    settings=HealthSettings,
    read=read_panel,  # national file -> Panel
    synthesize=synthesize,  # country, seed -> national file with a known truth
    windows=windows,  # Panel -> Windows, scaled inside the country
    build_model=build_model,
    loss=loss,
    forecast=forecast,  # model units -> cases
    output=output,  # and back
    levels=LEVELS,
    scores=SCORES,
    baselines={
        "flat_persistence": flat_persistence,
        "climatology": climatology,
        "seasonal_persistence": seasonal_persistence,
        "seasonal_naive": seasonal_naive,
        "negative_binomial": negative_binomial,
    },
    reference="flat_persistence",
    oracle=oracle,
    horizons=horizons,
    event=lambda _: ("a dengue outbreak", "outbreak_"),
    unit_local={"statistics": "place"},
    outlook=outlook,
    products=PRODUCTS,  # format -> what a forecaster hands on
    upcoming=read_panel,
    accrues=True,  # a month's cases come in over the months after it
    largest_age=lambda settings: settings.horizons - 1,  # months; with older records every forecast month is over
)
