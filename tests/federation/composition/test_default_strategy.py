"""Which strategy a run takes that names none, and that recipes whose results are published keep theirs."""

from pathlib import Path

import pytest

from federation.composition.compose import settings_of
from federation.composition.default_strategy import note
from federation.composition.restore import check

EIGHT = "region.countries=[IDN,KHM,LAO,MMR,MYS,PHL,THA,VNM]"
RECIPES = ("dengue", "dengue_searched", "drought", "rain", "flood", "national_yields", "cell_yields")


@pytest.mark.parametrize(
    ("words", "strategy"),
    [
        ((), "robust_direction"),
        ((EIGHT,), "robust_direction"),
        ((EIGHT, "hold_out=[LAO]"), "fedavg"),
        (("region.countries=[KHM,LAO]",), "fedavg"),
        (("region=facilities",), "fedavg"),
        (("strategy=fedavg",), "fedavg"),
        ((EIGHT, "strategy=krum"), "krum"),
        (("recipe=dengue", "strategy=median"), "median"),
    ],
)
def test_eight_countries_that_learn_take_the_robust_one(words: tuple[str, ...], strategy: str) -> None:
    settings = settings_of(words)
    assert settings.strategy.name == strategy
    check(settings)
    assert bool(note(settings)) == (strategy == "robust_direction")
    assert all("strategy=fedavg takes the plain mean" in line for line in note(settings))


def test_of_national_files_only_those_that_are_there_count(tmp_path: Path) -> None:
    for country in ("KHM", "LAO", "THA"):
        (tmp_path / country).mkdir()
        (tmp_path / country / "health.csv").touch()
    assert settings_of([f"data={tmp_path}"]).strategy.name == "fedavg"
    for country in ("BRN", "IDN", "MMR", "MYS", "PHL"):
        (tmp_path / country).mkdir()
        (tmp_path / country / "health.parquet").touch()
    assert settings_of([f"data={tmp_path}"]).strategy.name == "robust_direction"
    assert settings_of([f"data={tmp_path}", "task=disaster"]).strategy.name == "fedavg"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_keeps_the_mean_that_its_results_were_made_with(recipe: str) -> None:
    assert settings_of([f"recipe={recipe}"]).strategy.name == "fedavg"


def test_keys_of_every_strategy_are_kept() -> None:
    chosen = settings_of(["strategy.server_step=1.5", "strategy.largest_share=null", "strategy.private=['*.bias']"])
    strategy = chosen.strategy
    assert (strategy.server_step, strategy.largest_share, strategy.private) == (1.5, None, ["*.bias"])
    assert strategy.weights == "equal"  # the robust one's own
    assert settings_of(["strategy.weights=sqrt"]).strategy.weights == "sqrt"
    assert settings_of(["region.countries=[KHM,LAO]"]).strategy.weights == "examples"
