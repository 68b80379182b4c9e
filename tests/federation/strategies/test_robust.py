"""Rules that withstand hostile countries, on updates whose right answer is known without them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import trim_mean

from federation.coordinator import rounds
from federation.errors import ConfigError
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES, WITHSTANDING
from federation.strategies.geometric_median import geometric_median
from federation.strategies.krum import chosen
from federation.strategies.neighbour_mixing import mixed
from federation.strategies.strategy import Part
from federation.training import sequential
from federation.training.jobs import steps_in
from tests.federation.coordinator.attacks import Attack, HostileGrid, attacks, flipped, forged_scores
from tests.federation.federations import FOUR, GRADIENT, Ran, Watching, ready, settings_of
from tests.federation.strategies.test_contract import away
from tests.federation.vault.requesting import plan_of
from tests.whole import IN_FULL

pytestmark = pytest.mark.usefixtures("toy")
Array = NDArray[Any]
NAMES = [strategy.name for strategy in WITHSTANDING]
EVERY = pytest.mark.parametrize("name", NAMES)
DRAWN = np.random.default_rng(5)
COHORT = np.ones(12) + DRAWN.normal(0, 0.4, (8, 12))  # eight that want about the same


def parts_of(changes: Array, weights: Sequence[float] | None = None) -> list[Part]:
    """Rows as updates of two arrays."""
    return [
        Part(
            weight=weight,
            change={"b": row[8:].astype(np.float32), "a": row[:8].reshape(2, 4).astype(np.float32)},
            examples=10,
            steps=1,
        )
        for row, weight in zip(changes, weights or [1.0] * len(changes), strict=True)
    ]


def result(name: str, changes: Array, weights: Sequence[float] | None = None, **chosen: Any) -> Array:
    """What the model moves by."""
    strategy = STRATEGIES[name]
    plan = replace(plan_of(), strategy=strategy.settings(**chosen))
    parts = strategy.adjust(parts_of(changes, weights), plan, 1)
    total = sum(part.weight for part in parts)
    rows = [np.concatenate([part.change["a"].ravel(), part.change["b"]]) * part.weight / total for part in parts]
    return np.asarray(np.sum(rows, axis=0))


def close(one: Array, other: Array, atol: float = 1e-5) -> bool:
    return bool(np.allclose(one, other, atol=atol))


@EVERY
def test_identical_updates_are_that_update(name: str) -> None:
    for countries in (1, 2, 4, 8, 11):
        assert close(result(name, np.tile(COHORT[0], (countries, 1))), COHORT[0])


@EVERY
def test_the_order_of_countries_changes_nothing(name: str) -> None:
    expected = result(name, COHORT[:5])
    assert all(close(result(name, COHORT[list(order)]), expected) for order in list(permutations(range(5)))[::7])


@EVERY
@pytest.mark.parametrize("factor", [-1.0, -9.0, 9.0, 1e6])
def test_one_of_eight_hardly_moves_it(name: str, factor: float) -> None:
    clean = result(name, COHORT)
    attacked = result(name, np.vstack([COHORT[:7], factor * COHORT[7:]]))
    plain = result("fedavg", np.vstack([COHORT[:7], factor * COHORT[7:]]))
    moved = float(np.linalg.norm(attacked - clean))
    assert moved < 0.3 * np.linalg.norm(clean)
    assert moved < 0.8 * np.linalg.norm(plain - result("fedavg", COHORT))


@given(countries=st.integers(1, 11), seed=st.integers(0, 99))
def test_the_median_and_the_trimmed_mean_are_those_of_every_coordinate(countries: int, seed: int) -> None:
    changes = np.random.default_rng(seed).standard_normal((countries, 12))
    ordered = np.sort(changes, axis=0)
    middle = ordered[countries // 2] if countries % 2 else ordered[countries // 2 - 1 : countries // 2 + 1].mean(axis=0)
    assert close(result("median", changes), middle)
    assert close(result("trimmed_mean", changes), trim_mean(changes, 0.25))
    assert close(result("trimmed_mean", changes, hostile_share=0.0), changes.mean(axis=0))


def krum_by_hand(changes: Array, hostile: int) -> int:
    """The place whose n - f - 2 nearest others are nearest, one distance at a time."""
    sums = []
    for one in range(len(changes)):
        squares = [float(((changes[one] - changes[other]) ** 2).sum()) for other in range(len(changes)) if other != one]
        sums.append(sum(sorted(squares)[: len(changes) - hostile - 2]))
    return int(np.argmin(sums))


@given(seed=st.integers(0, 99))
def test_krum_takes_from_the_cluster(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    far = drawn.normal(0, 1, (2, 12)) * 20
    changes = np.vstack([far[:1], COHORT[:6], far[1:]])
    plan = replace(plan_of(), strategy=STRATEGIES["krum"].settings())
    assert set(chosen(parts_of(changes), plan)) == {1, 2, 3, 4, 5, 6}
    assert close(result("krum", changes), COHORT[:6].mean(axis=0))
    assert close(result("krum", changes, selected=1), changes[krum_by_hand(changes, 2)])


@pytest.mark.parametrize("weights", [[1.0] * 8, [1.0, 2.0, 3.0, 1.0, 1.0, 2.0, 0.5, 1.0]])
def test_the_geometric_median_has_the_smallest_sum_of_distances(weights: list[float]) -> None:
    changes = np.vstack([COHORT[:6], -5 * COHORT[6:]])
    sum_of_distances = lambda point: float(np.array(weights) @ np.linalg.norm(changes - point, axis=1))  # noqa: E731
    best = minimize(sum_of_distances, changes.mean(axis=0), method="BFGS", options={"gtol": 1e-9}).x
    assert np.allclose(geometric_median(changes, np.array(weights)), best, atol=1e-4)
    assert close(result("geometric_median", changes, weights), best, atol=1e-4)


def test_of_five_points_on_a_line_the_geometric_median_is_the_middle_one() -> None:
    line = np.array([[0.0], [1.0], [2.0], [10.0], [99.0]])
    assert geometric_median(line, np.ones(5)) == pytest.approx([2.0], abs=1e-3)


def test_mixing_takes_the_nearest() -> None:
    line = np.array([[0.0], [1.0], [3.0], [100.0]])
    assert mixed(line, 1).ravel() == pytest.approx([4 / 3, 4 / 3, 4 / 3, 104 / 3])


def test_centred_clipping_stays_where_most_are() -> None:
    attacked = np.vstack([COHORT[:6], 1e6 * np.ones((2, 12))])
    honest = COHORT[:6].mean(axis=0)
    spread = float(np.median(np.linalg.norm(COHORT[:6] - honest, axis=1)))
    assert np.linalg.norm(result("centred_clipping", attacked) - honest) < 3 * spread


def test_the_direction_is_the_mean_of_those_that_agree_and_the_length_an_honest_one() -> None:
    changes = np.vstack([COHORT[:6], -9 * COHORT[6:7], 9 * COHORT[7:]])  # one flipped, one that exaggerates
    lengths = np.linalg.norm(changes, axis=1)
    longest = 1.5 * float(np.median(lengths))
    kept = [row * min(1, longest / np.linalg.norm(row)) for place, row in enumerate(changes) if place != 6]
    direction = np.mean(kept, axis=0) / np.linalg.norm(np.mean(kept, axis=0))
    projections = sorted((float(row @ direction) for row in kept), reverse=True)
    step = result("robust_direction", changes)
    assert close(step, projections[2] * direction)
    assert np.linalg.norm(step) <= np.linalg.norm(COHORT[:6], axis=1).max()
    weighted = result("robust_direction", changes, [1.0] * 7 + [2.0])
    assert not close(weighted, step, atol=1e-3)


def test_where_nobody_can_be_outvoted_it_is_the_weighted_mean() -> None:
    weights = [1.0, 2.0, 3.0]
    expected = np.average(COHORT[:3], axis=0, weights=weights)
    assert close(result("robust_direction", COHORT[:3], weights), expected)
    assert close(result("robust_direction", COHORT, hostile_share=0.1), COHORT.mean(axis=0))


@pytest.mark.parametrize("name", ["median", "trimmed_mean", "neighbour_mixing"])
def test_weights_that_a_rule_would_not_look_at_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"strategy={name} counts every country once; set strategy.weights=equal"):
        STRATEGIES[name].settings(weights="sqrt").check()


EIGHT = (*FOUR, "BRN", "IDN", "MMR", "PHL")


def attacked(folder: Path, strategy: str, attack: Attack, hostile: Sequence[str] = ("VNM",), **rest: Any) -> Ran:
    prepared = ready(
        settings_of(folder, EIGHT, strategy=strategy, rounds=12, training=GRADIENT, arms=["federated"], **rest)
    )
    federation = prepared.run.federation
    names = {node: country for country, node in federation.nodes.items()}
    grid = HostileGrid(prepared.vaults, sequential.run, names=names, hostile=hostile, attack=attack, seed=1)
    watch = Watching()
    outcome = rounds.federate(grid, replace(federation, declared={}), prepared.run.progress, watch)
    return Ran(ready=prepared, outcome=outcome, reports=watch.reports)


def known(plan: Plan) -> dict[str, Attack]:
    return attacks(lambda examples: steps_in(plan.training, examples))


@pytest.mark.parametrize("attack", ["flip x9", "inner product", "little, signed", "claims 10^8"])
def test_the_default_of_eight_learns_under_attack_and_fedavg_less(tmp_path: Path, attack: str) -> None:
    """A seeded sample of `scripts/bench poison`, on a task whose solution is known."""
    how = known(plan_of())[attack]
    robust, plain = (away(attacked(tmp_path / name, name, how)) for name in ("robust_direction", "fedavg"))
    assert robust < 0.12
    assert robust < 0.7 * plain


def test_a_hostile_update_is_flagged_and_a_wild_claim_refused(tmp_path: Path) -> None:
    ran = attacked(tmp_path / "flip", "robust_direction", Attack(update=flipped(9)))
    flags = [{summary.country: summary.flags for summary in report.summaries} for report in ran.reports]
    assert all("points away from the others" in round_["VNM"][0] for round_ in flags[:4])
    wild = attacked(tmp_path / "claim", "robust_direction", known(plan_of())["claims 10^12"])
    for report in wild.reports:
        refused = {summary.country: summary.refused for summary in report.summaries if summary.refused}
        assert list(refused) == ["VNM"]
        assert "claims 1,000,000,000,000 examples" in str(refused["VNM"])


@pytest.mark.skipif(not IN_FULL, reason="the bench prints them: scripts/prove ends")
def test_forged_scores_move_the_liars_row_and_the_regions_and_choose_no_round(tmp_path: Path) -> None:
    honest, lying = (
        attacked(tmp_path / name, "robust_direction", attack, keep_best=2)
        for name, attack in (("honest", Attack()), ("lying", Attack(claims=forged_scores)))
    )
    assert all(value.tobytes() == lying.weights[name].tobytes() for name, value in honest.weights.items())
    chosen_rounds = [[candidate.round for candidate in ran.outcome.progress.best] for ran in (honest, lying)]
    assert chosen_rounds[0] == chosen_rounds[1]
    others = [[row for row in ran.outcome.rows if row.country not in ("VNM", "ASEAN")] for ran in (honest, lying)]
    assert others[0] == others[1]
    assert honest.outcome.alarms == ()
    assert any("its row rests on what VNM claims" in alarm for alarm in lying.outcome.alarms)
