"""Issue dates and phases against a season walked through month by month."""

from math import ceil

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.agriculture.seasons import issued_before_harvest, phase_means, season_months

MONTHS = st.integers(1, 12)
FIRST = np.datetime64("1998-05", "M")


def walked(planting: int, harvest: int) -> list[int]:
    """Months before harvest of every month of a season, the first month first."""
    if planting == harvest:
        return list(range(11, -1, -1))
    month, passed = planting, 1
    while month != harvest:
        month, passed = month % 12 + 1, passed + 1
    return list(range(passed - 1, -1, -1))


@given(planting=MONTHS, harvest=MONTHS)
def test_issue_dates_are_a_quarter_the_middle_a_month_before_and_the_harvest(planting: int, harvest: int) -> None:
    season = walked(planting, harvest)
    before_harvest = issued_before_harvest(np.array([planting]), np.array([harvest]))[0].tolist()
    assert season_months(np.array([planting]), np.array([harvest])).tolist() == [len(season)]
    assert before_harvest == [season[ceil(len(season) / 4) - 1], season[ceil(len(season) / 2) - 1], 1, 0]
    assert before_harvest == sorted(before_harvest, reverse=True)


@given(
    planting=MONTHS,
    harvest=MONTHS,
    late=st.integers(0, 2),
    values=st.lists(st.floats(-50, 50), min_size=60, max_size=60),
    missing=st.integers(0, 59),
)
def test_a_phase_is_the_mean_of_its_months(
    planting: int, harvest: int, late: int, values: list[float], missing: int
) -> None:
    months = dict(enumerate(values))
    months[missing] = np.nan
    years = np.arange(1998, 2004)
    means = phase_means(
        np.array([list(months.values())]), FIRST, years, np.array([planting]), np.array([harvest]), late
    )[0]
    ends = issued_before_harvest(np.array([planting]), np.array([harvest]))[0].tolist()
    for row, year in enumerate(years):
        column = (int(year) - 1998) * 12 + harvest - 5 - late  # of the harvest month; May 1998 is column 0
        for phase, end in enumerate(ends):
            since = ends[phase - 1] if phase else 12
            known = [
                months.get(column - before, np.nan) for before in walked(planting, harvest) if end <= before < since
            ]
            expected = np.mean(known) if known else np.nan
            np.testing.assert_allclose(means[row, phase], expected, atol=1e-9)
