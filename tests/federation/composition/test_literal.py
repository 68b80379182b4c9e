"""A path or name is what was typed, whatever characters it has; what has a meaning in Hydra keeps it elsewhere."""

from pathlib import Path

import pytest

from federation.composition.compose import jobs, settings_of
from federation.composition.literal import literal
from federation.errors import ConfigError
from federation.settings.schema import Settings
from federation.verbs.compare import CompareSettings

TYPED = [
    "ไทย",
    "Bình Dương",
    "a,b",
    "a=b",
    "it's",
    "x(1)",
    "a&b",
    "a#b",
    "a?b%20",
    "[a]",
    "{a: b}",
    "2026_11",
    "007",
    "back\\",
    "a:b c",
]


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("key", ["out", "data", "name"])
def test_text_is_what_was_typed(key: str, typed: str) -> None:
    assert getattr(settings_of([f"{key}={typed}"]), key) == typed


def test_names_in_a_list_are_what_was_typed() -> None:
    words = ["names=[2026_11,1e5, 007,spring,ภูเก็ต]", "names=['2026_11']", "names=[]"]
    names = [job.settings.names for word in words for job in jobs("compare", [word], CompareSettings)]
    assert names == [["2026_11", "1e5", "007", "spring", "ภูเก็ต"], ["2026_11"], []]


def test_numbers_lists_sweeps_and_nothing_keep_their_meaning() -> None:
    words = ["rounds=2", "arms=[federated]", "out=null", "data='a b'", "region.countries=[THA,VNM]"]
    assert literal(words, Settings) == words
    for words in (["-m", "name=a,b"], ["rounds=2", "-m", "name=a,b"], ["name=a,b", "rounds=2", "--multirun"]):
        assert [job.settings.name for job in jobs("simulate", words, Settings)] == ["a", "b"]


def test_a_recipe_in_a_folder_of_ones_own_is_found(tmp_path: Path) -> None:
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "own.yaml").write_text("# @package _global_\nrounds: 3\n")
    (job,) = jobs("simulate", ["recipe=own", f"hydra.searchpath=[file://{tmp_path}]"], Settings)
    assert job.settings.rounds == 3
    with pytest.raises(ConfigError, match="there is no recipe=owm; did you mean own"):
        jobs("simulate", ["recipe=owm", f"hydra.searchpath=[file://{tmp_path}]"], Settings)
