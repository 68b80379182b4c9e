"""Who becomes champion: refreshes go on, recipes that are no better do not pass, who is harmed keeps the old one."""

import numpy as np
import pytest

from federation.reporting.rows import PAIRED, Row
from federation.studies.champion import HARM, RECIPE, REFRESH, Compared, Decision, compared, decide, decide_sealed
from tasks.evaluation.paired_difference import Blocks, paired_interval

COUNTRIES = ("KHM", "LAO", "THA", "VNM")
BLOCKS = 8


def months(rng: np.random.Generator) -> np.ndarray:
    """(blocks,) means of six months whose neighbours are correlated by a half."""
    noise = rng.normal(0, 0.02, 6 * BLOCKS)
    for month in range(1, len(noise)):
        noise[month] = 0.5 * noise[month - 1] + np.sqrt(0.75) * noise[month]
    return np.asarray(noise.reshape(BLOCKS, 6).mean(axis=1))


def of_blocks(place: str, differences: np.ndarray) -> Compared:
    """As a vault reports it. differences: (blocks,) of candidate less champion."""
    number = np.full((len(differences), 1), 24.0)
    blocks = Blocks(labels=np.arange(len(differences)), above=24 * differences[:, None], below=number, count=number)
    row = {name: float(value[-1]) for name, value in paired_interval(blocks, fewest=2).items()}
    return Compared(place=place, value=row["value"], low=row["low"], high=row["high"], n=int(row["count"]), score=0.3)


def year(rng: np.random.Generator, kind: str, effect: float = 0.0, **chosen: int) -> Decision:
    """One comparison: what all countries share in a block, and what each has of its own."""
    shared = months(rng)
    own = {each: effect + shared + months(rng) for each in COUNTRIES}
    differences = {each: of_blocks(each, values) for each, values in own.items()}
    differences["ASEAN"] = of_blocks("ASEAN", np.mean(list(own.values()), axis=0))
    return decide(differences, region="ASEAN", kind=kind, blocks=BLOCKS, **chosen)


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_years_of_equal_recipes_promote_few_of_them_and_refreshes_go_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    recipes = [year(rng, RECIPE, tried_this_year=number).promote for _ in range(100) for number in range(3)]
    assert sum(recipes) <= 5
    assert not any(recipes[2::3])  # a third one in a year
    assert sum(year(rng, REFRESH).promote for _ in range(400)) >= 370


def test_what_is_better_or_worse_for_certain_is_seen() -> None:
    rng = np.random.default_rng(1)
    assert sum(year(rng, RECIPE, -0.04).promote for _ in range(100)) > 90
    assert sum(year(rng, REFRESH, +0.03).promote for _ in range(100)) < 10


def certain(place: str, value: float) -> Compared:
    return Compared(place=place, value=value, low=value - 1e-4, high=value + 1e-4, n=100, score=0.3)


def test_a_country_keeps_its_champion_where_it_is_harmed_for_certain() -> None:
    harmed, within, unsure = certain("LAO", 2 * HARM * 0.3), certain("KHM", 0.5 * HARM * 0.3), 3 * HARM * 0.3
    doubtful = Compared(place="THA", value=unsure, low=unsure - 0.1, high=unsure + 0.1, n=100, score=0.3)
    others = {each.place: each for each in (harmed, within, doubtful)}
    decision = decide({**others, "ASEAN": certain("ASEAN", -0.01)}, region="ASEAN", kind=REFRESH, blocks=BLOCKS)
    assert (decision.promote, list(decision.keep)) == (True, ["LAO"])
    refused = decide({**others, "ASEAN": certain("ASEAN", 0.01)}, region="ASEAN", kind=REFRESH, blocks=BLOCKS)
    assert (refused.promote, list(refused.keep)) == (False, [])


def test_a_new_recipe_needs_blocks_that_its_choice_did_not_use() -> None:
    better = {"ASEAN": certain("ASEAN", -0.01)}
    assert decide(better, region="ASEAN", kind=RECIPE, blocks=8).promote
    few = decide(better, region="ASEAN", kind=RECIPE, blocks=7)
    assert not few.promote
    assert "8 blocks" in few.reason
    assert not decide({}, region="ASEAN", kind=REFRESH, blocks=8).promote


@pytest.mark.parametrize("better", ["smaller", "larger"])
def test_a_difference_is_read_from_a_table_whichever_way_its_score_points(better: str) -> None:
    def row(arm: str, value: float, part: str = "test") -> Row:
        low, high = value - 0.01, value + 0.03
        return Row(
            task="t", country="LAO", arm=arm, score="s", horizon="all", value=value, low=low, high=high, n=9, part=part
        )

    rows = [row("champion", 0.5), row("federated", 0.4)]
    paired = [row("federated-champion", -0.1, PAIRED)]
    found = compared(rows, paired, headline="s", better=better)["LAO"]  # type: ignore[arg-type]
    assert (found.value < 0) == (better == "smaller")
    assert found.low < found.value < found.high
    assert max(found.value - found.low, found.high - found.value) == pytest.approx(0.03)


def test_a_sealed_region_decides_by_its_sum_and_by_counts_of_who_is_certain() -> None:
    def promoted(value: float, better: int, worse: int, kind: str, **more: int) -> bool:
        counts = {"better": better, "worse": worse, "members": 6, "blocks": 8} | more
        return decide_sealed(certain("ASEAN", value), kind=kind, **counts).promote

    assert promoted(0.01, 0, 0, REFRESH)
    assert promoted(-0.01, 0, 1, REFRESH)
    assert not promoted(0.01, 0, 1, REFRESH)
    assert promoted(-0.01, 3, 0, RECIPE)
    for value, better, worse in ((-0.01, 2, 0), (-0.01, 4, 1), (0.01, 3, 0)):
        assert not promoted(value, better, worse, RECIPE)
    assert not promoted(-0.01, 6, 0, RECIPE, blocks=7)
    assert not promoted(-0.01, 6, 0, RECIPE, tried_this_year=2)
    rng = np.random.default_rng(3)
    passed = 0
    for _ in range(200):
        shared = months(rng)
        own = [of_blocks(each, shared + months(rng)) for each in COUNTRIES]
        value = float(np.mean([each.value for each in own]))
        better, worse = sum(each.high < 0 for each in own), sum(each.low > 0 for each in own)
        passed += promoted(value, better, worse, RECIPE, members=len(own))
    assert passed <= 5  # of equal recipes, in a hundred years


def test_where_no_vault_says_its_blocks_the_region_is_as_unsure_as_if_all_erred_together() -> None:
    parts = {"KHM": certain("KHM", 0.02), "LAO": certain("LAO", -0.01)}
    decision = decide(parts, region="ASEAN", kind=REFRESH, blocks=8)
    assert decision.region is not None
    assert decision.region.value == pytest.approx(0.005)
    assert decision.region.high - decision.region.low == pytest.approx(2e-4)
