"""What is not in the contract does not leave; what leaves is on an entry; small cohorts stay at home."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.errors import PolicyRefusal
from federation.policy.keys import Policy
from federation.vault.gate import Contract, Outgoing, release
from federation.wire.compression import TRANSPORTS, unpacked
from federation.wire.frame import DTYPES, Frame, decode, digest
from tasks.evaluation import histograms

SUMS = ("sum", "count", "variance")
CONTRACT = Contract(
    arrays={"update/w": ((2, 3), "float32"), "update/b": ((3,), "float32"), "shared/w": ((2, 3), "float32")},
    scores={("validation", "federated", "mse"): SUMS, ("test", "federated", "mse"): SUMS},
    horizons=2,
)
POLICY = Policy(country="VNM", path=Path("policy.toml"), tasks=("toy",), minimum_cohort=24)
NAME = ("validation", "federated", "mse")
HEADER: dict[str, Any] = {
    "country": "VNM",
    "run": "r",
    "round": 3,
    "examples": 100,
    "steps": 5,
    "loss": 0.5,
    "fingerprint": "f",
}
GOOD = {"update/w": np.ones((2, 3), np.float32), "update/b": np.full(3, 2, np.float32)}
NAMES = st.sampled_from([*CONTRACT.arrays, "update/other", "records", "score/validation/federated/mse/sum"]) | st.text()


def rows(*counts: float) -> dict[str, Any]:
    """Sums with these counts a horizon, and all of them together."""
    count = np.array([*counts, sum(counts)], np.float64)
    return {"sum": 2 * count + 1, "count": count, "variance": 3 * count + 1}


def sent(arrays: Any = GOOD, scores: Any = None, policy: Policy = POLICY, **header: Any) -> Frame:
    outgoing = Outgoing(kind="update", header=HEADER | header, arrays=arrays, scores=scores or {})
    data, entry = release(outgoing, CONTRACT, policy)
    assert entry.digest == digest(data)
    assert entry.bytes == len(data)
    assert set(entry.contents["arrays"]) == set(arrays)
    assert entry.contents["scores"] == ["/".join(name) for name in scores or {}]
    assert (entry.country, entry.run, entry.round, entry.kind) == ("VNM", "r", 3, "update")
    return decode(data)


def test_what_the_contract_names_leaves_as_it_is() -> None:
    frame = sent(scores={NAME: rows(30, 40)})
    assert frame.header == HEADER | {"suppressed": []}
    assert all(np.array_equal(frame.arrays[name], value) for name, value in GOOD.items())
    assert frame.arrays["score/validation/federated/mse/sum"].tolist() == [61, 81, 141]
    assert set(frame.arrays) == {*GOOD, *(f"score/validation/federated/mse/{name}" for name in SUMS)}


@given(
    name=NAMES,
    value=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, st.sampled_from([(2, 3), (3, 2), (3,), (6,), (2, 3, 1), ()]))
    ),
)
def test_another_name_shape_or_dtype_is_refused(name: str, value: np.ndarray[Any, Any]) -> None:
    assume(CONTRACT.arrays.get(name) != (value.shape, value.dtype.name))
    with pytest.raises(PolicyRefusal, match="may not leave"):
        sent(arrays={**GOOD, name: value})


@given(at=st.integers(0, 5), value=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_values_that_are_not_finite_are_refused(at: int, value: float) -> None:
    bad = np.ones((2, 3), np.float32)
    bad.flat[at] = value
    with pytest.raises(PolicyRefusal, match="not finite; nothing of this round leaves"):
        sent(arrays={**GOOD, "update/w": bad})


BAD_SCORES = {
    "of another arm": {("validation", "private", "mse"): rows(30, 40)},
    "of the training part": {("train", "federated", "mse"): rows(30, 40)},
    "with a sum more": {NAME: rows(30, 40) | {"points": np.zeros(3)}},
    "with a sum less": {NAME: {"sum": np.zeros(3), "count": np.full(3, 99.0)}},
    "a row a place": {NAME: {name: np.full(30, 99.0) for name in SUMS}},
    "a column more": {NAME: {name: np.full((3, 1), 99.0) for name in SUMS}},
    "not finite": {NAME: rows(30, 40) | {"variance": np.array([1, np.nan, 1])}},
}


@pytest.mark.parametrize("scores", BAD_SCORES.values(), ids=BAD_SCORES)
def test_other_scores_are_refused(scores: Any) -> None:
    with pytest.raises(PolicyRefusal, match="may not leave"):
        sent(scores=scores)


@given(counts=st.tuples(st.integers(0, 60), st.integers(0, 60)), cohort=st.integers(1, 50))
def test_a_row_below_the_cohort_is_suppressed_and_named(counts: tuple[int, int], cohort: int) -> None:
    sums = rows(*counts)
    frame = sent(scores={NAME: sums}, policy=replace(POLICY, minimum_cohort=cohort))
    for row, count in enumerate(counts):
        named = f"validation/federated/mse/{row}" in frame.header["suppressed"]
        assert named == (count < cohort)
        for name in SUMS:
            left = frame.arrays[f"score/validation/federated/mse/{name}"][row]
            assert left == (0 if named else sums[name][row])


def test_horizons_that_look_at_the_same_few_do_not_make_a_cohort_together() -> None:
    frame = sent(scores={NAME: rows(12, 12)}, policy=replace(POLICY, minimum_cohort=24))
    assert frame.arrays["score/validation/federated/mse/count"].tolist() == [0, 0, 0]
    frame = sent(scores={NAME: rows(30, 12)}, policy=replace(POLICY, minimum_cohort=24))
    assert frame.arrays["score/validation/federated/mse/count"].tolist() == [30, 0, 0]
    frame = sent(scores={NAME: rows(24, 12)}, policy=replace(POLICY, minimum_cohort=12))
    assert frame.arrays["score/validation/federated/mse/count"].tolist() == [24, 12, 36]


@given(counts=st.tuples(st.integers(0, 60), st.integers(0, 60)), cohort=st.integers(1, 50))
def test_a_suppressed_row_cannot_be_had_by_subtraction(counts: tuple[int, int], cohort: int) -> None:
    frame = sent(scores={NAME: rows(*counts)}, policy=replace(POLICY, minimum_cohort=cohort))
    count = frame.arrays["score/validation/federated/mse/count"]
    assert count[-1] in (0, count[:-1].sum())  # all together, less the rows that left, leaves nothing


def test_a_row_with_a_small_count_stays_at_home_and_so_does_the_one_of_all() -> None:
    frame = sent(scores={NAME: rows(60, 70) | {"small_count": np.array([1.0, 0.0, 1.0])}})
    assert frame.arrays["score/validation/federated/mse/count"].tolist() == [0, 70, 0]
    assert frame.arrays["score/validation/federated/mse/sum"].tolist() == [0, 141, 0]
    assert frame.header["suppressed"] == ["validation/federated/mse/0", "validation/federated/mse/2"]
    assert not [name for name in frame.arrays if name.endswith("small_count")]


def test_scores_of_rounds_stay_at_home_where_the_policy_says_so() -> None:
    quiet = replace(POLICY, round_scores=False)
    frame = sent(scores={NAME: rows(60, 70)}, policy=quiet)
    assert "loss" not in frame.header
    assert not any(frame.arrays[f"score/validation/federated/mse/{name}"].any() for name in SUMS)
    assert frame.header["suppressed"] == [f"validation/federated/mse/{row}" for row in range(3)]
    assert np.array_equal(frame.arrays["update/w"], GOOD["update/w"])
    outgoing = Outgoing(kind="scores", header=HEADER, scores={NAME: rows(60, 70)}, last=True)
    released = decode(release(outgoing, CONTRACT, quiet)[0])
    assert released.arrays["score/validation/federated/mse/count"].tolist() == [60, 70, 130]


NORM = float(np.sqrt(sum(np.square(value).sum() for value in GOOD.values())))


@given(limit=st.floats(1e-3, 1e3))
def test_an_update_is_scaled_down_to_the_norm_and_never_up(limit: float) -> None:
    before = {name: value.copy() for name, value in GOOD.items()}
    frame = sent(policy=replace(POLICY, largest_update=limit))
    norm = float(np.sqrt(sum(np.square(frame.arrays[name], dtype=np.float64).sum() for name in GOOD)))
    assert norm == pytest.approx(min(limit, NORM), rel=1e-6)
    assert np.allclose(frame.arrays["update/w"] * NORM, GOOD["update/w"] * norm)  # the same direction
    assert all(np.array_equal(GOOD[name], before[name]) for name in GOOD)  # the vault's own arrays are untouched


@pytest.mark.parametrize("transport", TRANSPORTS)
@given(limit=st.floats(1e-3, 4.0), seed=st.integers(0, 2**32))
def test_no_update_is_larger_than_the_policy_says_when_it_arrives(transport: str, limit: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, 3)).astype(np.float32)
    outgoing = Outgoing(kind="update", header=HEADER, arrays=GOOD | {"update/w": values})
    contract = replace(CONTRACT, transport=transport, seed=seed)
    data, entry = release(outgoing, contract, replace(POLICY, largest_update=limit))
    came = unpacked(decode(data).arrays, transport)
    norm = float(np.sqrt(sum(np.square(came[name], dtype=np.float64).sum() for name in GOOD)))
    assert 0.5 * min(limit, 3.0) < norm <= limit * (1 + 1e-6)
    assert ("scales" in entry.contents["arrays"]) == (transport == "int8")


def test_an_update_of_nothing_stays_nothing() -> None:
    zero = {name: np.zeros_like(value) for name, value in GOOD.items()}
    assert not sent(arrays=zero, policy=replace(POLICY, largest_update=0.5)).arrays["update/w"].any()


@pytest.mark.parametrize(
    "header",
    [
        {"places": ["Hanoi"]},
        {"examples": 100.0},
        {"examples": True},
        {"examples": [1, 2, 3]},
        {"loss": 1},
        {"loss": None},
        {"country": None},
        {"fingerprint": ["a record"]},
    ],
)
def test_a_header_carries_the_listed_keys_and_types_alone(header: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefusal, match="may not leave in a reply's header"):
        sent(**header)


# Histograms

WARNINGS = ("test", "federated", "auc")


def released(sums: Any) -> Frame:
    contract = replace(CONTRACT, scores={WARNINGS: histograms.NAMES}, histograms={"auc": 0.3})
    data, _ = release(Outgoing(kind="scores", header=HEADER, scores={WARNINGS: sums}), contract, POLICY)
    return decode(data)


def histogram(rows: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    chance = rng.beta(0.5, 2, (rows, 2))
    return dict(histograms.counted(chance, (rng.random((rows, 2)) < chance).astype(float), 0.3))


def test_a_histogram_leaves_with_its_small_groups_put_together() -> None:
    raw = histogram(100)
    assert (raw["bin_count"][raw["bin_count"] > 0] < POLICY.minimum_cohort).any()
    frame = released(raw)
    left = {name: frame.arrays[f"score/test/federated/auc/{name}"] for name in histograms.NAMES}
    count, events = left["bin_count"], left["bin_events"]
    assert count[count > 0].min() >= POLICY.minimum_cohort
    assert events[events > 0].min() >= histograms.SMALL_COUNT
    assert count.sum(axis=1).tolist() == left["count"].tolist() == [100, 100, 200]
    assert frame.header["suppressed"] == []


def test_a_histogram_of_fewer_than_a_cohort_is_suppressed_and_named() -> None:
    frame = released(histogram(20))
    assert not any(value.any() for value in frame.arrays.values())
    assert frame.header["suppressed"] == [f"test/federated/auc/{row}" for row in range(3)]


@pytest.mark.parametrize("name", histograms.NAMES)
def test_a_histogram_of_another_shape_is_refused(name: str) -> None:
    sums = histogram(100)
    for wrong in (sums[name][..., None], sums[name][:-1], sums[name] * np.nan):
        with pytest.raises(PolicyRefusal, match="may not leave"):
            released({**sums, name: wrong})
