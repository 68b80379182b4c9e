"""The synthetic health records, and the oracle that knows how they came about."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.data import DenseWindows
from tasks.errors import DataError, SettingError
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import weighted_interval_score
from tasks.health.generator import synthesize
from tasks.health.generator_epidemic import HEAT, RAIN, RAIN_LAG, Truth
from tasks.health.generator_oracle import TRUTH, oracle, predict
from tasks.health.generator_profiles import PROFILES, profile_of
from tasks.health.records import read_panel
from tasks.health.settings import HealthSettings
from tasks.settings import Calendar, TaskSettings
from tasks.synthetic.truth import load

Array = NDArray[Any]
LEVEL = np.array(LEVELS)
SETTINGS = TaskSettings()
LONG = TaskSettings(calendar=Calendar(test_until="2399-12"))  # 410 years: enough to distinguish .05 from .04


def records(folder: Path) -> dict[str, Array]:
    """column -> (P, T), read without any of our readers; NaN where empty."""
    with (folder / "health.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    places = sorted({row["location"] for row in rows})
    numbers = ("disease_cases", "population", "rainfall", "mean_temperature")
    table = {name: np.array([float(row[name] or "nan") for row in rows]).reshape(len(places), -1) for name in numbers}
    months = np.array([row["time_period"] for row in rows], "datetime64[M]").reshape(len(places), -1)
    return {**table, "months": months, "places": np.array([row["location"] for row in rows]).reshape(len(places), -1)}


def windows(table: dict[str, Array], place: Array, origin: Array, horizons: Array) -> DenseWindows:
    """DenseWindows at (N,) rows and (N,) columns of the table; what happened is NaN beyond its end."""
    due = origin[:, None] + horizons
    cases = np.pad(table["disease_cases"], ((0, 0), (0, int(horizons.max()))), constant_values=np.nan)
    observed = cases[place[:, None], due]
    return DenseWindows(
        country="",
        places=tuple(table["places"][:, 0]),
        inputs={},
        target=np.log1p(observed),
        observed=observed,
        restore={},
        place=place,
        origin=table["months"][0, origin],
        due=table["months"][0, 0] + due,
        part=np.full(len(place), "test"),
    )


def forecast(folder: Path, wanted: DenseWindows) -> Array:
    quantiles: Array | None = oracle(folder, wanted, SETTINGS)
    assert quantiles is not None
    return quantiles


def every(table: dict[str, Array], last: int) -> tuple[Array, Array]:
    """(place, origin) of every place at the last `last` months but three."""
    places, months = table["disease_cases"].shape
    grid = np.meshgrid(np.arange(places), np.arange(months - last - 1, months - 3), indexing="ij")
    return grid[0].ravel(), grid[1].ravel()


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two countries over four centuries: one that counts by the thousand, one that often counts nothing."""
    folder = tmp_path_factory.mktemp("long")
    for country in ("SGP", "TLS"):
        synthesize(folder / country, country, 5, LONG)
    return folder


@pytest.mark.parametrize("country", [*PROFILES, "QQA", "ZZZ"])
def test_a_national_file_is_plain(tmp_path: Path, country: str) -> None:
    synthesize(tmp_path, country, 3, SETTINGS)
    with (tmp_path / "health.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = [(row["location"], row["time_period"]) for row in rows]
    assert len(set(keys)) == len(keys)
    table = records(tmp_path)
    assert (np.diff(table["months"], axis=1) == np.timedelta64(1, "M")).all()
    assert (table["months"][:, -1] == np.datetime64("2008-12")).all()
    assert (table["places"] == table["places"][:, :1]).all()
    assert all(row["disease_cases"] == "" or row["disease_cases"].isdecimal() for row in rows)
    assert np.nanmax(table["disease_cases"]) > 0
    assert (table["population"] > 0).all()
    assert not (table["disease_cases"] > table["population"] / 10).any()
    assert (table["rainfall"] >= 0).all()
    assert ((table["mean_temperature"] > 10) & (table["mean_temperature"] < 40)).all()
    assert all(0 <= float(row["mean_relative_humidity"]) <= 100 for row in rows)


def test_the_task_reads_what_was_synthesized(tmp_path: Path) -> None:
    synthesize(tmp_path, "KHM", 3, SETTINGS)
    panel, table = read_panel(tmp_path, "KHM", HealthSettings()), records(tmp_path)
    assert panel.places == tuple(table["places"][:, 0])
    np.testing.assert_array_equal(panel.target, table["disease_cases"])
    np.testing.assert_array_equal(panel.covariates["rainfall"], table["rainfall"])


def test_the_region_is_small_enough_for_a_demo_and_uneven_enough_to_gain(tmp_path: Path) -> None:
    sizes = {}
    for country in PROFILES:
        synthesize(tmp_path / country, country, 0, SETTINGS)
        sizes[country] = records(tmp_path / country)["disease_cases"].shape
    assert 70 <= sum(places for places, _ in sizes.values()) <= 80
    assert sizes["SGP"] == (1, 228)
    assert sizes["TLS"] == (3, 96)
    assert len(PROFILES) == 11


def test_under_the_equator_the_rains_come_half_a_year_later(tmp_path: Path) -> None:
    wettest = {}
    for country in ("THA", "IDN"):
        synthesize(tmp_path / country, country, 0, SETTINGS)
        wettest[country] = records(tmp_path / country)["rainfall"].mean(axis=0).reshape(-1, 12).mean(axis=0).argmax()
    assert wettest["THA"] + 1 in (8, 9, 10)
    assert wettest["IDN"] + 1 in (12, 1, 2)


def test_bytes_follow_from_seed_and_country_alone(tmp_path: Path) -> None:
    def synthesized(name: str, order: list[str], seed: int) -> dict[Path, bytes]:
        for country in order:
            synthesize(tmp_path / name / country, country, seed, SETTINGS)
        root = tmp_path / name
        return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    first = synthesized("first", ["LAO", "TLS", "SGP"], 7)
    assert synthesized("second", ["SGP", "TLS", "LAO"], 7) == first
    assert {path.name for path in first} == {"health.csv", "health.oracle.npz"}
    other = synthesized("first", ["LAO", "TLS", "SGP"], 8)  # synthetic records may be replaced
    assert all(other[path] != content for path, content in first.items())


def test_no_country_is_the_copy_of_another(tmp_path: Path) -> None:
    for country in ("KHM", "MYS"):  # as many provinces in both
        synthesize(tmp_path / country, country, 0, SETTINGS)
    first, second = load(tmp_path / "KHM", TRUTH, Truth), load(tmp_path / "MYS", TRUTH, Truth)
    for one, other in ((first.rain, second.rain), (first.heat, second.heat), (first.wave, second.wave)):
        assert abs(np.corrcoef(one[:, :100].ravel(), other[:, :100].ravel())[0, 1]) < 0.5


def test_a_longer_record_begins_with_the_shorter_one(tmp_path: Path) -> None:
    synthesize(tmp_path / "short", "LAO", 1, SETTINGS)
    synthesize(tmp_path / "long", "LAO", 1, TaskSettings(calendar=Calendar(test_until="2012-12")))
    short, longer = records(tmp_path / "short"), records(tmp_path / "long")
    months = short["months"].shape[1]
    for name in ("disease_cases", "rainfall", "mean_temperature"):
        np.testing.assert_array_equal(longer[name][:, :months], short[name])


@pytest.mark.parametrize("country", ["TLS", "VNM"])
def test_variance_of_the_oracle_is_that_of_the_surprises(tmp_path: Path, country: str) -> None:
    synthesize(tmp_path, country, 0, SETTINGS)
    truth = load(tmp_path, TRUTH, Truth)
    place, origin = np.arange(len(truth.places)), np.full(len(truth.places), np.datetime64("2005-06"))
    _, variance = predict(truth, place, origin, origin[:, None] + np.arange(1, 6))
    noise = profile_of(country).noise ** 2
    np.testing.assert_allclose(variance[:, 0], noise)
    # the capital is fed by nobody: an AR(1) of 0.9
    np.testing.assert_allclose(variance[0, 1:3], [noise * (1 + 0.9**2), noise * (1 + 0.9**2 + 0.9**4)])
    # 0.6 of its own, 0.3 of a neighbour whose surprises it shares to 0.3
    np.testing.assert_allclose(variance[1:, 1][1:], noise * (1 + 0.36 + 0.09 + 2 * 0.6 * 0.3 * 0.3))
    # beyond their lags of 3 and 4 months, rain and heat must be forecast too: AR(1) of 0.5
    waves = [noise * (0.9 ** (2 * np.arange(months))).sum() for months in (4, 5)]
    weather = [RAIN**2 * (1 - 0.5**2), RAIN**2 * (1 - 0.5**4) + HEAT**2 * (1 - 0.5**2)]
    np.testing.assert_allclose(variance[0, 3:], np.add(waves, weather))


@pytest.mark.parametrize("ahead", [1, 2, 3, 6])
def test_the_oracle_is_right_as_often_as_it_says(long: Path, ahead: int) -> None:
    table = records(long / "SGP")
    origin = np.arange(
        0, table["months"].shape[1] - ahead, ahead
    )  # far enough from each other that errors are independent
    wanted = windows(table, np.zeros_like(origin), origin, np.array([ahead]))
    quantiles, observed = forecast(long / "SGP", wanted)[:, 0], wanted.observed
    below = (observed <= quantiles).mean(axis=0)
    spread = np.sqrt(LEVEL * (1 - LEVEL) / len(origin))
    assert (np.abs(below - LEVEL) < 4 * spread + 0.002).all()  # 0.002: a single case more or less, of a thousand
    for nominal, low, high in ((0.5, 0.25, 0.75), (0.9, 0.05, 0.95)):
        ends = quantiles[:, LEVELS.index(low)], quantiles[:, LEVELS.index(high)]
        inside = ((observed[:, 0] >= ends[0]) & (observed[:, 0] <= ends[1])).mean()
        assert abs(inside - nominal) < 4 * np.sqrt(nominal * (1 - nominal) / len(origin)) + 0.004


@pytest.mark.parametrize("ahead", [1, 3])
def test_quantiles_stay_quantiles_where_counts_are_few(long: Path, ahead: int) -> None:
    """A quantile q of a whole number has P(count <= q) >= level >= P(count < q)."""
    table = records(long / "TLS")
    assert (table["disease_cases"] == 0).mean() > 0.03
    for place in range(3):
        origin = np.arange(0, table["months"].shape[1] - ahead, ahead)
        origin = origin[~np.isnan(table["disease_cases"][place, origin + ahead])]
        wanted = windows(table, np.full_like(origin, place), origin, np.array([ahead]))
        quantiles = forecast(long / "TLS", wanted)[:, 0]
        spread = 4 * np.sqrt(LEVEL * (1 - LEVEL) / len(origin))
        assert ((wanted.observed <= quantiles).mean(axis=0) >= LEVEL - spread).all()
        assert ((wanted.observed < quantiles).mean(axis=0) <= LEVEL + spread).all()


def test_the_oracle_sees_nothing_after_its_origin(tmp_path: Path) -> None:
    synthesize(tmp_path, "KHM", 0, SETTINGS)
    truth, place = load(tmp_path, TRUTH, Truth), np.arange(7)
    column = int((np.datetime64("2005-06") - truth.first).astype(int))
    origin = np.full(7, np.datetime64("2005-06"))
    due = origin[:, None] + np.arange(1, 7)

    def hidden(values: Array, lead: int) -> Array:
        changed = values.copy()
        changed[:, lead + column + 1 :] = np.nan
        return changed

    blind: Truth = replace(truth, wave=hidden(truth.wave, 0), rain=hidden(truth.rain, 4), heat=hidden(truth.heat, 4))
    np.testing.assert_array_equal(predict(blind, place, origin, due), predict(truth, place, origin, due))
    assert np.isnan(predict(blind, place, origin + 1, due + 1)[0]).all()


def test_waves_travel_down_the_list_and_not_up(tmp_path: Path) -> None:
    synthesize(tmp_path, "THA", 0, SETTINGS)
    logs = np.log1p(records(tmp_path)["disease_cases"])
    anomaly = logs - np.nanmean(logs.reshape(12, -1, 12), axis=1)[:, np.arange(logs.shape[1]) % 12]
    change = np.nan_to_num(anomaly[:, 1:] - anomaly[:, :-1])
    gap = np.nan_to_num(anomaly[:-1] - anomaly[1:])  # how far the upstream neighbour is ahead
    down = np.mean([np.corrcoef(gap[p, :-1], change[p + 1])[0, 1] for p in range(11)])
    up = np.mean([np.corrcoef(-gap[p, :-1], change[p])[0, 1] for p in range(1, 11)])
    assert down > up + 0.05


def test_rain_shows_in_the_cases_three_months_later(long: Path) -> None:
    table = records(long / "SGP")

    def anomaly(values: Array) -> Array:
        years = values.reshape(-1, 12)
        return np.ravel(years - years.mean(axis=0))

    rain = anomaly(np.log(table["rainfall"][0]))
    rain = rain / rain.std()
    heat = anomaly(table["mean_temperature"][0])
    lags = range(6)
    shifted = [np.roll(values, lag) for values in (rain, heat / heat.std()) for lag in lags]
    effects = np.linalg.lstsq(np.stack(shifted, axis=1)[6:], anomaly(np.log1p(table["disease_cases"][0]))[6:])[0]
    expected = [RAIN * (lag == RAIN_LAG) for lag in lags] + [HEAT * (lag == 4) for lag in lags]
    np.testing.assert_allclose(effects, expected, atol=0.08)


def climatology(logs: Array, place: Array, origin: Array, horizons: Array) -> Array:
    """Quantiles of the same month and its neighbours, in months up to the origin."""
    quantiles = np.empty((len(place), len(horizons), len(LEVELS)))
    for row, (p, t) in enumerate(zip(place, origin, strict=True)):
        for column, ahead in enumerate(horizons):
            distance = (np.arange(t + 1) - (t + ahead)) % 12
            quantiles[row, column] = np.nanquantile(logs[p, : t + 1][np.isin(distance, (0, 1, 11))], LEVELS)
    return quantiles


def flat_persistence(logs: Array, place: Array, origin: Array, horizons: Array) -> Array:
    """The last value reported plus the changes seen so far over as many months, both ways."""
    quantiles = np.empty((len(place), len(horizons), len(LEVELS)))
    for row, (p, t) in enumerate(zip(place, origin, strict=True)):
        past = logs[p, : t + 1]
        for column, ahead in enumerate(horizons):
            change = past[ahead:] - past[:-ahead]
            quantiles[row, column] = past[~np.isnan(past)][-1] + np.nanquantile([change, -change], LEVELS)
    return np.maximum(quantiles, 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_oracle_leaves_a_gap_to_the_baselines(tmp_path: Path, seed: int) -> None:
    horizons, ratios = np.arange(1, 4), []
    for country in PROFILES:
        synthesize(tmp_path / country, country, seed, SETTINGS)
        table = records(tmp_path / country)
        logs = np.log1p(table["disease_cases"])
        place, origin = every(table, 24)
        wanted = windows(table, place, origin, horizons)
        best = np.log1p(forecast(tmp_path / country, wanted))
        rivals = climatology(logs, place, origin, horizons), flat_persistence(logs, place, origin, horizons)
        score = [np.nanmean(weighted_interval_score(each, wanted.target, LEVEL)) for each in (best, *rivals)]
        assert score[0] < 0.9 * min(score[1:]), country
        ratios.append(score[0] / score[1])
    assert 0.4 < np.exp(np.log(ratios).mean()) < 0.6


def test_no_windows_get_no_forecasts(tmp_path: Path) -> None:
    synthesize(tmp_path, "BRN", 0, SETTINGS)
    none = np.array([], dtype=np.int64)
    assert forecast(tmp_path, windows(records(tmp_path), none, none, np.arange(1, 4))).shape == (0, 3, 23)


def test_real_records_have_no_oracle_and_stay(tmp_path: Path) -> None:
    synthesize(tmp_path / "synthetic", "LAO", 0, SETTINGS)
    real = tmp_path / "real"
    real.mkdir()
    (real / "health.csv").write_text("real records")
    wanted = windows(records(tmp_path / "synthetic"), np.array([0]), np.array([50]), np.array([1]))
    assert oracle(real, wanted, SETTINGS) is None
    with pytest.raises(DataError, match=r"real/health\.csv is not synthetic"):
        synthesize(real, "LAO", 0, SETTINGS)
    assert (real / "health.csv").read_text() == "real records"


def test_an_oracle_refuses_other_records(tmp_path: Path) -> None:
    synthesize(tmp_path, "LAO", 0, SETTINGS)
    wanted = windows(records(tmp_path), np.array([0]), np.array([50]), np.array([1]))
    with (tmp_path / "health.csv").open("a", encoding="utf-8") as file:
        file.write("2009-01,LAO-01,3,1,1,1,1,x\n")
    with pytest.raises(DataError, match=r"belongs to another health\.csv"):
        oracle(tmp_path, wanted, SETTINGS)


@pytest.mark.parametrize(
    ("country", "seed", "until", "said"),
    [
        ("lao", 0, "2008-12", "'lao' is no ISO 3166-1"),
        ("LAOS", 0, "2008-12", "'LAOS'"),
        ("LAO", -1, "2008-12", "seed is -1"),
        ("TLS", 0, "2000-12", "choose 2001-01 or later"),
    ],
)
def test_impossible_synthetic_records_are_refused_in_one_line(
    tmp_path: Path, country: str, seed: int, until: str, said: str
) -> None:
    settings = TaskSettings(calendar=Calendar(train_until="1999-12", validate_until="2000-06", test_until=until))
    with pytest.raises(SettingError, match=said) as caught:
        synthesize(tmp_path, country, seed, settings)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
