"""Columns of records as monthly numbers: season, trend and places that come and go are no news, a wrong unit is."""

import numpy as np

from federation.monitoring.charts import cumulative, limit, standardised
from federation.monitoring.inputs import anomalies, is_slow
from tasks.data import Panel
from tests.federation.monitoring.series import autoregressive

MONTHS, PLACES, WRONG = 180, 5, 150


def panel(seed: int = 1, noise: float = 1.0) -> Panel:
    """Rain with a season, places of unlike size, a trend of the heat, and inhabitants that grow once a year."""
    month = np.arange(MONTHS)
    season = np.sin(2 * np.pi * month / 12)
    draws = noise * np.stack([autoregressive(PLACES, MONTHS, 0.4, each) for each in (seed, seed + 50)])
    size = np.arange(1, PLACES + 1)[:, None]
    return Panel(
        country="LAO",
        periods=np.datetime64("2000-01", "M") + month,
        places=tuple(f"LA-{place}" for place in range(PLACES)),
        target=np.full((PLACES, MONTHS), np.nan),
        covariates={
            "rain": np.expm1(3 + size + season + 0.3 * draws[0]),
            "heat": 25 + 0.01 * month + 3 * season + 0.5 * draws[1],
            "population": 1e5 * size * (1 + 0.01 * (month // 12)),
        },
    )


def alarms(series: np.ndarray, sign: int) -> list[int]:
    normal = standardised(series)
    normal[:120] = np.nan
    return [alarm.at for alarm in cumulative(sign * normal, limit(5))[1]]


def test_neither_season_nor_trend_nor_late_places_are_news() -> None:
    number = 0
    for seed in range(6):
        whole = panel(seed)
        whole.covariates["rain"][-1, -30:] = np.nan  # the wettest place stops reporting
        columns = anomalies(whole, "target")
        assert set(columns) == {"rain", "heat"}  # the target is unknown, and population says nothing by the month
        number += sum(len(alarms(series, sign)) for series in columns.values() for sign in (1, -1))
    assert number <= 6  # of six nodes, in five years


def test_season_and_trend_leave_nothing_and_a_place_that_leaves_takes_nothing_along() -> None:
    regular = panel(noise=0.0)
    regular.covariates["heat"][0, -30:] = np.nan
    for series in anomalies(regular, "target").values():
        assert np.ptp(series[72:]) < 0.005  # five whole years are known; the season of heat is 3 of 25 degrees


def test_a_wrong_unit_is_seen_within_three_months() -> None:
    wrong = panel()
    wrong.covariates["rain"][:, WRONG:] /= 30
    rain = anomalies(wrong, "target")["rain"]
    assert WRONG <= alarms(rain, -1)[0] <= WRONG + 2
    assert alarms(rain[:WRONG], -1) == []


def test_an_index_of_an_ocean_is_too_slow_for_a_chart() -> None:
    assert is_slow(np.sin(np.arange(120) / 8))
    assert not is_slow(autoregressive(1, 120, 0.6, seed=1)[0])
