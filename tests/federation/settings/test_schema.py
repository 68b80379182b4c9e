"""Settings from plain values, strictly: what a vault does with a request and a coordinator with a checkpoint."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.composition.restore import check, restore
from federation.errors import ConfigError
from federation.settings.checks import nearest, one_of, within
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.settings.schema import Settings
from federation.settings.upgrade import SETTINGS
from federation.settings.values import build, plain
from federation.strategies import STRATEGIES
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS
from tasks.settings import Calendar
from tests.federation.toy import ToySettings

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def test_a_plan_comes_back_from_plain_values() -> None:
    for calendar in (Calendar(), Calendar(excluded_period=["2007-01", "2007-06"]), Calendar(unaligned=True)):
        own = Plan(task=HealthSettings(calendar=calendar), strategy=STRATEGIES["fedavg"].settings())
        assert restore(Plan, json.loads(json.dumps(plain(own))), "plan") == own


@dataclass
class Inner:
    share: float = 0.5
    names: list[str] = field(default_factory=list)


@dataclass
class Outer:
    count: int = 1
    inner: Inner = field(default_factory=Inner)
    limit: float | None = None
    on: bool = True


def test_plain_values_come_back_as_they_were() -> None:
    outer = Outer(count=3, inner=Inner(share=0.25, names=["a", "b"]), limit=2.0, on=False)
    assert build(Outer, json.loads(json.dumps(plain(outer))), "plan") == outer
    assert build(Outer, {}, "plan") == Outer()


def test_whole_numbers_are_floats_where_floats_are_wanted_and_not_the_other_way() -> None:
    made = build(Outer, {"limit": 2, "inner": {"share": 1}}, "plan")
    assert (type(made.limit), type(made.inner.share)) == (float, float)
    with pytest.raises(ConfigError, match=r"plan\.count must be int, got 2\.0"):
        build(Outer, {"count": 2.0}, "plan")


WRONG: dict[str, dict[str, Any]] = {
    "plan does not know the key 'cuont'; did you mean count?": {"cuont": 1},
    "plan.inner does not know the key 'shar'; did you mean share?": {"inner": {"shar": 1}},
    "plan.count must be int, got True": {"count": True},
    "plan.count must be int, got '3'": {"count": "3"},
    "plan.on must be bool, got 1": {"on": 1},
    "plan.inner must be a table of keys, got int": {"inner": 3},
    "plan.inner.names": {"inner": {"names": "ab"}},
    "plan.inner.names must be str, got 1": {"inner": {"names": ["a", 1]}},
    "plan.limit must be float": {"limit": "none"},
}


@pytest.mark.parametrize(("message", "values"), WRONG.items(), ids=WRONG)
def test_what_does_not_fit_is_reported_with_its_place(message: str, values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, values, "plan")
    assert message in str(caught.value)


@given(values=st.dictionaries(st.sampled_from(["count", "inner", "limit", "on", "other"]), VALUES, max_size=3))
def test_anything_is_settings_or_a_config_error(values: dict[str, Any]) -> None:
    try:
        made = build(Outer, values, "plan")
    except ConfigError:
        return
    assert type(made.count) is int
    assert type(made.on) is bool
    assert made.limit is None or type(made.limit) is float


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_plan_of_every_task_and_strategy_travels(task: str, strategy: str) -> None:
    training = TrainingSettings(optimizer="sgd", clip_gradient=None)
    plan = Plan(task=TASKS[task].settings(), strategy=STRATEGIES[strategy].settings(), training=training)
    assert restore(Plan, json.loads(json.dumps(plain(plan))), "plan") == plan


@pytest.mark.usefixtures("toy")
def test_settings_of_a_run_come_back_from_a_checkpoint() -> None:
    settings = Settings(task=ToySettings(heterogeneity=0.5), strategy=STRATEGIES["fedprox"].settings())
    settings.region.countries = ["THA", "VNM"]
    assert restore(Settings, json.loads(json.dumps(plain(settings))), "checkpoint") == settings
    assert plain(settings.plan())["task"]["heterogeneity"] == 0.5


@given(values=st.dictionaries(st.sampled_from(["task", "strategy", "rounds", "seed", "arms", "x"]), VALUES, max_size=4))
def test_no_values_at_all_make_a_plan_without_its_parts(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        restore(Plan, values, "plan")


def test_a_plan_holds_no_path_and_no_secret() -> None:
    places = {"data", "runs", "name", "out", "resume", "start_from", "sweep", "tracking", "region"}
    assert places < set(Settings.__dataclass_fields__)
    assert places.isdisjoint(Plan.__dataclass_fields__)


def test_the_plan_of_a_run_is_its_settings_without_what_stays_here() -> None:
    settings = Settings(
        task=HealthSettings(), strategy=STRATEGIES["fedprox"].settings(), arms=["federated", "pooled"], rounds=7, seed=3
    )
    plan = settings.plan()
    assert type(plan) is Plan
    assert (plan.task, plan.strategy, plan.rounds, plan.seed) == (settings.task, settings.strategy, 7, 3)
    assert plan.arms == ["federated"]  # pooled is of a simulation alone


def test_a_plan_of_an_earlier_version_is_refused_with_the_present_name() -> None:
    values = plain(Plan(task=HealthSettings(), strategy=STRATEGIES["fedavg"].settings()))
    ((old, present),) = SETTINGS.items()
    calendar = values["task"]["calendar"]
    calendar[old.rpartition(".")[2]] = calendar.pop(present.rpartition(".")[2])
    with pytest.raises(ConfigError, match=f"plan.{old} is now {present}; install the same version"):
        restore(Plan, values, "plan")


def test_settings_of_another_task_under_a_tasks_name_are_refused() -> None:
    plan = Plan(task=ToySettings(name="health"), strategy=STRATEGIES["fedavg"].settings())
    with pytest.raises(ConfigError, match="task=health"):
        check(plan)


@given(value=st.floats(allow_nan=True, allow_infinity=True))
def test_a_range_holds_its_ends_and_no_nan(value: float) -> None:
    inside = 0 <= value <= 1
    for above, good in ((False, inside), (True, inside and value != 0)):
        if good:
            within("key", value, 0, 1, above=above)
        else:
            with pytest.raises(ConfigError, match="key="):
                within("key", value, 0, 1, above=above)


def test_the_nearest_word_is_offered_and_otherwise_all() -> None:
    assert nearest("rouns", ["rounds", "seed"]) == "did you mean rounds?"
    assert nearest("zzz", ["rounds", "seed"]) == "known are rounds, seed"
    with pytest.raises(ConfigError, match=r"key=zzz is none of a, b$"):
        one_of("key", "zzz", ("a", "b"))
