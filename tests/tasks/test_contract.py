"""What every task owes a federation; a new task inherits these tests by its line in the registry."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.func import functional_call, vmap

from tasks.data import Array, Panel, Windows
from tasks.errors import DataError
from tasks.evaluation.scores import Evaluated, FinalScore, HistogramScore, Sums, estimates, merge
from tasks.gathered_windows import dense
from tasks.models.choice import MODELS, AttentionSettings, ModelSettings
from tasks.registry import TASKS
from tasks.task import Task

COUNTRY = "LAO"


@dataclass(frozen=True, kw_only=True)
class Invented:
    """A task with one invented country."""

    task: Task
    settings: Any
    folder: Path
    panel: Panel
    windows: Windows

    @property
    def horizons(self) -> int:
        return len(self.task.horizons(self.settings))

    @property
    def outputs(self) -> int:
        return max(len(self.task.levels), 1)


@pytest.fixture(scope="module", params=list(TASKS.values()), ids=list(TASKS))
def invented(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Invented:
    task: Task = request.param
    settings, folder = task.settings(), tmp_path_factory.mktemp(task.name)
    task.synthesize(folder, COUNTRY, 1, settings)
    panel = task.read(folder, COUNTRY, settings)
    return Invented(task=task, settings=settings, folder=folder, panel=panel, windows=task.windows(panel, settings))


@pytest.fixture(scope="module", params=MODELS)
def learner(invented: Invented, request: pytest.FixtureRequest) -> Invented:
    """The same with each model that a task may choose; as it is where the task knows one model only."""
    if not isinstance(invented.settings, ModelSettings):
        return invented
    small = AttentionSettings(width=16, heads=2)
    return replace(invented, settings=replace(invented.settings, model=request.param, attention=small))


def tensors(windows: Windows) -> dict[str, Tensor]:
    return {name: torch.from_numpy(values) for name, values in windows.inputs.items()}


def shaken(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights away from the start, where some of them are zero."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: weight.detach() + 0.2 * torch.randn(weight.shape, generator=generator)
        for name, weight in model.named_parameters()
    }


def outputs(invented: Invented, windows: Windows, seed: int = 1) -> Array:
    """What a model with some weights says of the windows."""
    model = invented.task.build_model(invented.settings, seed)
    with torch.no_grad():
        found: Tensor = functional_call(model, shaken(model, seed), (tensors(windows), None))
    return found.numpy().astype(np.float64)


def evaluated(windows: Windows, forecast: Array, reference: Array) -> Evaluated:
    return Evaluated(
        forecast=forecast,
        reference=reference,
        observed=windows.observed,
        place=windows.place,
        origin=windows.origin,
        unit=windows.restore.get("unit"),
        threshold=windows.threshold,
    )


def changed(panel: Panel, change: Callable[[str, Array], Array]) -> Panel:
    """The panel with every (P, T) array passed through change(name, values); the target's name is 'target'."""
    covariates = {name: change(name, values) for name, values in panel.covariates.items()}
    return replace(panel, target=change("target", panel.target), covariates=covariates)


def same_rows(one: Windows, other: Windows, last: np.datetime64) -> tuple[Windows, Windows]:
    """Both up to an origin, in the same order."""
    ends = [windows.take(windows.origin <= last) for windows in (one, other)]
    np.testing.assert_array_equal(ends[0].place, ends[1].place)
    np.testing.assert_array_equal(ends[0].origin, ends[1].origin)
    return ends[0], ends[1]


# What a task says of itself


def test_every_number_of_a_task_has_a_name_of_its_own(invented: Invented) -> None:
    scores = invented.task.scores
    names = [*scores, *(name for score in scores.values() for name in score.derived)]
    assert len(set(names)) == len(names)
    first = next(iter(scores.values()))
    assert not isinstance(first, FinalScore), "the headline is judged every round"


def test_a_task_is_known_by_its_name(invented: Invented) -> None:
    task = invented.task
    assert TASKS[task.name] is task
    assert invented.settings.name == task.name
    invented.settings.check()
    assert task.reference in task.baselines
    assert task.scores
    assert len(set(task.horizons(invented.settings))) == invented.horizons


def test_levels_rise_around_a_median(invented: Invented) -> None:
    levels = invented.task.levels
    assert list(levels) == sorted(set(levels))
    if levels:
        assert 0.5 in levels
        assert 0 < levels[0] < levels[-1] < 1
        np.testing.assert_allclose(np.array(levels) + levels[::-1], 1)  # every interval is central


def test_settings_survive_hydras_way(invented: Invented) -> None:
    merged = OmegaConf.to_object(OmegaConf.structured(invented.task.settings))
    assert merged == invented.settings


# Files


def test_an_invented_country_depends_on_its_name_and_seed_alone(invented: Invented, tmp_path: Path) -> None:
    for name, country, seed in (("again", COUNTRY, 1), ("seed", COUNTRY, 2), ("country", "KHM", 1)):
        (tmp_path / name).mkdir()
        random.seed(seed)
        np.random.seed(seed)
        invented.task.synthesize(tmp_path / name, country, seed, invented.settings)
    first = (invented.folder / invented.task.file).read_bytes()
    assert (tmp_path / "again" / invented.task.file).read_bytes() == first
    assert (tmp_path / "seed" / invented.task.file).read_bytes() != first
    assert (tmp_path / "country" / invented.task.file).read_bytes() != first


def test_a_missing_file_is_one_line(invented: Invented, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        invented.task.read(tmp_path, COUNTRY, invented.settings)
    assert invented.task.file.split(".")[0] in str(error.value)
    assert "\n" not in str(error.value)


def test_the_order_of_the_rows_does_not_matter(invented: Invented, tmp_path: Path) -> None:
    for source in invented.folder.glob("*.csv"):
        head, *rows = source.read_text(encoding="utf-8").splitlines()
        random.Random(1).shuffle(rows)
        (tmp_path / source.name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    panel = invented.task.read(tmp_path, COUNTRY, invented.settings)
    assert panel.places == invented.panel.places
    np.testing.assert_array_equal(panel.target, invented.panel.target)
    for name, values in invented.panel.covariates.items():
        np.testing.assert_array_equal(panel.covariates[name], values)


def test_a_panel_is_a_regular_grid(invented: Invented) -> None:
    panel = invented.panel
    assert panel.country == COUNTRY
    assert panel.periods.dtype == "datetime64[M]"
    assert len(set(np.diff(panel.periods))) == 1
    assert len(set(panel.places)) == len(panel.places)
    for values in (panel.target, *panel.covariates.values()):
        assert values.shape == (len(panel.places), len(panel.periods))
    for values in panel.static.values():
        assert len(values) == len(panel.places)


# Windows


def test_windows_have_the_shapes_and_types_of_the_contract(invented: Invented) -> None:
    windows, rows = invented.windows, len(invented.windows)
    assert rows > 0
    assert windows.country == COUNTRY
    assert windows.places == invented.panel.places
    for values in windows.inputs.values():
        assert (str(values.dtype), len(values)) == ("float32", rows)
        assert np.isfinite(values).all()
    assert (str(windows.target.dtype), windows.target.shape) == ("float32", (rows, invented.horizons))
    assert (str(windows.observed.dtype), windows.observed.shape) == ("float64", (rows, invented.horizons))
    kinds = [str(values.dtype) for values in (windows.place, windows.origin, windows.due)]
    assert kinds == ["int64", "datetime64[M]", "datetime64[M]"]
    assert windows.due.shape == (rows, invented.horizons)
    assert windows.place.min() >= 0
    assert windows.place.max() < len(windows.places)
    for values in windows.restore.values():
        assert (str(values.dtype), len(values)) == ("float64", rows)
        assert np.isfinite(values).all()
    np.testing.assert_array_equal(np.isfinite(windows.target), np.isfinite(windows.observed))
    if windows.threshold is not None:
        assert (str(windows.threshold.dtype), windows.threshold.shape) == ("float64", (rows, invented.horizons))
        assert np.isfinite(windows.threshold).mean() > 0.5


def test_parts_are_cut_by_the_one_calendar(invented: Invented) -> None:
    windows, cuts = invented.windows, invented.settings.calendar.cuts()
    assert (windows.due > windows.origin[:, None]).all()
    ends = {"train": (None, cuts[0]), "validation": (cuts[0], cuts[1]), "test": (cuts[1], cuts[2])}
    for part, (after, until) in ends.items():
        due = windows.due[windows.part == part]
        assert len(due)
        assert (due <= until).all()
        assert after is None or (due > after).all()
    unused = windows.due[windows.part == ""]
    assert all(len({int(np.searchsorted(cuts, month)) for month in due}) > 1 or due.max() > cuts[2] for due in unused)


def test_a_place_and_origin_give_one_window(invented: Invented) -> None:
    pairs = list(zip(invented.windows.place, invented.windows.origin, strict=True))
    assert len(set(pairs)) == len(pairs)


def test_windows_without_a_row_pass_everywhere(learner: Invented) -> None:
    task, settings = learner.task, learner.settings
    nothing = task.windows(changed(learner.panel, lambda _, values: np.full_like(values, np.nan)), settings)
    for windows in (nothing, learner.windows.take(np.zeros(len(learner.windows), bool))):
        assert len(windows) == 0
        assert {name: values.shape[1:] for name, values in windows.inputs.items()} == {
            name: values.shape[1:] for name, values in learner.windows.inputs.items()
        }
        shape = (0, learner.horizons, learner.outputs)
        output = outputs(learner, windows)
        assert output.shape == shape
        forecast = task.forecast(output, windows)
        assert forecast.shape == shape
        for baseline in task.baselines.values():
            assert baseline(learner.panel, windows, settings).shape == shape
        for score in task.scores.values():
            found = score.estimate(score.sums(evaluated(windows, forecast, forecast)))
            assert np.isnan(found.value).all()
            assert not found.n.any()


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_missing_months_leave_every_input_finite(invented: Invented, share: float) -> None:
    rng = np.random.default_rng(1)
    task, settings = invented.task, invented.settings
    panel = changed(invented.panel, lambda _, values: np.where(rng.random(values.shape) < share, np.nan, values))
    windows = task.windows(panel, settings)
    for values in (*windows.inputs.values(), *windows.restore.values()):
        assert np.isfinite(values).all()
    forecast = task.forecast(outputs(invented, windows), windows)
    assert np.isfinite(forecast).all()
    for baseline in task.baselines.values():
        assert np.isfinite(baseline(panel, windows, settings)).all()


@pytest.mark.parametrize("first", [False, True])
def test_a_short_record_is_no_error(invented: Invented, first: bool) -> None:
    """The first or the last two years alone: no training months at all, or nothing but them."""
    short = slice(0, 24) if first else slice(-24, None)
    panel = replace(changed(invented.panel, lambda _, values: values[:, short]), periods=invented.panel.periods[short])
    windows = invented.task.windows(panel, invented.settings)
    assert np.isfinite(invented.task.forecast(outputs(invented, windows), windows)).all()
    for baseline in invented.task.baselines.values():
        assert np.isfinite(baseline(panel, windows, invented.settings)).all()


# Leakage


def poisoned(panel: Panel, last: np.datetime64) -> Panel:
    """Other values after `last`; covariates of a season stand at its harvest, so one period more of them is kept."""
    rng = np.random.default_rng(2)
    step = panel.periods[1] - panel.periods[0]

    def change(name: str, values: Array) -> Array:
        seasonal = name != "target" and step > np.timedelta64(1, "M")
        later = np.broadcast_to(panel.periods > (last + step if seasonal else last), values.shape)
        known = values[np.isfinite(values)]
        if not len(known):
            return values
        gone = rng.random(values.shape) < 0.1
        return np.where(later, np.where(gone, np.nan, rng.choice(known, values.shape)), values)

    return changed(panel, change)


@pytest.mark.parametrize("cut", [0, 1])
@pytest.mark.parametrize("ahead", [0, 7, 13])
def test_nothing_after_an_origin_reaches_its_inputs_or_baselines(invented: Invented, cut: int, ahead: int) -> None:
    """Origins in training may know the training months of their country; from the first cut on nothing is forgiven."""
    task, settings = invented.task, invented.settings
    last = settings.calendar.cuts()[cut] + ahead
    other = poisoned(invented.panel, last)
    before, after = same_rows(invented.windows, task.windows(other, settings), last)
    assert len(before)
    for name, values in before.inputs.items():
        np.testing.assert_array_equal(values, after.inputs[name], err_msg=name)
    for name, values in before.restore.items():
        np.testing.assert_array_equal(values, after.restore[name], err_msg=name)
    if before.threshold is not None:
        np.testing.assert_array_equal(before.threshold, after.threshold)
    for name, baseline in task.baselines.items():
        expected, found = baseline(invented.panel, before, settings), baseline(other, after, settings)
        np.testing.assert_array_equal(expected, found, err_msg=name)


def test_the_poison_is_seen_where_it_may_be(invented: Invented) -> None:
    """Guards the test above: later inputs and labels do change."""
    last = invented.settings.calendar.cuts()[0]
    other = invented.task.windows(poisoned(invented.panel, last), invented.settings)
    for windows in (invented.windows, other):
        assert len(windows.only("test"))
    mine, theirs = invented.windows.only("test"), other.only("test")
    assert not np.array_equal(mine.observed, theirs.observed, equal_nan=True)
    assert any(not np.array_equal(values, theirs.inputs[name]) for name, values in mine.inputs.items())


def test_nothing_changes_the_panel(invented: Invented) -> None:
    before = changed(invented.panel, lambda _, values: values.copy())
    windows = invented.task.windows(invented.panel, invented.settings)
    for baseline in invented.task.baselines.values():
        baseline(invented.panel, windows, invented.settings)
    np.testing.assert_array_equal(invented.panel.target, before.target)
    for name, values in before.covariates.items():
        np.testing.assert_array_equal(invented.panel.covariates[name], values)


# Model and loss


def test_a_seed_decides_the_weights_and_the_global_generators_neither_decide_nor_change(learner: Invented) -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        return dict(learner.task.build_model(learner.settings, seed).state_dict())

    torch.manual_seed(1)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index]
    first = weights(1)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])  # type: ignore[index]
    torch.manual_seed(2)
    again, other = weights(1), weights(2)
    assert all(torch.equal(weight, again[name]) for name, weight in first.items())
    assert any(not torch.equal(weight, other[name]) for name, weight in first.items())


def test_parameters_are_the_whole_state_of_a_model(learner: Invented) -> None:
    model = learner.task.build_model(learner.settings, 1)
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
    assert all(weight.dtype == torch.float32 for weight in model.parameters())


def test_a_chunk_of_clients_trains_as_each_would_alone(learner: Invented) -> None:
    task, model = learner.task, learner.task.build_model(learner.settings, 1)
    rows = np.random.default_rng(1).permutation(np.flatnonzero(learner.windows.part == "train"))[:24].reshape(3, 8)
    clients = [learner.windows.take(each) for each in rows]
    weights, inputs = [shaken(model, client) for client in range(3)], [tensors(client) for client in clients]
    target, seeds = torch.stack([torch.from_numpy(each.target) for each in clients]), torch.arange(3) + 2**50

    def loss(params: dict[str, Tensor], x: dict[str, Tensor], y: Tensor, seed: Tensor) -> Tensor:
        return task.loss(functional_call(model, params, (x, seed)), y)

    def stacked(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.stack([part[name] for part in parts]) for name in parts[0]}

    step = torch.func.grad_and_value(loss)
    gradients, losses = vmap(step)(stacked(weights), stacked(inputs), target, seeds)
    for client in range(3):
        alone, value = step(weights[client], inputs[client], target[client], seeds[client])
        torch.testing.assert_close(losses[client], value, atol=1e-5, rtol=1e-4)
        for name, gradient in alone.items():
            torch.testing.assert_close(gradients[name][client], gradient, atol=1e-5, rtol=1e-4)


def test_the_seed_of_the_masks_matters_in_training_and_is_absent_otherwise(learner: Invented) -> None:
    model = learner.task.build_model(learner.settings, 1)
    params, inputs = shaken(model, 1), tensors(learner.windows.take(np.arange(16)))

    def output(seed: Tensor | None) -> Tensor:
        found: Tensor = functional_call(model, params, (inputs, seed))
        return found.detach()

    assert torch.equal(output(torch.tensor(1)), output(torch.tensor(1)))
    assert torch.equal(output(None), output(None))
    if learner.settings.dropout:
        assert not torch.equal(output(torch.tensor(1)), output(torch.tensor(2)))


def test_the_loss_is_the_mean_over_what_was_reported(learner: Invented) -> None:
    windows = learner.windows.only("train").take(np.arange(40))
    output, target = torch.from_numpy(outputs(learner, windows)).float(), torch.from_numpy(windows.target)
    gone = torch.full_like(target, torch.nan)
    alone = learner.task.loss(output, target)
    assert alone > 0
    torch.testing.assert_close(learner.task.loss(torch.cat([output, output]), torch.cat([target, gone])), alone)
    output.requires_grad_()
    nothing = learner.task.loss(output, gone)
    assert nothing.item() == 0
    (slope,) = torch.autograd.grad(nothing, output)
    assert not slope.any()


def test_a_few_steps_of_training_lower_the_loss(learner: Invented) -> None:
    windows = learner.windows.only("train")
    windows = windows.take(np.flatnonzero(np.isfinite(windows.target).any(axis=1))[:200])
    model, inputs, target = (
        learner.task.build_model(learner.settings, 1),
        tensors(windows),
        torch.from_numpy(windows.target),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for step in range(40):
        loss = learner.task.loss(model(inputs, torch.tensor(step)), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


# Forecasts and scores


def test_forecasts_are_finite_and_quantiles_rise(learner: Invented) -> None:
    windows = learner.windows
    for scale in (1.0, 1e6):  # also from a model that went astray
        forecast = learner.task.forecast(scale * outputs(learner, windows), windows)
        assert str(forecast.dtype) == "float64"
        assert forecast.shape == (len(windows), learner.horizons, learner.outputs)
        assert np.isfinite(forecast).all()
        if learner.task.levels:
            assert (np.diff(forecast, axis=-1) >= 0).all()
        else:
            assert ((forecast >= 0) & (forecast <= 1)).all()


def test_baselines_forecast_the_shape_of_the_model(invented: Invented) -> None:
    for baseline in invented.task.baselines.values():
        forecast = baseline(invented.panel, invented.windows, invented.settings)
        assert forecast.shape == (len(invented.windows), invented.horizons, invented.outputs)
        assert forecast.dtype == np.float64
        assert np.isfinite(forecast).all()
        if invented.task.levels:
            assert (np.diff(forecast, axis=-1) >= 0).all()
        else:
            assert ((forecast >= 0) & (forecast <= 1)).all()


def test_a_baseline_of_some_windows_is_that_of_all_cut_out(invented: Invented) -> None:
    """No baseline borrows from the windows it is asked for beside."""
    rows = np.random.default_rng(1).permutation(len(invented.windows))[:50]
    for name, baseline in invented.task.baselines.items():
        whole = baseline(invented.panel, invented.windows, invented.settings)
        some = baseline(invented.panel, invented.windows.take(rows), invented.settings)
        np.testing.assert_allclose(some, whole[rows], err_msg=name)


def of_the_test_years(invented: Invented) -> tuple[Windows, Array, Array]:
    """Windows of the test years with a forecast and the reference."""
    windows = invented.windows.only("test")
    reference = invented.task.baselines[invented.task.reference](invented.panel, windows, invented.settings)
    return windows, invented.task.forecast(outputs(invented, windows), windows), reference


def test_sums_are_what_the_score_declares(invented: Invented) -> None:
    windows, forecast, reference = of_the_test_years(invented)
    for name, score in invented.task.scores.items():
        sums = score.sums(evaluated(windows, forecast, reference))
        assert set(sums) - {"small_count"} == set(score.names), name
        assert "count" in sums
        for values in sums.values():
            assert (str(values.dtype), values.shape[0]) == ("float64", invented.horizons + 1)
            assert np.isfinite(values).all()
        reported = np.isfinite(windows.observed)
        if isinstance(score, FinalScore) and windows.threshold is not None:
            reported &= np.isfinite(windows.threshold)  # whether it was an event is not known without
        for estimate in estimates(name, score).values():
            found = estimate(sums)
            for values in (found.value, found.low, found.high, found.n):
                assert values.shape == (invented.horizons + 1,)
            np.testing.assert_array_equal(found.n, [*reported.sum(axis=0), reported.sum()])
            inside = np.isfinite(found.value)
            assert inside.all() or isinstance(score, FinalScore), name
            if isinstance(score, HistogramScore):  # whole counts have no interval, see `tasks.evaluation.histograms`
                assert np.isnan([found.low, found.high]).all()
                continue
            assert (found.low[inside] <= found.value[inside]).all()
            assert (found.high[inside] >= found.value[inside]).all()


def test_scores_of_two_countries_lie_between_theirs(invented: Invented) -> None:
    windows, forecast, reference = of_the_test_years(invented)
    half = windows.place < len(windows.places) // 2
    for score in invented.task.scores.values():
        if isinstance(
            score, HistogramScore
        ):  # ranks: two countries together also compare places of one with places of the other
            continue
        parts: list[Sums] = [
            score.sums(evaluated(windows.take(rows), forecast[rows], reference[rows])) for rows in (half, ~half)
        ]
        one, two = (score.estimate(part).value for part in parts)
        both = score.estimate(merge(parts)).value
        inside = np.isfinite(one) & np.isfinite(two)
        assert (both[inside] >= np.minimum(one, two)[inside] - 1e-9).all()
        assert (both[inside] <= np.maximum(one, two)[inside] + 1e-9).all()


def test_what_was_not_reported_is_not_scored(invented: Invented) -> None:
    windows, forecast, reference = of_the_test_years(invented)
    gone = np.random.default_rng(1).random(windows.observed.shape) < 0.3
    absurd = np.where(gone[..., None], 0.999, forecast)
    masked = replace(dense(windows), observed=np.where(gone, np.nan, windows.observed))
    for score in invented.task.scores.values():
        expected = score.estimate(score.sums(evaluated(masked, forecast, reference)))
        found = score.estimate(score.sums(evaluated(masked, absurd, reference)))
        np.testing.assert_array_equal(found.value, expected.value)


def test_nothing_beats_the_oracle_of_an_invented_country(invented: Invented) -> None:
    windows, headline = invented.windows, next(iter(invented.task.scores.values()))
    oracle = invented.task.oracle(invented.folder, windows, invented.settings)
    assert oracle is not None
    reference = invented.task.baselines[invented.task.reference](invented.panel, windows, invented.settings)

    def value(forecast: Array) -> float:
        score = headline.estimate(headline.sums(evaluated(windows, forecast, reference))).value[-1]
        return float(score if headline.better == "smaller" else -score)

    for baseline in invented.task.baselines.values():
        assert value(oracle) < value(baseline(invented.panel, windows, invented.settings))


def test_real_records_have_no_oracle(invented: Invented, tmp_path: Path) -> None:
    (tmp_path / invented.task.file).write_bytes((invented.folder / invented.task.file).read_bytes())
    assert invented.task.oracle(tmp_path, invented.windows, invented.settings) is None
