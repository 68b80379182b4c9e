"""A coordinator that asks for records: weights under which an update holds single records, and how it reads them.

Every unit of a wide layer looks along one direction and is active above a threshold of its own; all hand the same
gradient back. The gradients of two neighbours then differ by the records that lie between their thresholds, and where
that is one record, the quotient of weights' and bias's difference is its features.
Source: Fowl et al. (2022), https://arxiv.org/abs/2110.13057
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import FedAvgSettings
from federation.vault.vault import Vault
from tasks.health.settings import HealthSettings
from tests.federation.vault.requesting import reply_frame, request_bytes

Model = dict[str, NDArray[Any]]
UNITS = 2000
GRADIENT = TrainingSettings(
    optimizer="sgd", lr=10.0, schedule="constant", epochs=1, batch_size=1_000_000, clip_gradient=None
)


@dataclass(frozen=True, kw_only=True)
class Trap:
    """sharpness: of the units' thresholds; echo: gradient that a unit hands back, as a weight of the head.

    height: of the forecast, above all that happened, so that every error hands the same gradient back.
    """

    sharpness: float = 3000.0
    echo: float = 10.0
    height: float = 100.0

    def model(self, first: Mapping[str, NDArray[Any]], layer: str = "layers.0") -> Model:
        """The first weights with the trap in place of a layer, of shape (units, features), and of the head."""
        units, features = first[f"{layer}.weight"].shape
        direction = np.random.default_rng(7).normal(size=features) / np.sqrt(features)
        cuts = np.array([NormalDist(0, 1.2).inv_cdf((unit + 0.5) / units) for unit in range(units)])
        model = {name: value.copy() for name, value in first.items()}
        model[f"{layer}.weight"][:] = self.sharpness * direction
        model[f"{layer}.bias"][:] = -self.sharpness * cuts
        model["head.weight"][:] = 0
        model["head.weight"][0, :] = self.echo
        model["head.bias"][0] = self.height
        return model


def walked(first: Mapping[str, NDArray[Any]], before: Mapping[str, NDArray[Any]], step: float, reach: float) -> Model:
    """The next model on the way to a trap as sharp as weights within `reach` make it, no weight moved over a step."""
    goal = Trap(sharpness=reach / 4, echo=min(10.0, reach), height=min(100.0, reach)).model(first)  # cuts reach to 4
    return {
        name: (value + np.clip(goal[name] - value, -0.999 * step, 0.999 * step)).astype(np.float32)
        for name, value in before.items()
    }


def trap_plan(**changes: Any) -> Plan:
    """One round on one full batch of plain gradient descent, through a wide layer without dropout."""
    task = HealthSettings(hidden=[UNITS], dropout=0.0)
    values: dict[str, Any] = {"task": task, "training": GRADIENT, "rounds": 30, "keep_best": 0} | changes
    return Plan(strategy=FedAvgSettings(), **values)


def ask(vault: Vault, plan: Plan, model: Model, round_: int = 1, last: int = 0) -> dict[str, NDArray[Any]]:
    """The update that the vault releases; nothing where it refuses."""
    arrays = {f"model/{name}": value for name, value in model.items()}
    reply = reply_frame(vault, request_bytes("train", round_, plan, arrays=arrays, last_aggregated=last))
    return reply.group("update")


def read_records(update: Mapping[str, NDArray[Any]], layer: str = "layers.0") -> NDArray[Any]:
    """(M, F) feature vectors that the differences of neighbouring units, and single units, give; empty of no update."""
    if not update:
        return np.empty((0, 0))
    weight, bias = (update[f"{layer}.{name}"].astype(np.float64) for name in ("weight", "bias"))
    rows = [(np.diff(weight, axis=0), np.diff(bias)), (weight, bias)]
    with np.errstate(divide="ignore", invalid="ignore"):
        vectors = np.concatenate([change / by[:, None] for change, by in rows])
    whole: NDArray[Any] = vectors[np.isfinite(vectors).all(axis=1)]
    return whole


def recovered(vectors: NDArray[Any], records: NDArray[Any], tolerance: float = 1e-2) -> int:
    """How many records some vector holds, every feature to within a hundredth of a standard deviation."""
    if not len(vectors):
        return 0
    vectors = vectors[np.abs(vectors).max(axis=1) < 1e3]
    return sum(bool((np.abs(vectors - record).max(axis=1) < tolerance).any()) for record in records)


def training_records(vault: Vault, plan: Plan) -> NDArray[Any]:
    """(N, F) features that the vault trains on."""
    windows = vault.records(plan).windows["train"]
    inputs, _ = windows.batch(np.arange(len(windows)))
    features: NDArray[Any] = np.asarray(inputs["features"], np.float64)
    return features


def without(plan: Plan, **training: Any) -> Plan:
    """The plan with other training."""
    return replace(plan, training=replace(plan.training, **training))
