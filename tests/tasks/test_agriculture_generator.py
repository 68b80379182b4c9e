"""Synthetic harvests: the same from the same seed, and forecast by the oracle as well as can be."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tasks.agriculture import TASK
from tasks.agriculture.generator_harvest import CLIMATE_MEMORY, LEAD, MEMORY, OWN, RESPONSE, Truth, at_harvest, yields
from tasks.agriculture.generator_oracle import TRUTH, predict
from tasks.agriculture.generator_profiles import PROFILES
from tasks.agriculture.schema import WEATHER, YIELDS
from tasks.agriculture.seasons import issued_before_harvest
from tasks.agriculture.settings import VIEWS, AgricultureSettings
from tasks.data import Panel, Windows
from tasks.errors import DataError, SettingError
from tasks.evaluation.score import Evaluated, merge
from tasks.settings import Calendar
from tasks.synthetic.truth import load
from tests.whole import IN_FULL

LONG = AgricultureSettings(
    weather=["rainfall", "mean_temperature"],
    dropout=0.0,
    calendar=Calendar(train_until="2080-12", validate_until="2084-12", test_until="2098-12"),
)


def synthesized(folder: Path, country: str, settings: AgricultureSettings, seed: int = 1) -> tuple[Panel, Windows]:
    TASK.synthesize(folder, country, seed, settings)
    panel = TASK.read(folder, country, settings)
    return panel, TASK.windows(panel, settings)


def test_a_seed_decides_every_byte_and_a_longer_record_begins_with_the_shorter(tmp_path: Path) -> None:
    settings = AgricultureSettings()
    shorter = AgricultureSettings(
        calendar=Calendar(train_until="1999-12", validate_until="2003-12", test_until="2007-12")
    )
    for name, seed, chosen in (("a", 1, settings), ("b", 1, settings), ("c", 2, settings), ("d", 1, shorter)):
        TASK.synthesize(tmp_path / name, "LAO", seed, chosen)
    read = {name: (tmp_path / name / YIELDS).read_bytes() for name in "abc"}
    assert read["a"] == read["b"] != read["c"]
    long, short = (pd.read_csv(tmp_path / name / YIELDS) for name in "ad")
    until = long[long["harvest_year"] <= 2007].reset_index(drop=True)
    pd.testing.assert_frame_equal(until, short)


@pytest.mark.parametrize("view", VIEWS)
def test_the_eleven_differ_and_every_other_code_can_be_synthesized(view: str, tmp_path: Path) -> None:
    settings = AgricultureSettings(view=view)
    sizes = set()
    for country in (*PROFILES, "QZX"):
        panel, windows = synthesized(tmp_path / country, country, settings)
        reported = panel.target[np.isfinite(panel.target)]
        assert (reported > 0).all()
        assert {"train", "validation", "test"} <= set(windows.part)
        sizes.add((panel.places, panel.target.shape, round(float(reported.std()), 3)))
    assert len(sizes) == 12


def test_the_file_explains_harvests_by_the_response_that_all_countries_share(tmp_path: Path) -> None:
    panel, _ = synthesized(tmp_path, "THA", LONG)
    truth = load(tmp_path, TRUTH, Truth)
    trend = truth.level[:, None] + truth.growth[:, None] * np.arange(panel.target.shape[1])
    rows = [panel.places.index(place) for place in truth.places]
    weather = (panel.target[rows] - trend) / truth.spread[:, None] - OWN * truth.anomaly
    names = [f"{variable}_{phase}" for variable in LONG.weather for phase in range(4)]
    table = np.stack([panel.covariates[name][rows] for name in names], axis=-1)
    table = (table - table.mean(axis=1, keepdims=True)) / table.std(axis=1, keepdims=True)
    known = np.isfinite(weather)
    weights, *_ = np.linalg.lstsq(table[known], weather[known], rcond=None)
    np.testing.assert_allclose(weights, RESPONSE.ravel(), atol=0.04)


def test_the_oracle_is_what_simulating_on_from_the_issue_date_gives(tmp_path: Path) -> None:
    TASK.synthesize(tmp_path, "KHM", 5, AgricultureSettings())
    truth, draws, year = load(tmp_path, TRUTH, Truth), 40_000, 2009
    rng = np.random.default_rng(0)
    ends = issued_before_harvest(truth.planting, truth.harvest)
    for place in (0, 3):
        mean, variance = predict(truth, np.array([place]), np.array([year]))
        for issue in range(4):
            season = simulated(truth, place, year, int(ends[place, issue]), draws, rng)
            anomaly = MEMORY * truth.anomaly[place, year - truth.first - 1]
            anomaly = anomaly + np.sqrt(1 - MEMORY**2) * rng.standard_normal(draws)
            response = np.einsum("dvb,vb->d", season, truth.weights[place])
            weather = variance[0, issue] / truth.spread[place] ** 2 - OWN**2 * (1 - MEMORY**2)
            assert weather == pytest.approx(response.var(), rel=0.03, abs=1e-9)
            drawn = truth.spread[place] * (OWN * anomaly + response)
            drawn += truth.level[place] + truth.growth[place] * (year - truth.first)
            assert drawn.mean() == pytest.approx(mean[0, issue], abs=5 * drawn.std() / np.sqrt(draws))
            assert drawn.var() == pytest.approx(variance[0, issue], rel=0.03)
        assert (np.diff(variance[0]) <= 1e-12).all()


def simulated(truth: Truth, place: int, year: int, end: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, 2, 12) weather by months before harvest: as it was up to the issue date, then month after month."""
    month = int(at_harvest(truth, np.array([year]))[place, 0])
    known = truth.weather[truth.area[place]]
    season = np.repeat(known[None, :, month - np.arange(12)], draws, axis=0)
    for before in range(end - 1, -1, -1):
        fresh = np.sqrt(1 - CLIMATE_MEMORY**2) * rng.standard_normal((draws, 2))
        season[:, :, before] = CLIMATE_MEMORY * season[:, :, before + 1] + fresh
    return season


@pytest.mark.parametrize("view", VIEWS)
def test_the_oracle_is_calibrated_and_beats_every_baseline(view: str, tmp_path: Path) -> None:
    settings = AgricultureSettings(view=view)
    sums: dict[str, list[dict[str, dict[str, np.ndarray]]]] = {}
    for country in ("IDN", "THA", "VNM", "SGP"):
        panel, windows = synthesized(tmp_path / country, country, settings)
        windows = windows.only("train")
        reference = TASK.baselines[TASK.reference](panel, windows, settings)
        arms = {name: forecast(panel, windows, settings) for name, forecast in TASK.baselines.items()}
        truth = TASK.oracle(tmp_path / country, windows, settings)
        assert truth is not None
        for name, forecast in (arms | {"oracle": truth}).items():
            sums.setdefault(name, []).append(sums_of(windows, forecast, reference))
    scored = {
        arm: {name: score.estimate(merge([part[name] for part in parts])) for name, score in TASK.scores.items()}
        for arm, parts in sums.items()
    }
    oracle = scored.pop("oracle")
    assert oracle["coverage_50"].value[-1] == pytest.approx(0.5, abs=0.03)
    assert oracle["coverage_90"].value[-1] == pytest.approx(0.9, abs=0.02)
    assert (np.diff(oracle["pinball"].value[:4]) < 0).all()  # what is known grows through the season
    for arm in scored.values():
        assert (oracle["pinball"].value < arm["pinball"].value).all()


def sums_of(windows: Windows, forecast: np.ndarray, reference: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    case = Evaluated(
        forecast=forecast,
        reference=reference,
        observed=windows.observed,
        place=windows.place,
        origin=windows.origin,
        unit=windows.restore["unit"],
        threshold=windows.threshold,
    )
    return {name: dict(score.sums(case)) for name, score in TASK.scores.items()}


@pytest.mark.skipif(not IN_FULL, reason="droughts are a test of every run: scripts/prove ends")
def test_with_plenty_of_data_a_model_comes_near_the_oracle(tmp_path: Path) -> None:
    """Within a tenth: the trend and the spread, which the oracle knows, must be estimated."""
    countries = (*PROFILES, "QAA", "QAB", "QAC", "QAD")
    data = {country: synthesized(tmp_path / country, country, LONG) for country in countries}
    train = [windows.only("train") for _, windows in data.values()]
    model = fitted(
        np.concatenate([each.inputs["features"] for each in train]), np.concatenate([w.target for w in train])
    )
    mine, best = [], []
    for country, (panel, every) in data.items():
        windows = every.only("test")
        reference = TASK.baselines[TASK.reference](panel, windows, LONG)
        with torch.no_grad():
            output = model({"features": torch.from_numpy(windows.inputs["features"])}, None).numpy()
        truth = TASK.oracle(tmp_path / country, windows, LONG)
        assert truth is not None
        best.append(sums_of(windows, truth, reference))
        mine.append(sums_of(windows, TASK.forecast(output, windows), reference))
    score = TASK.scores["pinball"].estimate
    ratio = score(merge([m["pinball"] for m in mine])).value / score(merge([b["pinball"] for b in best])).value
    assert (ratio > 1.0).all()
    assert (ratio < 1.1).all()  # at every issue date, and over all


def fitted(features: np.ndarray, target: np.ndarray) -> torch.nn.Module:
    inputs, labels = torch.from_numpy(features), torch.from_numpy(target)
    model, epochs, batch = TASK.build_model(LONG, 1), 12, 256
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(labels) // batch))
    generator = torch.Generator().manual_seed(1)
    for _ in range(epochs):
        for rows in torch.randperm(len(labels), generator=generator).split(batch):  # type: ignore[no-untyped-call]
            loss = TASK.loss(model({"features": inputs[rows]}, None), labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return model


def test_real_records_are_not_overwritten_and_another_oracle_is_refused(tmp_path: Path) -> None:
    settings = AgricultureSettings()
    _, windows = synthesized(tmp_path / "a", "BRN", settings)
    with (tmp_path / "a" / WEATHER).open("a") as file:
        file.write("2014-01,BRN,100,25\n")
    with pytest.raises(DataError, match="belongs to another agriculture"):
        TASK.oracle(tmp_path / "a", windows, settings)
    (tmp_path / "a" / "agriculture.oracle.npz").unlink()
    assert TASK.oracle(tmp_path / "a", windows, settings) is None
    with pytest.raises(DataError, match="is not synthetic"):
        TASK.synthesize(tmp_path / "a", "BRN", 1, settings)


def test_what_cannot_be_synthesized_is_refused(tmp_path: Path) -> None:
    early = AgricultureSettings(
        calendar=Calendar(train_until="1970-12", validate_until="1972-12", test_until="1979-12")
    )
    for country, seed, settings in (("lao", 1, LONG), ("LAO", -1, LONG), ("SGP", 1, early)):
        with pytest.raises(SettingError):
            TASK.synthesize(tmp_path, country, seed, settings)


def test_weather_begins_before_the_first_season(tmp_path: Path) -> None:
    panel, _ = synthesized(tmp_path, "VNM", AgricultureSettings())
    truth = load(tmp_path, TRUTH, Truth)
    assert truth.weather.shape[2] == LEAD + 12 * panel.target.shape[1]
    assert np.isfinite(panel.covariates["rainfall_0"]).all()
    reported = np.isfinite(panel.target)
    np.testing.assert_allclose(panel.target[reported], yields(truth)[np.argsort(truth.places)][reported], atol=1e-4)
