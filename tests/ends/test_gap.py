"""On records whose best possible forecast is known, the federated model comes near it, and only through its inputs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator.state import Report
from federation.reporting.rows import ALL
from federation.runs import simulation
from federation.settings.parts import TrackingSettings
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies.fedavg import FedAvgSettings
from tasks.data import Panel, Windows
from tasks.gathered_windows import dense
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS

REGION = RegionSettings(countries=["BRN", "KHM", "IDN", "LAO", "MYS", "MMR", "PHL", "SGP", "THA", "TLS", "VNM"])


class Unwatched:
    def round(self, report: Report) -> None:
        assert report.rows, "every round is scored"

    def flush(self) -> int:
        return 0

    def commit(self) -> None:
        pass


def share_of_gap_closed(folder: Path) -> float:
    """0: no better than climatology, 1: as good as the oracle; headline score of the region over the test years."""
    settings = Settings(
        task=HealthSettings(name="health"),
        strategy=FedAvgSettings(),
        region=REGION,
        tracking=TrackingSettings(name="none"),
        arms=["federated"],
        rounds=5,
        runs=str(folder),
    )
    (folder / "run").mkdir()
    outcome = simulation.prepare(settings, folder / "run").rounds(Unwatched())
    score = {
        row.arm: row.value for row in outcome.rows if (row.country, row.score, row.horizon) == ("ASEAN", "log_wis", ALL)
    }
    return (score["climatology"] - score["federated"]) / (score["climatology"] - score["oracle"])


@pytest.mark.long
def test_the_federated_model_closes_most_of_the_gap_to_the_oracle(tmp_path: Path) -> None:
    assert share_of_gap_closed(tmp_path) > 0.5


@pytest.mark.long
def test_with_shuffled_inputs_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS["health"]

    def shuffled(panel: Panel, settings: HealthSettings) -> Windows:
        windows = task.windows(panel, settings)
        order = np.random.default_rng(0).permutation(len(windows))
        return replace(dense(windows), inputs={name: values[order] for name, values in windows.inputs.items()})

    monkeypatch.setitem(TASKS, "health", replace(task, windows=shuffled))
    assert share_of_gap_closed(tmp_path) < 0.5
