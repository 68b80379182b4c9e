"""Monthly warnings of drought, extreme rain or floods per 1-degree cell, 1 to 3 months ahead. Unit: probability."""

from tasks.disaster.baselines import cell_climatology, country_month_climatology, persistence
from tasks.disaster.generator import synthesize
from tasks.disaster.generator_oracle import oracle
from tasks.disaster.learning import build_model, forecast, loss, output
from tasks.disaster.products import PRODUCTS, outlook
from tasks.disaster.records import read_panel, reported
from tasks.disaster.schema import RECORDS
from tasks.disaster.scores import SCORES
from tasks.disaster.settings import EVENTS, DisasterSettings, horizons
from tasks.disaster.tables import TABLES
from tasks.disaster.windowing import windows
from tasks.task import Task

TASK = Task(
    name="disaster",
    title=lambda settings: f"Probability of {settings.hazard} per 1-degree cell and month",
    unit="probability",
    file=RECORDS,
    tables=TABLES,  # file -> what its columns mean
    settings=DisasterSettings,
    read=read_panel,  # national file -> Panel
    synthesize=synthesize,  # country, seed -> national file with a known truth
    windows=windows,  # Panel -> Windows, scaled inside the country
    build_model=build_model,
    loss=loss,
    forecast=forecast,  # logits -> probabilities
    output=output,  # and back
    levels=(),
    scores=SCORES,
    baselines={
        "cell_climatology": cell_climatology,
        "country_month_climatology": country_month_climatology,
        "persistence": persistence,
    },
    reference="cell_climatology",
    oracle=oracle,
    horizons=horizons,
    event=lambda settings: (EVENTS[settings.hazard], ""),
    outlook=outlook,
    products=PRODUCTS,  # format -> what a forecaster hands on
    upcoming=read_panel,
    reported=reported,  # periods on record, by place
    largest_age=lambda settings: settings.horizons - 1,  # months; with older records every forecast month is over
)
