"""Differences of arms: by country from what it reported, of the region from blocks that only a simulation can see."""

from math import isfinite

import numpy as np
import pytest

from federation.coordinator.evaluation import scores_by_country
from federation.reporting.rows import ALL, PAIRED, Row, difference, of_test
from federation.runs import regional_differences
from federation.vault.database import open_database
from federation.wire.frame import decode
from tasks.evaluation.paired_difference import merge_blocks, paired_interval
from tests.federation.federations import FOUR, FederationOf, Ran

pytestmark = pytest.mark.usefixtures("toy")
ARMS = ["federated", "local"]


def region_of(ran: Ran) -> list[Row]:
    ready = ran.ready
    return regional_differences.rows(
        list(ready.vaults.values()), ready.run.federation.run, ready.run.federation.plan, "ASEAN"
    )


def reported_row(ran: Ran, country: str, arm: str) -> Row:
    (row,) = [
        row for row in ran.outcome.rows if (row.country, row.arm, row.score, row.horizon) == (country, arm, "mse", ALL)
    ]
    return row


def test_every_country_reports_its_own_differences(federation_of: FederationOf) -> None:
    ran = federation_of(FOUR, arms=ARMS)
    for country in FOUR:
        row = difference(ran.outcome.paired, country, "federated", "local")
        assert row is not None
        one, other = reported_row(ran, country, "federated"), reported_row(ran, country, "local")
        assert row.value == pytest.approx(one.value - other.value)
        assert row.low < row.value < row.high
        assert (row.n, row.part, row.score) == (one.n, PAIRED, "mse")
    assert not any(row.part == PAIRED for row in ran.outcome.rows)
    assert of_test([*ran.outcome.rows, *ran.outcome.paired]) == tuple(ran.outcome.rows)


def test_the_region_is_that_of_months_that_countries_share(federation_of: FederationOf) -> None:
    ran = federation_of(FOUR, arms=ARMS)
    row = difference(region_of(ran), "ASEAN", "federated", "local")
    assert row is not None
    one, other = reported_row(ran, "ASEAN", "federated"), reported_row(ran, "ASEAN", "local")
    assert row.value == pytest.approx(one.value - other.value)
    assert row.n == one.n
    vaults = ran.ready.vaults.values()
    federation = ran.ready.run.federation
    parts = [vault.blocks(federation.run, federation.plan)["federated-local"] for vault in vaults]
    assert row.low == paired_interval(merge_blocks(parts))["low"][-1]


def test_a_country_that_withholds_its_own_is_not_in_the_regions(federation_of: FederationOf) -> None:
    """So that the region less the others gives nothing away."""
    ran = federation_of(FOUR, arms=ARMS, policies={"VNM": "minimum_cohort = 130\n"})
    assert difference(ran.outcome.paired, "VNM", "federated", "local") is None
    row = difference(region_of(ran), "ASEAN", "federated", "local")
    assert row is not None
    assert row.n == sum(reported_row(ran, country, "federated").n for country in ("KHM", "LAO", "THA"))


def test_no_reply_holds_a_block(federation_of: FederationOf) -> None:
    ran = federation_of(FOUR, arms=ARMS)
    database = open_database(ran.ready.run.folder / "vault.sqlite")
    replies = [decode(reply) for (reply,) in database.execute("SELECT reply FROM state")]
    database.close()
    assert replies
    shapes = {value.shape for reply in replies for name, value in reply.arrays.items() if "score/" in name}
    assert shapes == {(3,)}  # two horizons, and all of them


def test_ends_of_several_facilities_are_not_added_up() -> None:
    mse = {name: np.ones(3) for name in ("sum", "count", "variance")}
    each = {("test", "federated", "mse"): mse, ("paired", "federated-local", "mse"): {"low": np.ones(3)}}
    merged = scores_by_country([{"VNM-0001": each}, {"VNM-0002": each}])
    assert list(merged["VNM"]) == [("test", "federated", "mse")]


def test_without_a_test_there_is_no_difference(federation_of: FederationOf) -> None:
    ran = federation_of(FOUR, arms=ARMS)
    assert (
        regional_differences.rows(
            list(ran.ready.vaults.values()), "another run", ran.ready.run.federation.plan, "ASEAN"
        )
        == []
    )
    assert all(isfinite(row.value) for row in region_of(ran))
