"""Requests in groups of clients: the same federation, with a group's updates in memory at a time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.coordinator import aggregation, exchange
from federation.coordinator.aggregation import combined
from federation.strategies import STRATEGIES
from federation.strategies.strategy import Part
from tests.federation.coordinator.tampering import only, run_tampered, scaled
from tests.federation.federations import FOUR, GRADIENT, FederationOf, every_strategy, ready, settings_of

pytestmark = pytest.mark.usefixtures("toy")
FACILITIES = tuple(f"{country}-{number:04d}" for country in ("LAO", "VNM") for number in range(1, 5))


@pytest.mark.parametrize("name", every_strategy())
def test_requests_in_groups_give_the_same_model_and_the_same_table(
    name: str, federation_of: FederationOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: dict[str, Any] = {"strategy": name, "countries": FACILITIES, "training": GRADIENT}
    at_once = federation_of(**chosen)
    monkeypatch.setattr(exchange, "AT_ONCE", 3)
    grouped = federation_of(**chosen)
    for key, value in at_once.outcome.model.items():
        np.testing.assert_allclose(grouped.outcome.model[key], value, atol=1e-6)
    for one, other in zip(at_once.outcome.rows, grouped.outcome.rows, strict=True):
        assert (one.country, one.arm, one.score, one.horizon, one.n) == (
            other.country,
            other.arm,
            other.score,
            other.horizon,
            other.n,
        )
        assert one.value == pytest.approx(other.value, abs=1e-5, nan_ok=True)
    assert [summary.country for summary in grouped.outcome.summaries] == list(FACILITIES)
    assert grouped.outcome.progress.last_aggregated == dict.fromkeys(FACILITIES, 3)


def test_facilities_are_rows_of_their_country(federation_of: FederationOf) -> None:
    ran = federation_of(countries=FACILITIES)
    assert {row.country for row in ran.outcome.rows} == {"LAO", "VNM", "ASEAN"}


def test_a_group_is_checked_before_it_is_summed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "AT_ONCE", 4)
    prepared = ready(settings_of(tmp_path, FACILITIES))
    ran = run_tampered(prepared, only("VNM-0002", lambda frame: [scaled(frame, 1e4)]))
    left_out = [summary.country for summary in ran.reports[0].summaries if summary.refused]
    assert left_out == ["VNM-0002"]
    assert "VNM-0002" not in ran.outcome.progress.last_aggregated


def test_a_strategy_that_looks_at_every_update_gets_every_update(
    federation_of: FederationOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    original = aggregation.separate

    def counted(updates: Any, settings: Any) -> Any:
        seen.append(len(updates))
        return original(updates, settings)

    monkeypatch.setattr(exchange, "AT_ONCE", 2)
    monkeypatch.setattr(exchange, "separate", counted)
    monkeypatch.setitem(STRATEGIES, "fedavg", replace(STRATEGIES["fedavg"], linear=False))
    federation_of(rounds=1, countries=FOUR, keep_best=0)
    assert set(seen) == {len(FOUR)}


@given(
    weights=st.lists(st.floats(0.5, 100), min_size=1, max_size=6),
    changes=st.lists(st.floats(-5, 5, width=32), min_size=6, max_size=6),
)
def test_together_is_the_weighted_mean_and_the_sum_of_what_was_shared(
    weights: list[float], changes: list[float]
) -> None:
    parts = [
        Part(
            weight=weight,
            change={"w": np.array([change], np.float32)},
            shared={"c": np.array([change], np.float32)},
            examples=3,
            steps=2,
        )
        for weight, change in zip(weights, changes, strict=False)
    ]
    one = combined(parts)
    mean = sum(w * c for w, c in zip(weights, changes, strict=False)) / sum(weights)
    assert one.weight == pytest.approx(sum(weights))
    assert (one.examples, one.steps) == (3 * len(parts), 2 * len(parts))
    assert one.change["w"][0] == pytest.approx(mean, abs=1e-5)
    assert one.shared["c"][0] == pytest.approx(sum(changes[: len(weights)]), abs=1e-5)
    assert one.change["w"].dtype == np.float32
