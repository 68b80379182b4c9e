"""How long the mean update is against a country's own in honest runs, of what its vault follows."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from federation.settings.parts import TrainingSettings
from federation.vault.sealed import rounds as sealed_rounds
from federation.vault.sealed.bounds import LONGEST_CHANGE, pace
from tasks.health.settings import HealthSettings
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.region import EIGHT, prepared, ran

ATTACK = "none: honest runs"
ELEVEN = tuple(sorted({*EIGHT, "IDN", "MMR", "THA"}))
NATIONAL = ("KHM", "LAO", "MYS", "PHL", "SGP", "THA", "VNM")  # have dengue files that are long enough
TRAINING = {"adamw": TrainingSettings(), "sgd": TrainingSettings(optimizer="sgd", lr=0.05)}


def honest_lengths(seed: int, data: str | None = None) -> Iterator[Figure]:
    """The largest ratio of any country and round; of the national files too, if their folder is given."""
    for optimizer, training in TRAINING.items():
        for records in {None, data}:
            ratios, shares = lengths(seed, training, records)
            for what, values in (("|mean| / |own|", ratios), ("share of what a vault follows", shares)):
                measure = f"largest {what}, {optimizer}, {'synthetic' if records is None else 'national'} records"
                yield Figure(attack=ATTACK, measure=measure, under="sealed", value=max(values))


def lengths(seed: int, training: TrainingSettings, data: str | None) -> tuple[list[float], list[float]]:
    """Of every country and round: the ratio, and how much it is of the bound."""
    ratios, shares = [], []

    def check_change(run: Any, country: str, round_: int, *, own: float, change: float) -> None:  # noqa: ARG001
        ratios.append(change / own)
        shares.append(change / (LONGEST_CHANGE * pace(run, country) * own))

    countries = ELEVEN if data is None else NATIONAL
    with TemporaryDirectory() as folder, patch.object(sealed_rounds, "check_change", check_change):
        task = HealthSettings()
        ready = prepared(Path(folder), seed, countries=countries, task=task, training=training, rounds=12, data=data)
        ran(ready)
    return ratios, shares
