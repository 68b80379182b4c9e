"""What a forecaster of weekly dengue hands on: hub quantiles and their hub, CHAP samples, outbreak warnings."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from tasks.health.products import OUTBREAK, outlook, warnings_of
from tasks.products import chap, hub_config, hubverse
from tasks.products.forecast import Issued, Product

__all__ = ["PRODUCTS", "outlook"]
TARGET = "weekly inc dengue case"
WEEKLY_OUTBREAK = replace(
    OUTBREAK,
    meaning="More dengue cases than the mean and two standard deviations of the same weeks in earlier years.",
)
PRODUCTS: Mapping[str, Callable[[Issued], Product]] = {
    "hubverse": partial(hubverse.quantile_csv, target=TARGET),
    "hubverse_tasks": partial(hub_config.tasks_json, target=TARGET),
    "hubverse_target_data": hub_config.target_data_json,
    "hubverse_time_series": partial(hub_config.time_series_csv, target=TARGET),
    "chap": chap.samples_csv,
    "cap": partial(warnings_of, hazard=WEEKLY_OUTBREAK),
}
