"""Windows gathered from a store equal dense ones to the bit; those of daily records take little memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gathered_windows import GatheredWindows, Lagged, Store, dense, extended, joined
from tasks.registry import TASKS
from tests.tasks.gathering import gathered, same
from tests.whole import IN_FULL

LIMIT = 500 * 2**20  # bytes


def daily(places: int, days: int, seed: int, back: int = 365, ahead: int = 7) -> GatheredWindows:
    """Rivers: a year of days of four covariates before every origin, the season, and a week of flow after it."""
    rng = np.random.default_rng(seed)
    flow = rng.gamma(1, 1, (places, days))
    weather = {
        name: rng.normal(size=(places, days)).astype(np.float32) for name in ("rain", "warmth", "dryness", "snow")
    }
    past = {name: Lagged(values=values, lags=np.arange(-back + 1, 1)) for name, values in weather.items()}
    season = np.sin(2 * np.pi * np.arange(days) / 365.25).astype(np.float32)
    leads = np.arange(1, ahead + 1)
    periods = np.datetime64("1990-01-01") + np.arange(days + ahead)
    time, place = np.divmod(np.arange(places * (days - back + 1), dtype=np.int32), np.int32(places))
    part = np.where(np.arange(days) < days // 2, "train", "test")
    store = Store(
        country="CHE",
        places=tuple(map(str, range(places))),
        periods=periods,
        leads=leads,
        part=part,
        inputs={**past, "season": Lagged(values=np.broadcast_to(season, (places, days)))},
        target=Lagged(values=extended(np.sqrt(flow).astype(np.float32), ahead), lags=leads),
        observed=Lagged(values=extended(flow, ahead), lags=leads),
    )
    return GatheredWindows(store=store, place=place, time=time + np.int32(back - 1))


@given(seed=st.integers(0, 2**32 - 1), back=st.integers(1, 9), ahead=st.integers(1, 4))
def test_a_window_is_what_stands_around_its_origin(seed: int, back: int, ahead: int) -> None:
    """Cut out of the series one by one."""
    windows = daily(3, 20, seed, back, ahead)
    rows = np.random.default_rng(seed).permutation(len(windows))[:10]
    inputs, target = windows.batch(rows)
    store = windows.store
    for at, row in enumerate(rows):
        place, time = windows.place[row], windows.time[row]
        rain = store.inputs["rain"].values[place]
        np.testing.assert_array_equal(inputs["rain"][at], rain[time - back + 1 : time + 1])
        assert inputs["season"][at] == store.inputs["season"].values[0, time]
        flow = [store.target.values[place, time + lead] if time + lead < 20 else np.nan for lead in range(1, ahead + 1)]
        np.testing.assert_array_equal(target[at], np.array(flow, np.float32))
        assert windows.origin[row] == np.datetime64("1990-01-01") + time
        assert (windows.due[row] == windows.origin[row] + np.arange(1, ahead + 1)).all()


@pytest.mark.parametrize(("lags", "time"), [([-3, 0], 2), ([0, 2], 8)])
def test_a_lag_that_leaves_the_series_is_an_error(lags: list[int], time: int) -> None:
    """Before the first period numpy would take the last ones, which are the future."""
    windows = daily(2, 10, 0, 1, 1)
    store = Store(**{**vars(windows.store), "inputs": {"rain": Lagged(values=np.ones((2, 10)), lags=np.array(lags))}})
    with pytest.raises(ValueError, match="of a series of 10"):
        GatheredWindows(store=store, place=np.array([0]), time=np.array([time]))


@given(seed=st.integers(0, 2**32 - 1))
def test_taken_and_joined_windows_are_those_of_dense_ones(seed: int) -> None:
    """In any order, of any member."""
    rng = np.random.default_rng(seed)
    members = [daily(2, 12, seed, 3, 2), daily(3, 15, seed + 1, 3, 2)]
    plain = [dense(member) for member in members]
    whole, laid = joined(members), joined(plain)
    same(whole, laid)
    rows = rng.integers(0, len(whole), 9)
    same(whole.take(rows), laid.take(rows))
    for part in ("train", "test"):
        same(whole.only(part), laid.only(part))
        same(members[0].only(part), plain[0].only(part))
    for picked in (rows, slice(2, 7), np.zeros(len(whole), bool)):
        for one, other in zip(whole.batch(picked)[0].values(), laid.batch(picked)[0].values(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", TASKS)
def test_a_store_holds_the_windows_of_every_task(name: str, tmp_path: Path) -> None:
    task, settings = TASKS[name], TASKS[name].settings()
    task.synthesize(tmp_path, "LAO", 1, settings)
    panel = task.read(tmp_path, "LAO", settings)
    windows = task.windows(panel, settings)
    store = gathered(panel, windows)
    same(store, windows)
    same(store.only("test"), windows.only("test"))


def peak(places: int, days: int) -> int:
    """Bytes that a process held at most with the windows of a country, cut into parts, and batches of them."""
    words = [sys.executable, "-c", f"from tests.tasks.test_gathered_windows import work; work({places}, {days})"]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def work(places: int, days: int) -> None:
    """Print how much more memory the windows and a pass over them take than nothing."""
    import resource

    daily(2, 400, 0).batch(slice(0, 9))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    windows = daily(places, days, 0)
    for part in ("train", "test"):
        own = windows.only(part)
        order = np.random.default_rng(0).permutation(len(own))
        for rows in np.array_split(order[: 64 * 256], 64):
            own.batch(rows)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


@pytest.mark.skipif(not IN_FULL, reason="a figure of the documents: scripts/prove ends")
@pytest.mark.parametrize(("places", "days"), [(200, 27 * 365)])
def test_the_windows_of_two_hundred_gauges_and_27_years_of_days_take_little_memory(places: int, days: int) -> None:
    """Copied, the inputs alone would be 200 x 27 x 365 windows of 365 days of four covariates: 11 GB."""
    assert peak(places, days) < LIMIT
