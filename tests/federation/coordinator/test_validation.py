"""Rounds are ranked by what each country says of itself, and a quarter of them cannot steer it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import trim_mean

from federation.coordinator.model_selection import with_candidate
from federation.coordinator.state import Progress
from federation.coordinator.validation import got_worse, losses, rank
from federation.reporting.rows import ALL, Row
from tasks.disaster.settings import DisasterSettings
from tasks.registry import TASKS
from tests.federation.vault.requesting import plan_of

pytestmark = pytest.mark.usefixtures("toy")
EIGHT = ("IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "THA", "VNM")
LOSSES = st.lists(st.floats(0.1, 2), min_size=8, max_size=8)


def row(country: str, value: float, task: str = "toy") -> Row:
    score = next(iter(TASKS[task].scores))
    return Row(
        task=task, country=country, arm="federated", score=score, horizon=ALL, value=value, low=value, high=value, n=9
    )


@given(first=LOSSES, now=LOSSES)
def test_the_rank_is_a_trimmed_mean_of_each_countrys_own_gain(first: list[float], now: list[float]) -> None:
    expected = trim_mean(np.log(np.array(now) / np.array(first)), 0.25)
    ranked = rank(dict(zip(EIGHT, first, strict=True)), dict(zip(reversed(EIGHT), reversed(now), strict=True)))
    assert ranked == pytest.approx(expected, abs=1e-12)


@given(honest=st.lists(st.floats(0.1, 2), min_size=6, max_size=6), lies=st.lists(st.floats(1e-300, 1e300), min_size=2))
def test_two_of_eight_move_it_within_the_honest_range_only(honest: list[float], lies: list[float]) -> None:
    first = dict.fromkeys(EIGHT, 1.0)
    ranked = rank(first, dict(zip(EIGHT, [*lies[:2], *honest], strict=True)))
    assert ranked is not None
    assert np.log(min(honest)) - 1e-9 <= ranked <= np.log(max(honest)) + 1e-9


def test_forged_scores_do_not_choose_the_rounds() -> None:
    progress = Progress(round=0, model={})
    for round_, loss in enumerate((1.0, 0.5, 0.4, 0.3)):  # the honest get better, two others say the contrary
        rows = [row(country, 1e-9 * 10**round_ if country in ("THA", "VNM") else loss) for country in EIGHT]
        region = row("ASEAN", 1e-9)
        progress = with_candidate(replace(progress, round=round_), [*rows, region], plan_of(keep_best=2), "ASEAN")
    assert [candidate.round for candidate in progress.best] == [3, 2]


@pytest.mark.parametrize(("countries", "expected"), [(1, 9.0), (2, 4.5), (3, 0.0), (4, 0.0)])
def test_of_three_or_more_the_ends_do_not_count(countries: int, expected: float) -> None:
    first = dict.fromkeys(EIGHT[:countries], 1.0)
    ranked = rank(first, first | {"IDN": float(np.exp(9.0))})
    assert ranked == pytest.approx(expected)


def test_suppressed_scores_and_those_without_a_loss_are_left_out() -> None:
    rows = [row("KHM", 0.2), row("LAO", float("nan")), row("THA", 0.0), row("VNM", float("inf")), row("ASEAN", 0.1)]
    assert losses(rows, plan_of(), "ASEAN") == {"KHM": 0.2}
    assert rank({}, {"KHM": 0.2}) is None


def test_of_a_skill_the_loss_is_what_is_missing_to_one() -> None:
    plan = replace(plan_of(), task=DisasterSettings())
    rows = [row(country, skill, "disaster") for country, skill in {"KHM": 0.25, "LAO": -1.0, "THA": 1.0}.items()]
    assert losses(rows, plan, "ASEAN") == {"KHM": 0.75, "LAO": 2.0}
    better = [row(country, skill, "disaster") for country, skill in {"KHM": 0.5, "LAO": 0.0}.items()]
    ranked = rank(losses(rows, plan, "ASEAN"), losses(better, plan, "ASEAN"))
    assert ranked == pytest.approx(np.log([0.5 / 0.75, 1 / 2]).mean())
    assert ranked is not None
    assert ranked < 0


@pytest.mark.parametrize("name", TASKS)
def test_every_headline_is_a_loss_or_a_share(name: str) -> None:
    assert next(iter(TASKS[name].scores.values())).better in ("smaller", "larger")


def test_an_alarm_counts_who_got_worse() -> None:
    before = dict.fromkeys(EIGHT, 1.0)
    worse = dict.fromkeys(EIGHT[:4], 1.05)
    assert got_worse(before, before | worse) == "4 of 8 countries got worse by more than 2% in the round before"
    assert got_worse(before, before | dict.fromkeys(EIGHT[:4], 1.01)) is None
    assert got_worse(before, before | dict.fromkeys(EIGHT[:3], 1.05)) is None
    assert got_worse({}, before) is None
    assert got_worse({"IDN": 1.0}, {"IDN": 2.0}) is None  # the country sees that itself
