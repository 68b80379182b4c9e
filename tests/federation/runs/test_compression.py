"""A federation whose weights travel as fewer bytes: near the one of float32, the same after a stop, tested as it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator import checkpoint
from federation.runs import simulation
from tests.federation.federations import GRADIENT, Ran, StoppedError, Watching, every_strategy, ready, run, settings_of
from tests.whole import IN_FULL

pytestmark = pytest.mark.usefixtures("toy")
PLAIN = replace(GRADIENT, batch_size=50, epochs=2, lr=0.05)


def _ran(folder: Path, strategy: str, transport: str, stop: tuple[str, int] | None = None, keep: int = 2) -> Ran:
    settings = settings_of(folder, strategy=strategy, training=PLAIN, rounds=6, keep_best=keep, transport=transport)
    if stop is None:
        return run(ready(settings))
    with pytest.raises(StoppedError):
        run(ready(settings), Watching(stop=stop))
    return run(simulation.resume(settings.runs, Path(settings.runs) / "run"))


@pytest.mark.parametrize("strategy", every_strategy() if IN_FULL else ["fedavg", "scaffold", "fedadam"])
@pytest.mark.parametrize("transport", ["bf16", "int8"] if IN_FULL else ["int8"])  # the coarser one
def test_it_comes_near_float32_and_ends_the_same_after_a_stop(tmp_path: Path, strategy: str, transport: str) -> None:
    exact = _ran(tmp_path / "exact", strategy, "float32")
    rounded = _ran(tmp_path / "rounded", strategy, transport)
    stopped = _ran(tmp_path / "stopped", strategy, transport, ("before checkpoint", 3))
    for name, value in exact.weights.items():
        np.testing.assert_allclose(rounded.weights[name], value, atol=0.05 * np.abs(value).max())
        np.testing.assert_array_equal(rounded.weights[name], stopped.weights[name])
    assert any((rounded.weights[name] != value).any() for name, value in exact.weights.items())


def test_the_model_that_is_kept_is_the_one_that_was_tested(tmp_path: Path) -> None:
    """The last model crossed the line once: of int8, every array is whole multiples of one number."""
    model = _ran(tmp_path, "fedavg", "int8", keep=0).outcome.model
    for value in model.values():
        step = np.abs(value).max() / 127
        assert step == 0 or np.abs(value / step - np.round(value / step)).max() < 1e-3


def test_a_checkpoint_keeps_the_transport(tmp_path: Path) -> None:
    _ran(tmp_path, "fedavg", "int8")
    assert checkpoint.load(tmp_path / "runs" / "run" / "checkpoint.gotong")[1]["settings"]["transport"] == "int8"
