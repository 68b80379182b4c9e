"""Facilities merged into one summary a country."""

import pytest

from federation.coordinator.reply_summary import client_noun, summaries_by_country
from federation.coordinator.state import ReplySummary

FACILITIES = (
    ReplySummary(country="VNM-0002", examples=30, loss=2.0, norm=1.0, sent=10, received=5, suppressed=("a", "b")),
    ReplySummary(country="VNM-0001", examples=10, loss=1.0, norm=3.0, sent=20, received=5, suppressed=("a",)),
    ReplySummary(country="LAO-0001", examples=5, loss=4.0, norm=2.0, sent=1, received=1),
)


def test_a_country_that_is_one_client_keeps_its_summary() -> None:
    summaries = [ReplySummary(country="VNM", fingerprint="f"), ReplySummary(country="LAO", refused="LAO: no")]
    assert summaries_by_country(summaries) == [summaries[1], summaries[0]]
    assert client_noun(summaries) == "countries"


def test_facilities_are_summed_and_their_loss_is_the_mean_over_examples() -> None:
    lao, vnm = summaries_by_country(FACILITIES)
    assert (lao.country, lao.examples, vnm.country, vnm.examples) == ("LAO", 5, "VNM", 40)
    assert vnm.loss == pytest.approx((30 * 2 + 10 * 1) / 40)
    assert (vnm.norm, vnm.sent, vnm.received, vnm.suppressed) == (2.0, 30, 10, ("a",))
    assert client_noun(FACILITIES) == "facilities"


def test_a_country_is_refused_if_all_its_facilities_are_and_remarked_on_if_some_are() -> None:
    lost = ReplySummary(country="VNM-0003", refused="VNM-0003: update w holds NaN or Inf")
    _, some = summaries_by_country([*FACILITIES, lost])
    assert some.refused is None
    assert some.remark == "VNM: 1 of 3 facilities did not count: VNM-0003: update w holds NaN or Inf"
    assert some.examples == 40
    (all_,) = summaries_by_country([lost])
    assert all_.refused is not None
    assert all_.refused.startswith("VNM: 1 of 1 facilities did not count")
