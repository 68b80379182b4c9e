"""The dominance rule: no sum of errors leaves of which one term is nearly all, nor what such a sum follows from."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.errors import PolicyRefusal
from federation.policy.keys import Policy
from federation.vault.gate import Contract, Outgoing, ScoreName, release
from federation.wire.frame import decode
from tasks.data import Array
from tasks.evaluation.paired_difference import NAMES, blocks, paired_interval
from tasks.evaluation.score import LARGEST, Evaluated, Score, Sums
from tasks.evaluation.scores import mean_of, relative, skill

POLICY = Policy(country="VNM", path=Path("policy.toml"), tasks=("toy",), minimum_cohort=4, largest_term=0.8)
HEADER = {"country": "VNM", "run": "r", "round": 9, "examples": 100, "steps": 0, "loss": 0.0, "fingerprint": "f"}
NAME: ScoreName = ("test", "federated", "error")
SUMS = ("sum", "count", "variance")


def error(forecast: Array, observed: Array) -> Array:
    return np.asarray(np.abs(forecast[..., 0] - observed))


SCORES: Mapping[str, Score] = {"error": mean_of(error), "relative": relative(error), "skill": skill(error)}
ARMS = ("federated", "adapted", "local", "zero")
REFERENCE = "zero"
PAIRS = {
    ("paired", f"{arm}-{other}", "error"): (("test", arm, "error"), ("test", other, "error"))
    for arm, other in product(("federated", "adapted"), ("local", "zero"))
}
CONTRACT = Contract(
    arrays={},
    scores={("test", arm, name): score.names for arm in ARMS for name, score in SCORES.items()}
    | dict.fromkeys(PAIRS, NAMES),
    horizons=2,
    magnitudes={("test", arm, name): score.magnitudes for arm in ARMS for name, score in SCORES.items()},
    differences=PAIRS,
)


def leaving(scores: Mapping[ScoreName, Sums], policy: Policy = POLICY) -> dict[ScoreName, dict[str, Array]]:
    """Score -> its sums as they leave."""
    outgoing = Outgoing(kind="scores", header=HEADER, scores=scores, last=True)
    arrays = decode(release(outgoing, CONTRACT, policy)[0]).arrays
    assert {name.rsplit("/", 1)[1] for name in arrays} <= {name for names in CONTRACT.scores.values() for name in names}
    return {each: {name: arrays[f"score/{'/'.join(each)}/{name}"] for name in CONTRACT.scores[each]} for each in scores}


def sums(largest: tuple[float, float]) -> Sums:
    """Ten place-periods a horizon, with errors of 100 in all, and the largest of them."""
    rows = {"sum": [100.0, 100, 200], "count": [10.0, 10, 20], "variance": [9.0, 9, 9]}
    return {name: np.array(row) for name, row in (rows | {f"{LARGEST}sum": [*largest, sum(largest)]}).items()}


def evaluated(points: Array, reference: Array) -> Evaluated:
    """Forecasts of one place with these errors, (N, 2), three a half-year."""
    return Evaluated(
        forecast=points[..., None],
        reference=reference[..., None],
        observed=np.zeros_like(points),
        place=np.zeros(len(points), int),
        origin=np.datetime64("2004-01", "M") + 2 * np.arange(len(points)),
    )


def scored(points: Mapping[str, Array]) -> dict[ScoreName, Sums]:
    """Every score of every arm, and the differences. points: arm -> errors, (N, 2)."""
    cases = {arm: evaluated(points[arm], points[REFERENCE]) for arm in ARMS}
    own = {("test", arm, name): score.sums(cases[arm]) for arm in ARMS for name, score in SCORES.items()}
    return own | {
        pair: paired_interval(blocks(SCORES["error"], cases[one[1]], cases[other[1]]))
        for pair, (one, other) in PAIRS.items()
    }


@pytest.mark.parametrize(
    ("largest", "counts"),
    [((80, 80), [10, 10, 20]), ((80.01, 10), [0, 10, 0]), ((10, 80.01), [10, 0, 0]), ((100, 100), [0, 0, 0])],
)
def test_a_dominated_row_stays_and_so_does_the_one_of_all(largest: tuple[float, float], counts: list[float]) -> None:
    left = leaving({NAME: sums(largest)})[NAME]
    assert left["count"].tolist() == counts
    assert all((values[left["count"] == 0] == 0).all() for values in left.values())


def test_without_the_rule_a_single_term_may_leave() -> None:
    assert leaving({NAME: sums((100, 100))}, replace(POLICY, largest_term=1.0))[NAME]["sum"].tolist() == [100, 100, 200]


def test_sums_without_their_largest_term_are_refused() -> None:
    known = dict(sums((10, 10)))
    without = {name: known[name] for name in SUMS}
    for wrong in (without, without | {f"{LARGEST}sum": np.full(3, np.nan)}, known | {f"{LARGEST}count": np.zeros(3)}):
        with pytest.raises(PolicyRefusal, match="may not leave"):
            leaving({NAME: wrong})


def test_a_difference_stays_where_one_of_its_arms_does() -> None:
    points = {arm: np.ones((12, 2)) for arm in ARMS}
    points["local"] = np.full((12, 2), [2.0, 0.0])
    points["local"][3, 1] = 50
    left = leaving(scored(points))
    assert left["test", "local", "error"]["count"].tolist() == [12, 0, 0]
    assert left["test", "federated", "error"]["count"].tolist() == [12, 12, 24]
    assert left["paired", "federated-local", "error"]["value"].tolist() == [-1, 0, 0]
    assert left["paired", "federated-local", "error"]["count"].tolist() == [12, 0, 0]
    assert left["paired", "federated-zero", "error"]["count"].tolist() == [12, 12, 24]


def test_a_difference_without_its_arms_is_refused() -> None:
    scores = scored({arm: np.ones((12, 2)) for arm in ARMS})
    with pytest.raises(PolicyRefusal, match="without test/federated/error"):
        leaving({name: each for name, each in scores.items() if name[0] == "paired"})


def test_a_ratio_to_the_reference_stays_where_either_is_dominated() -> None:
    """In one place it is one mean over the other, of which a table has one."""
    points = {arm: np.ones((12, 2)) for arm in ARMS}
    points["local"][3, 1] = 50
    left = leaving(scored(points))
    assert left["test", "local", "relative"]["count"].tolist() == [12, 0, 0]
    assert left["test", "federated", "relative"]["count"].tolist() == [12, 12, 24]
    points["zero"][3, 1] = 50
    left = leaving(scored(points))
    for name in ("relative", "skill"):
        assert left["test", "federated", name]["count"].tolist() == [12, 0, 0]


ERRORS = hnp.arrays(
    np.float64,
    (9, 2),
    elements=st.sampled_from([0.0, 0.001, 0.01, 1.0, 2.0, 5.0, 100.0]),  # some dominate
)


@given(
    points=st.fixed_dictionaries(dict.fromkeys(ARMS, ERRORS)),
    share=st.sampled_from([0.5, 0.8, 1.0]),
)
def test_no_dominated_sum_leaves_or_follows_from_what_does(points: dict[str, Array], share: float) -> None:
    """Unknown are the sums by arm and horizon; every number that leaves and is linear in them is an equation."""
    left = leaving(scored(points), replace(POLICY, largest_term=share))
    at = {(arm, horizon): index for index, (arm, horizon) in enumerate(product(ARMS, range(2)))}

    def equation(weights: Mapping[str, float], row: int) -> Array:
        """Of one row of the arms' sums, the last one of all horizons."""
        terms = np.zeros(len(at))
        for arm, horizon in product(weights, range(2) if row == 2 else [row]):
            terms[at[arm, horizon]] = weights[arm]
        return terms

    equations = [np.zeros(len(at))]
    for (part, arm, name), values in left.items():
        weights: list[dict[str, float]] = [{arm: 1.0}]
        if part == "paired":
            one, other = arm.split("-")
            weights = [{one: 1.0, other: -1.0}]
        elif name == "skill":
            weights.append({REFERENCE: 1.0})
        elif name == "relative":  # of one place: a mean over the reference's, which gives one for the other
            weights = [{arm: 1.0, REFERENCE: -1.0}] if arm != REFERENCE else []
        equations += [equation(each, int(row)) for row in np.flatnonzero(values["count"]) for each in weights]
    known = np.linalg.matrix_rank(np.array(equations))
    for arm, horizon in at:
        errors = points[arm][:, horizon]
        if errors.max() > share * errors.sum():
            for secret in (equation({arm: 1.0}, horizon), equation({arm: 1.0}, 2)):
                assert np.linalg.matrix_rank(np.array([*equations, secret])) == known + 1
        else:
            assert left["test", arm, "error"]["count"][horizon] == len(errors)
