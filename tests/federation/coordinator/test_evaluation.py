"""Scores of a region are divided after they were added; an average of averages is another number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.coordinator.evaluation import rows
from federation.reporting.rows import ALL, Row
from tasks.evaluation.score import Sums
from tests.federation.toy import TOY, squared
from tests.federation.vault.requesting import plan_of

pytestmark = pytest.mark.usefixtures("toy")
PLAN = plan_of()
COUNTRIES = st.dictionaries(
    st.sampled_from(["KHM", "LAO", "THA", "VNM"]),
    st.lists(st.floats(0, 100), min_size=1, max_size=6),
    min_size=1,
)


def sums(errors: list[float]) -> Sums:
    """As a country would send them: these squared errors one month ahead, twice them two months ahead."""
    both = np.column_stack([errors, 2 * np.array(errors)])
    count = np.array([len(errors), len(errors), 2 * len(errors)], float)
    total = both.sum(axis=0)
    return {"sum": np.append(total, total.sum()), "count": count, "variance": np.ones(3)}


def one(table: list[Row], country: str, horizon: str) -> Row:
    (row,) = [row for row in table if (row.country, row.horizon) == (country, horizon)]
    return row


@given(errors=COUNTRIES)
@settings(max_examples=40)
def test_the_region_is_the_mean_over_all_place_periods(errors: dict[str, list[float]]) -> None:
    scores = {country: {("test", "federated", "mse"): sums(values)} for country, values in errors.items()}
    table = rows(scores, PLAN, "ASEAN", "test")
    everything = [value for values in errors.values() for value in values]
    assert one(table, "ASEAN", "1 month").value == pytest.approx(np.mean(everything))
    assert one(table, "ASEAN", "2 months").value == pytest.approx(2 * np.mean(everything))
    assert one(table, "ASEAN", ALL).value == pytest.approx(1.5 * np.mean(everything))
    assert one(table, "ASEAN", ALL).n == 2 * len(everything)
    for country, values in errors.items():
        assert one(table, country, "1 month").value == pytest.approx(np.mean(values))
        assert one(table, country, "1 month").n == len(values)
    assert len(table) == 3 * (len(errors) + 1)


@given(errors=COUNTRIES)
@settings(max_examples=40)
def test_the_order_of_countries_changes_nothing(errors: dict[str, list[float]]) -> None:
    scores = {country: {("test", "federated", "mse"): sums(values)} for country, values in errors.items()}
    back = dict(reversed(scores.items()))
    assert rows(scores, PLAN, "ASEAN", "test") == rows(back, PLAN, "ASEAN", "test")


def test_only_the_requested_part_is_reported() -> None:
    scores = {"VNM": {("validation", "federated", "mse"): sums([1.0]), ("test", "federated", "mse"): sums([2.0])}}
    assert {row.value for row in rows(scores, PLAN, "ASEAN", "validation")} == {1.0, 1.5, 2.0}


def test_what_was_withheld_is_nan_in_its_country_and_nothing_in_the_region() -> None:
    hidden: Sums = {name: np.zeros(3) for name in ("sum", "count", "variance")}
    mse = ("test", "federated", "mse")
    scores = {"THA": {mse: hidden}, "VNM": {mse: sums([1.0, 3.0])}}
    table = rows(scores, PLAN, "ASEAN", "test")
    assert np.isnan(one(table, "THA", ALL).value)
    assert one(table, "THA", ALL).n == 0
    assert one(table, "ASEAN", "1 month").value == 2.0


def test_no_reply_is_an_empty_table() -> None:
    assert rows({}, PLAN, "ASEAN", "test") == []


def test_the_toys_score_is_what_its_name_says() -> None:
    assert squared(np.array([[[3.0]]]), np.array([[1.0]])).tolist() == [[4.0]]
    assert TOY.scores["mse"].names == ("sum", "count", "variance")
