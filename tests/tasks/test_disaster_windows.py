"""Windows and baselines see what was known at the origin and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.data import Array, Panel, Windows
from tasks.disaster import TASK
from tasks.disaster.events import follow
from tasks.disaster.features import features, outlook, width
from tasks.disaster.generator import synthesize
from tasks.disaster.indices import LIMIT
from tasks.disaster.memory import SCALE
from tasks.disaster.records import read_panel
from tasks.disaster.schema import INDICES
from tasks.disaster.settings import HAZARDS, DisasterSettings
from tasks.disaster.windowing import windows as windows_of
from tasks.errors import SettingError

CUT = np.datetime64("2012-06", "M")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("LAO")
    synthesize(place, "LAO", 3, DisasterSettings())
    return place


def young(panel: Panel) -> Panel:
    """The panel of a country whose second cell has a record from 1998 on only: its definitions are its own past's."""
    rows = np.zeros(panel.target.shape, bool)
    rows[1] = panel.periods < np.datetime64("1998-01")
    return altered(panel, lambda values: np.where(rows, np.nan, values))


def altered(panel: Panel, change: Callable[[Array], Array], names: tuple[str, ...] = ()) -> Panel:
    """The panel with every array changed, or the covariates of these names only."""
    covariates = {
        name: change(values) if not names or name in names else values for name, values in panel.covariates.items()
    }
    return replace(panel, target=panel.target if names else change(panel.target), covariates=covariates)


def poisoned(panel: Panel, after: np.datetime64, names: tuple[str, ...] = ()) -> Panel:
    """Everything after a month replaced by what would be seen if it were looked at."""
    rng = np.random.default_rng(0)
    later = np.broadcast_to(panel.periods > after, panel.target.shape)

    def change(values: Array) -> Array:
        wild = rng.integers(0, 2, values.shape) if set(np.unique(values[np.isfinite(values)])) <= {0, 1} else None
        return np.where(later, wild if wild is not None else rng.uniform(1, 900, values.shape), values)

    return altered(panel, change, names)


def until(windows: Windows, last: np.datetime64) -> Windows:
    return windows.take(windows.origin <= last)


@pytest.mark.parametrize("hazard", HAZARDS)
@pytest.mark.parametrize("record", [lambda panel: panel, young], ids=["whole", "young"])
@pytest.mark.parametrize("steady", [True, False], ids=["steady", "raw"])
def test_nothing_after_the_origin_reaches_inputs_or_baselines(
    folder: Path, hazard: str, record: Callable[[Panel], Panel], steady: bool
) -> None:
    settings = DisasterSettings(hazard=hazard, steady=steady, history=48 if steady else 0)
    panel = record(read_panel(folder, "LAO", settings))
    other = poisoned(panel, CUT)
    one, two = until(windows_of(panel, settings), CUT), until(windows_of(other, settings), CUT)
    assert (one.origin == CUT).any()
    np.testing.assert_array_equal(one.origin, two.origin)
    for name in one.inputs:
        np.testing.assert_array_equal(one.inputs[name], two.inputs[name])
    for baseline in TASK.baselines.values():
        np.testing.assert_array_equal(baseline(panel, one, settings), baseline(other, two, settings))
    due = one.due <= CUT
    np.testing.assert_array_equal(one.observed[due], two.observed[due])
    assert (one.observed[~due] != two.observed[~due]).any(), "the poison must reach the labels"


@pytest.mark.parametrize("name", ["features", "history"])
def test_an_index_is_used_a_month_after_it_describes(folder: Path, name: str) -> None:
    settings = DisasterSettings(history=4)
    panel = read_panel(folder, "LAO", settings)
    same = until(windows_of(poisoned(panel, CUT - 1, INDICES), settings), CUT)
    known = until(windows_of(panel, settings), CUT)
    np.testing.assert_array_equal(same.inputs[name], known.inputs[name])
    changed = until(windows_of(poisoned(panel, CUT - 2, INDICES), settings), CUT)
    differing = (changed.inputs[name] != known.inputs[name]).reshape(len(known), -1).any(axis=1)
    assert differing.any()
    assert (known.origin[differing] == CUT).all()


def test_history_is_the_months_before_in_order(folder: Path) -> None:
    """Zero before the record begins; with the model it makes a forecast like any other."""
    settings = DisasterSettings(history=48, hidden=[])
    panel = read_panel(folder, "LAO", settings)
    windows = windows_of(panel, settings)
    history, at = windows.inputs["history"], (windows.origin - panel.periods[0]).astype(int)
    assert history.shape == (len(windows), 48, len(INDICES))
    nino = panel.covariates["nino34"].mean(axis=0)
    for back in (0, 47):
        expected = np.where(at - back > 0, SCALE * nino[np.maximum(at - back - 1, 0)], 0)
        np.testing.assert_allclose(history[:, 47 - back, INDICES.index("nino34")], expected, atol=1e-6)
    inputs, _ = windows.batch(np.arange(5))
    tensors = {name: torch.from_numpy(each) for name, each in inputs.items()}
    for months in (48, 12, 0):  # a country's own model may see less
        own = replace(settings, history=months)
        settings.check_own(own)
        model = TASK.build_model(own, 1)
        assert next(iter(model.parameters())).shape[-1] == width(settings) + months * len(INDICES)
        assert model(tensors, None).shape == (5, 3, 1)
    with pytest.raises(SettingError, match="is 49, and the windows hold 48"):
        settings.check_own(replace(settings, history=49))


@pytest.mark.parametrize("hazard", HAZARDS)
def test_windows_are_ordered_in_parts_and_labelled_by_the_course(folder: Path, hazard: str) -> None:
    settings = DisasterSettings(hazard=hazard)
    panel = read_panel(folder, "LAO", settings)
    windows, event = windows_of(panel, settings), follow(panel, settings).event
    assert (np.diff(windows.origin.astype(int)) >= 0).all()
    assert windows.inputs["features"].shape == (len(windows), width(settings))
    assert windows.inputs["offset"].shape == windows.target.shape == (len(windows), 3)
    assert all(np.isfinite(values).all() and values.dtype == np.float32 for values in windows.inputs.values())
    assert np.abs(windows.inputs["features"]).max() <= 2 * LIMIT
    at = (windows.due - panel.periods[0]).astype(int)
    np.testing.assert_array_equal(windows.observed, event[windows.place[:, None], at])
    np.testing.assert_array_equal(windows.target, windows.observed.astype(np.float32))
    train, validate, test = settings.calendar.cuts()
    assert windows.only("train").due.max() == train
    assert windows.only("validation").due.min() == train + 1
    assert windows.only("validation").due.max() == validate
    assert windows.only("test").due.min() == validate + 1
    assert windows.only("test").due.max() == test
    assert np.isfinite(windows.only("train").target).any(axis=1).all()
    assert windows.origin.max() == panel.periods[-1], "the last month on record is an origin to warn from"


def test_a_cell_without_training_years_is_served(folder: Path) -> None:
    settings = DisasterSettings()
    panel = read_panel(folder, "LAO", settings)
    new = (
        np.broadcast_to(panel.periods < np.datetime64("2014-01"), panel.target.shape)
        & (np.arange(len(panel.places)) == 0)[:, None]
    )
    windows = windows_of(altered(panel, lambda values: np.where(new, np.nan, values)), settings)
    own = windows.take(windows.place == 0)
    assert len(own) == 36
    assert np.isnan(own.target).all(), "with less than ten years nobody can say what a drought of this cell is"
    assert np.isfinite(own.inputs["features"]).all()
    assert (own.inputs["features"] != 0).any(axis=1).all(), "its country still speaks"


@pytest.mark.parametrize("hazard", HAZARDS)
@pytest.mark.parametrize("months", [1, 456])
def test_a_country_without_records_has_no_windows(hazard: str, months: int) -> None:
    settings = DisasterSettings(hazard=hazard)
    nothing = np.full((2, months), np.nan)
    panel = Panel(
        country="LAO",
        periods=np.arange(months) + np.datetime64("1979-01", "M"),
        places=("a", "b"),
        target=nothing,
        covariates=dict.fromkeys(("rainfall", "flood", "national_rainfall", "national_temperature", *INDICES), nothing),
        static={"longitude": np.array([0.5, 1.5]), "latitude": np.array([0.5, 1.5])},
    )
    windows = windows_of(panel, settings)
    assert len(windows) == 0
    assert windows.inputs["features"].shape == (0, width(settings))
    for baseline in TASK.baselines.values():
        assert baseline(panel, windows, settings).shape == (0, 3, 1)


def test_the_outlook_knows_that_part_of_the_rain_has_fallen(folder: Path) -> None:
    settings = DisasterSettings()
    panel = read_panel(folder, "LAO", settings)
    course = follow(panel, settings)
    score = outlook(course, settings)[:, 24:-6]
    soon, later = (follow(panel, settings).event[:, 24 + lead : -6 + lead] for lead in (1, 3))
    assert np.corrcoef(score[..., 0].ravel(), soon.ravel())[0, 1] > 0.5
    np.testing.assert_allclose(score[..., 2], -1, atol=1e-6)  # nothing of it has fallen: the drought quantile itself
    assert later.mean() > 0
    assert features(panel, course, settings).shape == (*panel.target.shape, width(settings))
