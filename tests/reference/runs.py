"""Small runs of every task whose weights and tables are kept, so that a change of either is seen and meant.

`python -m tests.reference.runs` writes them anew; do that only for a change of the arithmetic, and say so.
"""

import hashlib
import json
import math
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from federation.cli import main
from federation.coordinator.checkpoint import load_model

HERE = Path(__file__).parent
WEIGHTS, TABLES = HERE / "weights.npz", HERE / "tables.json"
ARMS = "arms=[federated,local,personalised,local_adapted,local_pair,adapted]"
INT8 = "transport=int8"
RUNS = {
    "health": f"task=health strategy=fedadam region.countries=[BRN,KHM,LAO,SGP,TLS] rounds=3 {ARMS}",
    "disaster": "task=disaster strategy=scaffold training=sgd region.countries=[BRN,KHM,SGP,TLS] rounds=2",
    "agriculture": f"task=agriculture strategy=fedavg region.countries=[KHM,LAO,THA,VNM] rounds=3 {ARMS} {INT8}",
}
KEPT = "task.hidden=[8] strategy.largest_share=null tracking=none"  # made before weights were bounded
FIELDS = ("country", "arm", "score", "horizon", "value", "low", "high", "n")
Array = NDArray[Any]


def simulate(name: str, runs: Path) -> Path:
    """The folder of this run, done now."""
    main(["simulate", *RUNS[name].split(), *KEPT.split(), f"runs={runs}", f"name={name}"])
    return runs / name


def weights(folder: Path) -> dict[str, Array]:
    """The final model of a run."""
    return {name: np.asarray(value) for name, value in load_model(folder).items()}


def table(folder: Path) -> list[list[Any]]:
    """The rows of a run by country, arm, score and horizon, whatever its parts are called."""
    rows = json.loads((folder / "results.json").read_text())
    return sorted(([row[field] for field in FIELDS] for row in rows), key=str)


def kept(folder: Path) -> list[list[Any]]:
    """The region's rows over all horizons: enough to see what moved where the digest is another."""
    return [row for row in table(folder) if (row[0], row[3]) == ("ASEAN", "all")]


def digest(folder: Path) -> str:
    """SHA-256 of weights and rows."""
    sha = hashlib.sha256()
    for name, value in sorted(weights(folder).items()):
        sha.update(name.encode() + value.tobytes())
    sha.update(json.dumps(table(folder)).encode())
    return sha.hexdigest()


def machine() -> str:
    """What the last bits depend on: sums are added in another order on another processor or by another torch."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{cpu}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}, numpy {np.__version__}"


def write() -> None:
    """Do all runs and keep what came of them."""
    arrays: dict[str, Array] = {}
    tables: dict[str, Any] = {"machine": machine(), "digests": {}, "tables": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for name in RUNS:
            folder = simulate(name, Path(scratch))
            arrays |= {f"{name}/{key}": value for key, value in weights(folder).items()}
            tables["digests"][name] = digest(folder)
            tables["tables"][name] = kept(folder)
    np.savez_compressed(WEIGHTS, **arrays)  # type: ignore[arg-type]  # numpy types its keywords as if each were a flag
    TABLES.write_text(json.dumps(tables).replace("[[", "[\n[").replace("], [", "],\n[") + "\n")


def same(one: Any, other: Any) -> bool:
    """Whether two values of a table are the same but for rounding."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-5)
    return bool(one == other)


if __name__ == "__main__":
    write()
