"""Prices: the walk, the departure from it, ALPS, slips, and a model that learns what the generator holds."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tasks.data import DenseWindows
from tasks.evaluation.levels import LEVELS
from tasks.gathered_windows import joined
from tasks.prices import TASK
from tasks.prices.alps import COEFFICIENTS, usual_course
from tasks.prices.records import read_panel, slipped
from tasks.prices.scores import log_wis
from tasks.prices.settings import LEADS, PricesSettings
from tasks.prices.walk import steps
from tasks.testing.example import tensors
from tests.tasks.products.forecasting import issue

MONTHS = np.arange("2005-01", "2013-01", dtype="M8[M]")


def test_the_walk_rolls_with_its_origin_and_knows_no_direction() -> None:
    """Changes of 1 % for years, then of 4 %: 36 months later nothing is left of the calm ones, in 60 some are."""
    change = np.where(np.arange(120) < 70, 0.01, 0.04)
    logs = np.cumsum(change * np.ones((3, 1)), axis=1)
    calm, half, rough = (steps(logs, months, np.array([110]))[0, 0] for months in (0, 60, 36))
    assert rough[[0, -1]] == pytest.approx([-0.04, 0.04])
    np.testing.assert_allclose(np.abs(rough), np.where(np.array(LEVELS) == 0.5, 0, 0.04))
    assert 0.01 < np.abs(half).mean() < 0.04
    assert len(calm) == len(LEVELS)  # no month: the usual one of a country without a past
    np.testing.assert_allclose(rough, -rough[::-1])
    later = logs.copy()
    later[:, 111:] += 9
    np.testing.assert_array_equal(steps(later, 36, np.array([110]))[0, 0], rough)


def test_a_series_that_never_moves_keeps_its_walk(tmp_path: Path) -> None:
    windows = issue(TASK, tmp_path).windows
    model = TASK.build_model(PricesSettings(), 1)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(1))
    inputs = tensors(windows)
    with torch.no_grad():
        moved, kept = model(inputs), model(inputs | {"gate": torch.zeros(len(windows))})
    torch.testing.assert_close(kept, inputs["walk"])
    assert (moved - inputs["walk"]).abs().max() > 0.5


def test_the_usual_course_is_that_of_least_squares() -> None:
    """Trend, season and noise with gaps, against numpy; before three years of prices there is none."""
    rng = np.random.default_rng(1)
    prices = 100 + 0.5 * np.arange(96) + 9 * np.sin(np.arange(96) * np.pi / 6) + rng.normal(0, 2, (2, 96))
    prices[1, ::5] = np.nan
    course, deviation = usual_course(prices, MONTHS)
    at = np.flatnonzero(np.isfinite(prices[1]))[-1]
    known = np.flatnonzero(np.isfinite(prices[1, : at + 1]))
    design = np.concatenate([np.eye(12)[known % 12], known[:, None]], axis=1)
    fitted, left, *_ = np.linalg.lstsq(design, prices[1, known], rcond=None)
    due = at + np.array(LEADS)
    expected = np.concatenate([np.eye(12)[due % 12], due[:, None]], axis=1) @ fitted
    np.testing.assert_allclose(course[1, at], expected, rtol=1e-6)
    assert deviation[1, at] == pytest.approx(np.sqrt(left[0] / (len(known) - COEFFICIENTS)), rel=1e-5)
    assert np.isnan(course[0, :35]).all()
    assert np.isfinite(course[0, 35:]).all()


def test_a_slip_is_known_from_the_months_before_it_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    prices = np.full((1, 24), 3000.0)
    prices[0, 10], prices[0, 20] = 22_555, 9_100
    assert np.flatnonzero(slipped(prices)).tolist() == [10, 20]
    lasting = np.where(np.arange(24) < 12, 3000.0, 9_100)[None]  # a price that stays there is one in the end
    assert np.flatnonzero(slipped(lasting)).tolist() == [12, 13, 14, 15, 16, 17]
    rows = [f"{MONTHS[at]},Pakse,Rice,KG,Retail,LAK,{value},cereals\n" for at, value in enumerate(prices[0])]
    rows += [f"{MONTHS[at]},Pakse,Wage,Day,Retail,LAK,{value},non-food\n" for at, value in enumerate(prices[0])]
    head = "time_period,market,commodity,unit,pricetype,currency,price,category\n"
    (tmp_path / "prices.csv").write_text(head + "".join(rows))
    panel = read_panel(tmp_path, "LAO", PricesSettings())
    assert panel.places == ("Pakse/Rice/KG/Retail/LAK",)
    assert np.flatnonzero(np.isnan(panel.target)).tolist() == [10, 20]
    assert "Pakse/Rice/KG/Retail/LAK 2005-11" in caplog.text


def test_what_is_trained_comes_within_a_tenth_of_the_oracle(tmp_path: Path) -> None:
    settings, parts, oracles = PricesSettings(hidden=[]), [], []
    for country in ("KHM", "PHL"):
        (tmp_path / country).mkdir()
        TASK.synthesize(tmp_path / country, country, 1, settings)
        windows = TASK.windows(TASK.read(tmp_path / country, country, settings), settings)
        best = TASK.oracle(tmp_path / country, windows.only("test"), settings)
        assert best is not None
        parts.append(windows)
        oracles.append(best)
    train, test = (joined([each.only(part) for each in parts]) for part in ("train", "test"))
    model, inputs, target = TASK.build_model(settings, 1), tensors(train), torch.from_numpy(train.target)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(120):
        optimizer.zero_grad()
        TASK.loss(model(inputs), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        forecast = TASK.forecast(model(tensors(test)).numpy(), test)
    learnt, least = (float(np.nanmean(log_wis(each, test.observed))) for each in (forecast, np.concatenate(oracles)))
    assert least < learnt < 1.1 * least
    known = np.isfinite(test.observed)
    low, high = (np.concatenate(oracles)[..., end] for end in (1, -2))
    assert ((low < test.observed) & (test.observed < high))[known].mean() == pytest.approx(0.95, abs=0.03)


def test_the_table_names_every_stage_and_the_walk_next_to_it(tmp_path: Path) -> None:
    issued = issue(TASK, tmp_path)
    dear = replace(issued, forecast=issued.forecast * 3)
    text = TASK.products["table"](dear).text
    assert text is not None
    table = pd.read_csv(StringIO(text))
    assert isinstance(issued.windows, DenseWindows)
    assert len(table) == issued.forecast.shape[0] * len(LEADS)
    assert (table["crisis_probability"] <= table["stress_probability"]).all()
    assert (table["alert_probability"] > 0.9).all()
    assert (table["warned"] == 1).all()
    assert (table["walk_alert_probability"] < 0.9).any()
