"""The final model as an MLflow model: arrays and settings without pickle, so that loading it runs no foreign code."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.tracking.store import Store, tagged

WEIGHTS, RECIPE, EXAMPLE, OUTPUT = "weights.npz", "recipe.json", "example.npz", "output.npy"
DIGEST = "gotong.weights"
NAME = "forecaster"


def write(
    folder: Path,
    weights: Mapping[str, NDArray[Any]],
    *,
    task: str,
    settings: Mapping[str, Any],
    seed: int = 0,
    example: Mapping[str, NDArray[Any]],
    output: NDArray[Any],
) -> Path:
    """Everything `log` needs, as plain files; returns the folder. Raises OSError, ValueError for arrays of objects."""
    temp_path = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temp_path, ignore_errors=True)
    temp_path.mkdir(parents=True)
    _savez(temp_path / WEIGHTS, weights)
    _savez(temp_path / EXAMPLE, example)
    np.save(temp_path / OUTPUT, output, allow_pickle=False)
    (temp_path / RECIPE).write_text(json.dumps({"task": task, "settings": dict(settings), "seed": seed}, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    return temp_path.rename(folder)


def log(store: Store, own: Mapping[str, str], run: str, folder: Path) -> str:
    """Log the model that `write` left, unless MLflow has it; its MLflow id. Raises what MLflow raises.

    own: the tags that identify this run. run: its MLflow id.
    """
    from mlflow.entities import LoggedModelOutput

    client = store.client
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    tags = {**own, DIGEST: digest}
    logged = client.search_logged_models([store.experiment], filter_string=tagged(tags))
    one = logged[0] if logged else client.create_logged_model(store.experiment, NAME, source_run_id=run, tags=tags)
    if one.status != "READY":
        with tempfile.TemporaryDirectory() as scratch:
            save(folder, Path(scratch) / "model", model_id=one.model_id, run=run)
            client.log_model_artifacts(one.model_id, str(Path(scratch) / "model"))
        client.finalize_logged_model(one.model_id, "READY")
    outputs = client.get_run(run).outputs
    if one.model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
        client.log_outputs(run, [LoggedModelOutput(one.model_id, 0)])
    return str(one.model_id)


def prepare() -> None:
    """What MLflow does before the first model that a process saves, such as listing what is installed: 0.5 s of CPU."""
    with tempfile.TemporaryDirectory() as scratch:
        example = {"input": np.zeros((1, 1), np.float32)}
        folder = write(
            Path(scratch) / "model", example, task="", settings={}, example=example, output=np.zeros((1, 1, 1))
        )
        save(folder, Path(scratch) / "saved")


def save(folder: Path, path: Path, *, model_id: str | None = None, run: str | None = None) -> None:
    """The model that `write` left as an MLflow pyfunc folder with signature and input example.

    The network is not built here, and torch not imported: `forecaster` does both where the model is loaded.
    """
    from mlflow import pyfunc
    from mlflow.models import Model, infer_signature

    with np.load(folder / EXAMPLE, allow_pickle=False) as file:
        example = dict(file)
    output = np.load(folder / OUTPUT, allow_pickle=False)
    pyfunc.save_model(
        path,
        loader_module="federation.tracking.forecaster",
        data_path=str(folder),
        signature=infer_signature(example, output),
        input_example=example,
        # Named here, because MLflow would find them by loading the model in another process, for six seconds.
        pip_requirements=["gotong", f"numpy=={np.__version__}", f"torch=={version('torch').split('+')[0]}"],
        mlflow_model=Model(artifact_path=NAME, run_id=run, model_id=model_id),
    )


def _savez(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    if any(np.asarray(array).dtype.hasobject for array in arrays.values()):
        raise ValueError("a model holds numbers only, not objects")
    np.savez(path, **dict(arrays))  # type: ignore[arg-type]  # numpy types its keywords as if each were a flag
