"""The health task on public records: what the field has published must come out again."""

from math import cos, pi
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tasks.data import Array, Panel, Windows
from tasks.errors import DataError
from tasks.evaluation.score import Evaluated
from tasks.health import TASK
from tasks.health.settings import HealthSettings
from tasks.settings import Calendar

SETTINGS = HealthSettings(calendar=Calendar(train_until="2006-12", validate_until="2008-12", test_until="2010-12"))
COUNTRY = "THA"


@pytest.fixture(scope="module")
def folder(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thailand's CHAP table with its rain, which is mm a day, as mm a month."""
    table = pd.read_csv(public_data / "health" / f"chap_{COUNTRY}.csv.gz")
    table["rainfall"] *= pd.PeriodIndex(table["time_period"], freq="M").days_in_month
    place = tmp_path_factory.mktemp(COUNTRY)
    table.to_csv(place / TASK.file, index=False)
    return place


@pytest.fixture(scope="module")
def panel(folder: Path) -> Panel:
    return TASK.read(folder, COUNTRY, SETTINGS)


@pytest.fixture(scope="module")
def windows(panel: Panel) -> Windows:
    return TASK.windows(panel, SETTINGS)


def value(name: str, windows: Windows, forecast: Array, reference: Array) -> float:
    score = TASK.scores[name]
    evaluated = Evaluated(
        forecast=forecast,
        reference=reference,
        observed=windows.observed,
        place=windows.place,
        origin=windows.origin,
    )
    return float(score.estimate(score.sums(evaluated)).value[-1])


def test_the_published_table_declares_a_unit_that_it_does_not_have(public_data: Path, tmp_path: Path) -> None:
    (tmp_path / f"{TASK.file}.gz").write_bytes((public_data / "health" / f"chap_{COUNTRY}.csv.gz").read_bytes())
    with pytest.raises(
        DataError, match=r"'rainfall': has the mean 4\.184, expected 20 to 1000.*mm a day times its days"
    ):
        TASK.read(tmp_path, COUNTRY, SETTINGS)


def test_all_provinces_and_months_are_read(panel: Panel) -> None:
    assert panel.target.shape == (77, 336)
    assert np.isnan(panel.target).sum() == 696  # counted with grep in the published file
    assert panel.target[panel.places.index("TH-10"), 0] == 194


def test_baselines_stand_to_each_other_as_published(panel: Panel, windows: Windows) -> None:
    """Seasonal persistence errs .70 to .78 as much as climatology, and last year's month more than the last month."""
    test = windows.only("test")
    said = {name: baseline(panel, test, SETTINGS) for name, baseline in TASK.baselines.items()}
    flat = said["flat_persistence"]
    log_wis = {name: value("log_wis", test, forecast, flat) for name, forecast in said.items()}
    assert 0.70 < log_wis["seasonal_persistence"] / log_wis["climatology"] < 0.78
    assert log_wis["seasonal_naive"] > log_wis["flat_persistence"]
    assert 0.85 < value("coverage_90", test, flat, flat) < 0.95


def test_a_model_trained_for_some_seconds_beats_the_last_value(panel: Panel, windows: Windows) -> None:
    """The public years leave room: longer training reaches .75 of flat persistence, calibrated or not."""
    train, test = windows.only("train"), windows.only("test")
    model = TASK.build_model(SETTINGS, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    inputs = {name: torch.from_numpy(values) for name, values in train.inputs.items()}
    order, target, epochs = torch.Generator().manual_seed(1), torch.from_numpy(train.target), 5
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (0.05 + 0.95 * (1 + cos(pi * epoch / epochs)) / 2)
        for step, rows in enumerate(torch.split(torch.randperm(len(train), generator=order), 128)):
            mask = torch.tensor(epoch * 1000 + step)
            loss = TASK.loss(model({name: values[rows] for name, values in inputs.items()}, mask), target[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        output = model({name: torch.from_numpy(values) for name, values in test.inputs.items()})
    flat = TASK.baselines["flat_persistence"](panel, test, SETTINGS)
    assert value("relative_log_wis", test, TASK.forecast(output.numpy(), test), flat) < 0.85
