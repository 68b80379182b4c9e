"""The final model of every task, logged through a tracker and loaded back by MLflow alone."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from federation.settings.parts import TrackingSettings
from federation.tracking import model
from federation.tracking.run_info import COUNTRY, RunInfo
from federation.tracking.store import connect, search
from federation.tracking.tracker import Tracker, replay
from tasks.registry import TASKS
from tasks.task import Task

Arrays = dict[str, Any]


def trained(task: Task, folder: Path) -> tuple[Any, Arrays, Arrays, Any]:
    """Settings, weights, a synthetic example and the network's output; weights that no seed would draw."""
    settings = task.settings()
    task.synthesize(folder, "SGP", 1, settings)
    windows = task.windows(task.read(folder, "SGP", settings), settings).take(np.arange(3))
    network = task.build_model(settings, 5)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.01)
        output = network({name: torch.from_numpy(value) for name, value in windows.inputs.items()}, None).numpy()
    weights = {name: value.detach().numpy().copy() for name, value in network.named_parameters()}
    return settings, weights, dict(windows.inputs), output


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_model_comes_back_from_mlflow(
    task: Task,
    runs: Path,
    settings: TrackingSettings,
    card: RunInfo,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "data").mkdir()
    chosen, weights, example, output = trained(task, tmp_path / "data")
    tracker = Tracker(runs / "demo", TrackingSettings(name="none"), runs=runs, warn=pytest.fail)
    tracker.begin(card)
    for _ in range(2):  # a resumed run says it again
        tracker.model(weights, task=task.name, settings=asdict(chosen), example=example, output=output)
    tracker.end("FINISHED")
    replay(runs / "demo", settings, runs)
    from mlflow import pyfunc

    store = connect(settings, runs)
    [parent] = [run for run in search(store, "") if COUNTRY not in run.data.tags]
    [logged] = store.client.search_logged_models([store.experiment])
    [made] = parent.outputs.model_outputs  # type: ignore[union-attr]
    assert made.model_id == logged.model_id
    loaded = pyfunc.load_model(logged.artifact_location)
    np.testing.assert_array_equal(loaded.predict(example), output)
    assert capfd.readouterr() == ("", ""), "a run's screen belongs to the run"
    inputs = {each.name: each.type for each in loaded.metadata.get_input_schema()}
    assert inputs == {name: value.dtype for name, value in example.items()}
    [column] = loaded.metadata.get_output_schema()
    assert column.shape == (-1, *output.shape[1:])
    shown = loaded.metadata.load_input_example(logged.artifact_location)
    assert set(shown) == set(example)
    (runs / "demo" / "tracking.sent").unlink()
    replay(runs / "demo", settings, runs)
    assert len(store.client.search_logged_models([store.experiment])) == 1


@pytest.mark.parametrize("wrong", ["missing", "unknown"])
def test_weights_that_do_not_fit_are_refused(wrong: str, tmp_path: Path) -> None:
    task = next(iter(TASKS.values()))
    chosen, weights, example, output = trained(task, tmp_path)
    if wrong == "missing":
        del weights[next(iter(weights))]
    else:
        weights["another"] = np.zeros(1, np.float32)
    model.write(tmp_path / "model", weights, task=task.name, settings=asdict(chosen), example=example, output=output)
    model.save(tmp_path / "model", tmp_path / "saved")
    from mlflow import pyfunc

    with pytest.raises(Exception, match=f"weights do not fit.*{wrong}"):
        pyfunc.load_model(str(tmp_path / "saved"))


def test_objects_that_would_need_pickle_are_not_tracked(runs: Path, card: RunInfo, tmp_path: Path) -> None:
    warnings: list[str] = []
    tracker = Tracker(runs / "demo", TrackingSettings(name="none"), runs=runs, warn=warnings.append)
    tracker.begin(card)
    weights = {"w": np.array([print], dtype=object)}
    tracker.model(weights, task="health", settings={}, example={}, output=np.zeros(1))
    tracker.metrics({"loss": 1.0}, step=1)
    tracker.end("FINISHED")
    assert warnings == ["the final model is not tracked: a model holds numbers only, not objects"]
    assert '"loss"' in (runs / "demo" / "tracking.jsonl").read_text()
    assert not list(tmp_path.rglob("weights.npz"))
