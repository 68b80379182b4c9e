"""Weekly dengue per place, 1, 2, 4 and 8 weeks ahead. Unit: cases."""

from tasks.evaluation.levels import LEVELS
from tasks.health.learning import loss, output
from tasks.health.scores import SCORES
from tasks.health_weekly.baselines import direct_persistence, negative_binomial, seasonal_persistence
from tasks.health_weekly.generator import oracle, synthesize
from tasks.health_weekly.model import build_model, forecast
from tasks.health_weekly.products import PRODUCTS, outlook
from tasks.health_weekly.records import read_panel, read_study
from tasks.health_weekly.schema import FILE, NAME
from tasks.health_weekly.settings import HealthWeeklySettings, horizons
from tasks.health_weekly.tables import TABLES
from tasks.health_weekly.windowing import windows
from tasks.task import Task

TASK = Task(
    name=NAME,
    title=lambda _: "Weekly dengue per place",
    unit="cases",
    file=FILE,
    tables=TABLES,
    settings=HealthWeeklySettings,
    read=read_study,
    synthesize=synthesize,
    windows=windows,
    build_model=build_model,
    loss=loss,
    forecast=forecast,
    output=output,
    levels=LEVELS,
    scores=SCORES,
    baselines={
        "direct_persistence": direct_persistence,
        "seasonal_persistence": seasonal_persistence,
        "negative_binomial": negative_binomial,
    },
    reference="direct_persistence",
    oracle=oracle,
    horizons=horizons,
    event=lambda _: ("a dengue outbreak", "outbreak_"),
    outlook=outlook,
    products=PRODUCTS,
    upcoming=read_panel,
    accrues=True,  # a week's cases come in over the weeks after it
    largest_age=lambda settings: settings.horizons[-1] - 1,  # weeks; with older records every forecast week is over
)
