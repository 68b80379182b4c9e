"""The synthetic weather, and the oracle that knows what may come of it."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov
from scipy.special import ndtr

from tasks.data import Array, Windows
from tasks.disaster import TASK
from tasks.disaster.events import Course, follow
from tasks.disaster.generator import synthesize
from tasks.disaster.generator_oracle import TRUTH, oracle
from tasks.disaster.generator_profiles import PROFILES, profile_of
from tasks.disaster.generator_weather import (
    COUNTRY,
    DIPOLE,
    DIPOLE_MEMORY,
    FLOOD,
    NINO,
    NINO_MEMORY,
    OWN,
    VARIATION,
    Truth,
    dynamics,
    oceans,
)
from tasks.disaster.records import read_panel
from tasks.disaster.schema import RECORDS
from tasks.disaster.settings import HAZARDS, DisasterSettings
from tasks.disaster.windowing import windows as windows_of
from tasks.errors import DataError, SettingError
from tasks.settings import Calendar
from tasks.synthetic.truth import load
from tests.whole import IN_FULL

LONG = DisasterSettings(calendar=Calendar(train_until="2069-12", validate_until="2074-12", test_until="2099-12"))
SHORT = DisasterSettings(calendar=Calendar(train_until="1995-12", validate_until="1996-12", test_until="1997-12"))


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("THA")
    synthesize(folder, "THA", 3, LONG)
    return folder


def column(folder: Path, name: str) -> list[str]:
    with (folder / RECORDS).open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        synthesize(tmp_path / name, "LAO", seed, SHORT)
    a, b, c = ((tmp_path / name / RECORDS).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_longer_record_begins_with_the_shorter_one(tmp_path: Path) -> None:
    synthesize(tmp_path / "short", "LAO", 1, SHORT)
    synthesize(tmp_path / "long", "LAO", 1, DisasterSettings())
    rows = [set((tmp_path / name / RECORDS).read_text().splitlines()) for name in ("short", "long")]
    assert rows[0] < rows[1]


def test_countries_share_the_oceans_and_nothing_else(tmp_path: Path) -> None:
    for country in ("LAO", "KHM"):
        synthesize(tmp_path / country, country, 1, SHORT)
    assert column(tmp_path / "LAO", "nino34") == column(tmp_path / "KHM", "nino34")
    assert column(tmp_path / "LAO", "rainfall") != column(tmp_path / "KHM", "rainfall")


def test_floods_before_the_archive_are_unknown(tmp_path: Path) -> None:
    synthesize(tmp_path, "SGP", 1, SHORT)
    floods = dict(zip(column(tmp_path, "time_period"), column(tmp_path, "flood"), strict=True))
    assert floods["1979-01"] == floods["1984-12"] == ""
    assert floods["1985-01"] in ("0", "1")


def test_eleven_states_fit_a_minute(tmp_path: Path) -> None:
    cells = 0
    for country in PROFILES:
        synthesize(tmp_path / country, country, 1, SHORT)
        panel = read_panel(tmp_path / country, country, SHORT)
        assert len(panel.places) == profile_of(country).cells
        cells += len(panel.places)
    assert len(PROFILES) == 11
    assert 80 <= cells <= 120
    synthesize(tmp_path / "USA", "USA", 1, SHORT)
    assert len(read_panel(tmp_path / "USA", "USA", SHORT).places) == profile_of("USA").cells


@pytest.mark.parametrize(
    ("country", "seed", "calendar"),
    [("lao", 1, Calendar()), ("LAO", -1, Calendar()), ("LAO", 1, Calendar("1970-01", "1970-02", "1970-03"))],
)
def test_what_cannot_be_synthesized_is_refused(tmp_path: Path, country: str, seed: int, calendar: Calendar) -> None:
    with pytest.raises(SettingError):
        synthesize(tmp_path, country, seed, DisasterSettings(calendar=calendar))


def test_real_records_stay_and_have_no_oracle(tmp_path: Path) -> None:
    synthesize(tmp_path, "SGP", 1, SHORT)
    windows = windows_of(read_panel(tmp_path, "SGP", SHORT), SHORT)
    (tmp_path / "disaster.oracle.npz").unlink()
    assert oracle(tmp_path, windows, SHORT) is None
    with pytest.raises(DataError, match="is not synthetic"):
        synthesize(tmp_path, "SGP", 1, SHORT)


def test_the_oracle_of_other_records_is_refused(tmp_path: Path) -> None:
    synthesize(tmp_path, "SGP", 1, SHORT)
    windows = windows_of(read_panel(tmp_path, "SGP", SHORT), SHORT)
    lines = (tmp_path / RECORDS).read_text().splitlines(keepends=True)
    (tmp_path / RECORDS).write_text("".join(lines[:-1]))
    with pytest.raises(DataError, match="belongs to another"):
        oracle(tmp_path, windows, SHORT)


@pytest.mark.parametrize("cells", [1, 20])
def test_anomalies_have_about_unit_variance_and_seldom_dry_out(cells: int) -> None:
    variance = np.diag(solve_discrete_lyapunov(*dynamics(cells)))
    np.testing.assert_allclose(variance[cells:], 1)
    assert 0.9 < variance[0] < 1.2
    assert 3.9 * np.sqrt(variance[0]) < 1 / VARIATION


def test_oceans_swing_with_unit_variance() -> None:
    drawn = oceans(np.random.default_rng(0), 60_000)
    np.testing.assert_allclose(drawn.std(axis=1), 1, atol=0.05)


def futures(truth: Truth, origin: int, draws: int, months: int) -> Array:
    """(draws, months, P) anomalies after an origin, month by month from the equations of the generator's docstring."""
    rng = np.random.default_rng(0)
    cells = len(truth.places)
    z = np.repeat(truth.state[None, :cells, origin], draws, axis=0)
    last, before, dipole = (np.full(draws, value) for value in truth.state[cells:, origin])
    shared = np.linalg.cholesky(truth.covariance[:cells, :cells])
    sd = np.sqrt([truth.covariance[cells, cells], truth.covariance[-1, -1]])
    states = []
    for _ in range(months):
        pull = NINO * last + DIPOLE * dipole
        z = OWN * z + COUNTRY * z.mean(axis=1, keepdims=True) - pull[:, None] + rng.standard_normal(z.shape) @ shared.T
        fresh = rng.standard_normal((draws, 2)) * sd
        last, before = NINO_MEMORY[0] * last + NINO_MEMORY[1] * before + fresh[:, 0], last
        dipole = DIPOLE_MEMORY * dipole + fresh[:, 1]
        states.append(z)
    return np.stack(states, axis=1)


@pytest.mark.parametrize("hazard", HAZARDS)
def test_the_oracle_says_how_often_the_event_follows_its_origin(tmp_path: Path, hazard: str) -> None:
    settings = replace(DisasterSettings(), hazard=hazard)
    country = "LAO"
    synthesize(tmp_path, country, 5, settings)
    panel = read_panel(tmp_path, country, settings)
    truth, course = load(tmp_path, TRUTH, Truth), follow(panel, settings)
    windows = windows_of(panel, settings).only("test")
    spread = 0.0
    for month in (5, 22, 40):
        windows_of_month = windows.take(windows.origin == np.unique(windows.origin)[month])
        known = oracle(tmp_path, windows_of_month, settings)
        assert known is not None
        happens = chances(
            truth, course, windows_of_month, futures(truth, origin_of(truth, windows_of_month), 40_000, 3), settings
        )
        np.testing.assert_allclose(known[..., 0], happens, atol=0.01)  # 4 standard errors of 40,000 draws
        spread = max(spread, np.ptp(known))
    assert spread > 0.05, "a constant would pass for the truth"


def origin_of(truth: Truth, windows: Windows) -> int:
    return int((windows.origin[0] - truth.first).astype(int))


def chances(truth: Truth, course: Course, windows_of_month: Windows, z: Array, settings: DisasterSettings) -> Array:
    """(N, H) share of the drawn futures in which the event happens."""
    origin = origin_of(truth, windows_of_month)
    season = (truth.first + origin + np.arange(1, 4)).astype(int) % 12
    normal = truth.normal[:, season].T
    fallen = np.maximum(normal * (1 + VARIATION * z), 0)
    if settings.hazard == "flood":
        happens = ndtr(truth.floods[:, season].T + FLOOD * z)
        return np.asarray(happens.mean(axis=0).T[windows_of_month.place])
    past = np.repeat(course.rainfall[None, :, origin - 1 : origin + 1].transpose(0, 2, 1), len(z), axis=0)
    months = np.concatenate([past, fallen], axis=1)
    threshold = course.threshold[:, origin + 1 : origin + 4].T
    if settings.hazard == "rain":
        return np.asarray((fallen > threshold).mean(axis=0).T[windows_of_month.place])
    sums = months[:, :3] + months[:, 1:4] + months[:, 2:5]
    return np.asarray((sums < threshold).mean(axis=0).T[windows_of_month.place])


@pytest.mark.parametrize("hazard", HAZARDS if IN_FULL else ["drought"])
def test_with_plenty_of_data_the_model_comes_near_the_oracle(long: Path, hazard: str) -> None:
    settings = replace(LONG, hazard=hazard, dropout=0.1)
    panel = read_panel(long, "THA", settings)
    windows = windows_of(panel, settings)
    test = windows.only("test")
    best = oracle(long, test, settings)
    assert best is not None
    model = trained(windows.only("train"), settings)
    with torch.no_grad():
        output = model({name: torch.from_numpy(values) for name, values in test.inputs.items()}, None).numpy()
    score = [np.mean((each[..., 0] - test.observed) ** 2) for each in (TASK.forecast(output, test), best)]
    usual = np.mean((TASK.baselines[TASK.reference](panel, test, settings)[..., 0] - test.observed) ** 2)
    assert score[0] < 1.1 * score[1]
    assert score[0] < usual
    assert score[1] < 0.98 * usual


def trained(windows: Windows, settings: DisasterSettings) -> torch.nn.Module:
    model = TASK.build_model(settings, 1)
    inputs = {name: torch.from_numpy(values) for name, values in windows.inputs.items()}
    target, generator = torch.from_numpy(windows.target), torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    for epoch in range(6):
        for step, rows in enumerate(torch.split(torch.randperm(len(target), generator=generator), 128)):
            output = model({name: values[rows] for name, values in inputs.items()}, torch.tensor(1000 * epoch + step))
            optimizer.zero_grad()
            TASK.loss(output, target[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model
