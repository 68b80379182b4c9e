"""Plans of which something would leave without noise are refused, in one line that says what to set."""

from typing import Any

import pytest

from federation.composition.restore import check
from federation.errors import ConfigError
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS
from tasks.settings import Calendar

SGD = TrainingSettings(optimizer="sgd", clip_gradient=None, steps=None)
ALLOWED = (
    *("fedavg", "fedadam", "fedyogi", "fedavgm", "robust_direction", "median", "trimmed_mean", "krum"),
    *("geometric_median", "centred_clipping", "neighbour_mixing"),
)


def noised(strategy: str = "fedavg", **changes: Any) -> Plan:
    values: dict[str, Any] = {"task": HealthSettings(statistics="place"), "keep_best": 0, "arms": ["federated"]}
    chosen = STRATEGIES[strategy].settings()
    return Plan(protection="differential_privacy", strategy=chosen, training=SGD, **(values | changes))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_strategies_that_ask_for_an_update_alone_can_be_noised(strategy: str) -> None:
    if strategy in ALLOWED:
        check(noised(strategy))
        return
    with pytest.raises(ConfigError, match=f"strategy={strategy}.*set strategy=fedavg"):
        check(noised(strategy))


@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if not task.unit_local])
def test_a_task_whose_places_share_statistics_is_refused(task: str) -> None:
    with pytest.raises(ConfigError, match=f"task={task} scales a place by the records of others"):
        check(noised(task=TASKS[task].settings()))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"task": HealthSettings()}, "set task.statistics=place"),
        ({"keep_best": 3}, "set keep_best=0"),
        ({"arms": ["federated", "personalised"]}, "no score of personalised leaves"),
        ({"record_years": 2}, "record_years cuts by the first records"),
        ({"task": HealthSettings(statistics="place", calendar=Calendar(unaligned=True))}, "calendar.unaligned=true"),
    ],
)
def test_what_would_tell_of_a_place_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        check(noised(**changes))


def test_all_reasons_are_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        check(noised(task=HealthSettings(), keep_best=1))
    assert "statistics=place" in str(caught.value)
    assert "keep_best=0" in str(caught.value)
    assert "\n" not in str(caught.value)
