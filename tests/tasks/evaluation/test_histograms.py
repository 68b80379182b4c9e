"""What leaves of a histogram: no small group, no small count, nothing by subtraction; all of it where all is large."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.histograms import (
    BINNED,
    BINS,
    CUTS,
    EDGES,
    NAMES,
    SMALL_COUNT,
    TABLE,
    coarse,
    comparable,
    counted,
    first_warned,
)
from tasks.evaluation.score import Array, Sums, merge

HORIZONS = 3


def random(seed: int, rows: int, usual: float = 0.2) -> tuple[Array, Array]:
    """Probabilities of all sizes, events that follow them, some unknown."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.8, 0.8 / usual - 0.8, (rows, HORIZONS))
    happened = (rng.random(chance.shape) < chance).astype(float)
    return chance, np.where(rng.random(chance.shape) < 0.1, np.nan, happened)


def test_counts_by_hand() -> None:
    """Five place-months at one horizon: .01 no, .05 yes, .30 yes, .30 no, 1.00 yes; one unknown. Warned from .3 on."""
    chance = np.array([0.01, 0.05, 0.30, 0.30, 1.00, 0.7])[:, None]
    happened = np.array([0, 1, 1, 0, 1, np.nan])[:, None]
    counts = counted(chance, happened, 0.3)
    assert set(counts) == set(NAMES)
    at = {edge: EDGES.index(edge) for edge in (0.0, 0.05, 0.3, 0.9)}
    expected = np.zeros(BINS)
    expected[[at[0.0], at[0.05], at[0.3], at[0.9]]] = 1, 1, 2, 1
    np.testing.assert_array_equal(counts["bin_count"], [expected, expected])
    assert counts["bin_events"][0, at[0.3]] == 1
    assert counts["bin_forecast"][0, at[0.3]] == pytest.approx(0.6)
    assert [counts[name][0] for name in ("count", *TABLE)] == [5, 2, 1, 1, 1]


@given(seed=st.integers(0, 2**32 - 1), cut=st.sampled_from(CUTS))
def test_histograms_of_two_countries_add_up_to_that_of_both(seed: int, cut: float) -> None:
    chance, happened = random(seed, 60)
    parts = [counted(chance[rows], happened[rows], cut) for rows in (slice(0, 25), slice(25, 60))]
    for name, values in counted(chance, happened, cut).items():
        np.testing.assert_allclose(merge(parts)[name], values)


def leaving(seed: int, rows: int, usual: float, cut: float, least: int) -> tuple[Sums, dict[str, Array]]:
    raw = counted(*random(seed, rows, usual), cut)
    return raw, coarse(raw, cut, least)


CASES = {
    "seed": st.integers(0, 2**32 - 1),
    "rows": st.integers(0, 300),
    "usual": st.sampled_from([0.01, 0.05, 0.2, 0.5]),
    "cut": st.sampled_from(CUTS),
    "least": st.sampled_from([1, 24, 60]),
}


@given(**CASES)
def test_no_group_is_small_and_no_count_is_few(seed: int, rows: int, usual: float, cut: float, least: int) -> None:
    _, released = leaving(seed, rows, usual, cut, least)
    count, events = released["bin_count"], released["bin_events"]
    assert ((count == 0) | (count >= least)).all()
    for each in (events, count - events):
        assert ((each == 0) | (each >= SMALL_COUNT)).all()
    for first, second in (("hits", "false_alarms"), ("misses", "correct_negatives")):
        side = released[first] + released[second]
        assert ((side == 0) | (side >= least)).all()
        for name in (first, second):
            assert ((released[name] == 0) | (released[name] >= SMALL_COUNT)).all()


@given(**CASES)
def test_a_row_leaves_whole_or_not_at_all(seed: int, rows: int, usual: float, cut: float, least: int) -> None:
    raw, released = leaving(seed, rows, usual, cut, least)
    for row in range(HORIZONS):
        for name in BINNED:
            total = released[name][row].sum()
            assert total == 0 or total == pytest.approx(raw[name][row].sum())
    np.testing.assert_array_equal(released["count"], released["bin_count"].sum(axis=1))


@given(**CASES)
def test_nothing_can_be_had_by_subtraction(seed: int, rows: int, usual: float, cut: float, least: int) -> None:
    """The row of all horizons is the others' sum, or nothing; the table is a sum of groups and cuts through none."""
    raw, released = leaving(seed, rows, usual, cut, least)
    for name in (*BINNED, *TABLE, "resolved"):
        total = released[name][:-1].sum(axis=0)
        np.testing.assert_allclose(released[name][-1], total if released[name][-1].any() else 0)
    first = first_warned(cut)
    for row in range(HORIZONS):
        if sum(released[name][row] for name in TABLE):
            assert (
                released["hits"][row]
                == released["bin_events"][row, first:].sum()
                == raw["bin_events"][row, first:].sum()
            )
            assert released["misses"][row] == released["bin_events"][row, :first].sum()
            assert released["false_alarms"][row] == (released["bin_count"] - released["bin_events"])[row, first:].sum()
    withheld = (raw["count"][:-1] > 0) & (released["count"][:-1] == 0)
    if withheld.any():
        assert not released["bin_count"][-1].any()


@given(**CASES)
def test_a_group_stands_in_the_bin_of_its_mean_probability(
    seed: int, rows: int, usual: float, cut: float, least: int
) -> None:
    _, released = leaving(seed, rows, usual, cut, least)
    row, column = np.nonzero(released["bin_count"][:-1])
    mean = released["bin_forecast"][row, column] / released["bin_count"][row, column]
    edges = np.array(EDGES)
    assert (mean >= edges[column] - 1e-9).all()
    assert (mean <= edges[column + 1] + 1e-9).all()


def test_a_large_country_loses_nothing() -> None:
    raw, released = leaving(1, 60_000, 0.3, 0.3, 24)
    for name in NAMES:
        np.testing.assert_allclose(released[name], raw[name])


def test_one_event_in_a_thousand_months_is_nobodys_business() -> None:
    happened = np.zeros((1000, 1))
    happened[17] = 1
    released = coarse(counted(np.full((1000, 1), 0.1), happened, 0.3), 0.3, 24)
    assert not any(values.any() for values in released.values())
    nothing = coarse(counted(np.full((1000, 1), 0.1), np.zeros((1000, 1)), 0.3), 0.3, 24)
    assert nothing["count"].tolist() == [1000, 1000]  # that nothing happened may be said


def test_few_warnings_leave_no_table_but_groups() -> None:
    """Twenty warnings are fewer than a cohort: they join those below, and no table says how many there were."""
    chance = np.concatenate([np.full(300, 0.01), np.full(100, 0.22), np.full(20, 0.6)])[:, None]
    happened = np.concatenate([np.zeros(300), np.arange(100) < 20, np.arange(20) < 12]).astype(float)[:, None]
    released = coarse(counted(chance, happened, 0.3), 0.3, 24)
    assert not any(released[name].any() for name in TABLE)
    assert released["bin_count"][0][released["bin_count"][0] > 0].tolist() == [300, 120]
    assert released["resolved"].tolist() == [420, 420]


def test_bins_that_became_one_group_resolve_nothing() -> None:
    chance = np.concatenate([np.full(20, 0.01), np.full(20, 0.6)])[:, None]
    happened = np.concatenate([np.zeros(20), np.arange(20) < 12]).astype(float)[:, None]
    released = coarse(counted(chance, happened, 0.3), 0.3, 24)
    assert released["count"].tolist() == [40, 40]
    assert released["resolved"].tolist() == [0, 0]
    same = coarse(counted(np.full((40, 1), 0.2), happened, 0.3), 0.3, 24)
    assert same["resolved"].tolist() == [40, 40]  # one probability for all is all there was to resolve


def test_a_country_counts_for_the_region_in_all_learnt_arms_or_in_none() -> None:
    good, table = counted(*random(1, 300), 0.3), dict(counted(*random(2, 300), 0.3))
    for name in TABLE:
        table[name] = np.where([True, False, True, False], table[name], 0)  # of two rows no table may leave
    poor = {**good, "resolved": np.zeros_like(good["resolved"])}
    both = comparable({"a": good, "b": good}, "ab")
    assert all((both[arm][name] == good[name]).all() for arm in "ab" for name in NAMES)
    for name, values in comparable({"a": good, "b": table}, "ab")["a"].items():
        assert values.reshape(4, -1).any(axis=1).tolist() == [True, name not in TABLE, True, name not in TABLE]
    assert not any(
        values.any() for each in comparable({"a": good, "b": poor}, "ab").values() for values in each.values()
    )
    baseline = comparable({"a": good, "b": poor}, "a")  # decides nothing, and is left out itself
    assert all((baseline["a"][name] == good[name]).all() for name in NAMES)
    assert not any(values.any() for values in baseline["b"].values())
