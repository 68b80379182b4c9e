"""The kept runs come out again: to the bit on a machine like the one they were made on, else but for rounding."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.reference.runs import RUNS, TABLES, WEIGHTS, digest, kept, machine, same, simulate, weights


@pytest.mark.parametrize("name", RUNS)
def test_a_kept_run_comes_out_again(name: str, tmp_path: Path) -> None:
    folder, known = simulate(name, tmp_path), json.loads(TABLES.read_text())
    if known["machine"] == machine():
        assert digest(folder) == known["digests"][name]
    with np.load(WEIGHTS) as file:
        before = {key.removeprefix(f"{name}/"): file[key] for key in file.files if key.startswith(f"{name}/")}
    now = weights(folder)
    assert now.keys() == before.keys()
    for key, value in before.items():
        np.testing.assert_allclose(now[key], value, rtol=0, atol=1e-4, err_msg=key)
    for row, old in zip(kept(folder), known["tables"][name], strict=True):
        assert all(map(same, row, old)), (row, old)
