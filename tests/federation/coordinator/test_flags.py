"""What is said of updates that count, and of a region's row that one country decides."""

from typing import Any

import numpy as np
import pytest

from federation.coordinator.checks import Update
from federation.coordinator.evaluation import rests_on_one
from federation.coordinator.flags import looked_at
from federation.settings.plan import Plan
from tests.federation.coordinator.test_aggregation import update
from tests.federation.vault.requesting import plan_of

pytestmark = pytest.mark.usefixtures("toy")
NAMES = [f"AA{letter}" for letter in "ABCDEFG"]


def honest(seed: int = 0) -> list[Update]:
    """Seven that want about the same."""
    drawn = np.random.default_rng(seed)
    return [moved(name, np.ones(18) + drawn.normal(0, 0.3, 18)) for name in NAMES]


def moved(country: str, change: Any, examples: int = 10) -> Update:
    return Update(
        country=country,
        examples=examples,
        steps=1,
        loss=None,
        change={"w": np.asarray(change, np.float32)},
        shared={},
        scores={},
        fingerprint="",
        suppressed=(),
    )


def said(updates: list[Update], plan: Plan) -> dict[str, tuple[str, ...]]:
    return {country: flags for country, (_, flags) in looked_at(updates, plan).items() if flags}


def test_nothing_is_said_of_countries_that_agree() -> None:
    for strategy in ("fedavg", "robust_direction", "median"):
        assert said(honest(), plan_of(strategy)) == {}
    assert all(cosine is not None and cosine > 0.9 for cosine, _ in looked_at(honest(), plan_of()).values())


def test_a_flipped_update_is_named_under_every_strategy() -> None:
    flipped = [*honest(), moved("VNM", -9 * np.ones(18))]
    assert said(flipped, plan_of()) == {"VNM": ("its update points against the centre of all",)}
    assert said(flipped, plan_of("robust_direction")) == {
        "VNM": ("its update is left out: it points away from the others",)
    }
    assert said(flipped, plan_of("krum"))["VNM"] == ("its update is left out: far from the others",)
    assert looked_at(flipped, plan_of())["VNM"][0] == pytest.approx(-1, abs=0.05)


def test_a_long_update_and_a_large_claim_are_named() -> None:
    assert said([*honest(), moved("VNM", 9 * np.ones(18))], plan_of("robust_direction")) == {
        "VNM": ("its update is cut to 1.5 times the median length",)
    }
    assert said([*honest(), moved("VNM", np.ones(18), 21)], plan_of()) == {
        "VNM": ("it counts 2 times the median weight, as it has more examples",)
    }
    assert said([*honest(), moved("VNM", np.ones(18), 20)], plan_of()) == {}


def test_of_three_and_of_facilities_nothing_is_said() -> None:
    few = [*honest()[:2], moved("VNM", -np.ones(18))]
    assert looked_at(few, plan_of()) == dict.fromkeys(("AAA", "AAB", "VNM"), (None, ()))
    assert looked_at([update("VNM-000001", 1), update("VNM-000002", 2)], plan_of()) == {}
    assert looked_at([], plan_of()) == {}


def scores(**by_country: tuple[float, float]) -> Any:
    """country -> (mean, count) of the headline in the test."""
    return {
        country: {
            ("test", "federated", "mse"): {
                "sum": np.full(3, mean * count),
                "count": np.full(3, count),
                "variance": np.ones(3),
            }
        }
        for country, (mean, count) in by_country.items()
    }


def test_a_regions_row_that_one_country_decides_is_flagged() -> None:
    plan, fair = plan_of(), {"KHM": (0.2, 90.0), "LAO": (0.3, 80.0), "THA": (0.25, 300.0)}
    assert rests_on_one(scores(**fair, VNM=(0.2, 200.0)), plan) is None
    assert rests_on_one(scores(**fair, VNM=(0.01, 1e8)), plan) == (
        "its row rests on what VNM claims: without it, mse is 0.249 instead of 0.010"
    )
    for forged in ((-3.0, 300.0), (1e300, 1e8)):  # below what any loss is, and beyond what can be shown
        assert "its row rests on what VNM claims" in str(rests_on_one(scores(**fair, VNM=forged), plan))
    assert rests_on_one(scores(**fair), plan) is None  # of three, one may well decide
    assert rests_on_one({}, plan) is None
