"""The model of a sealed run has the same bits on machines with other instructions, and follows Flower's own steps."""

import os
import subprocess
import sys

import numpy as np
import pytest

from federation.seals.model import SharedModel, from_bytes, named, to_bytes, vector
from tests.federation.vault.requesting import plan_of

# Digest after five rounds of every strategy; whatever the machine, it is this one.
VECTORS = {
    "fedavg": "2718249bd9a3c6c6fbd7f57a70c962c0082f2469dde07dcae5c5b050e9dfae1c",
    "fedavgm": "d240c10594349ea826cb3e692d4fbdb2e42aced6129eff9243d5e08f34e20c95",
    "fedadam": "31f5c54f1e34e21f1d45a0fa5d7d6edc0b945ca26f12d03216ef1f5e2e7cffe5",
    "fedyogi": "cdeccf35451088c815ea6b4895a6524d389760046198976861b6f59ade4bf307",
}
SCRIPT = "from tests.federation.seals.test_model import VECTORS, digest_of; print(*map(digest_of, VECTORS))"


def digest_of(strategy: str) -> str:
    """Of a model after five rounds of updates that are whole numbers of units, as sums are."""
    plan = plan_of(strategy, rounds=5)
    units = np.random.default_rng(1).integers(-1000, 1000, (5, 300))
    weights = {
        "a": (units[0, :200].reshape(20, 10) / 4096).astype(np.float32),
        "b": (units[0, 200:] / 4096).astype(np.float32),
    }
    model = SharedModel(round=0, weights=weights)
    for row in units:
        model = model.stepped(row / 3 / 1024, plan)
    return model.digest.hex()


@pytest.mark.long
@pytest.mark.parametrize("disabled", ["", "AVX2 FMA3 AVX512F AVX512_SKX"])
def test_steps_have_the_same_bits_with_other_instructions(disabled: str) -> None:
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(VECTORS.values())


def test_a_model_is_kept_as_it_is() -> None:
    plan = plan_of("fedadam", rounds=5)
    model = SharedModel(round=0, weights={"a": np.ones((2, 3), np.float32), "b": np.zeros(4, np.float32)})
    model = model.stepped(np.linspace(-1, 1, 10), plan)
    assert from_bytes(to_bytes(model)).digest == model.digest
    assert np.array_equal(vector(named(vector(model.weights), model.weights)), vector(model.weights))
    assert model.digest != model.stepped(np.zeros(10), plan).digest
