"""What a country sends is believed only as far as it can be checked; a lie ends in a refusal that names the country."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.coordinator.checks import Update, _check_sums, outliers, read_update
from federation.coordinator.claims import Claim, check_steps, claim_of
from federation.errors import UpdateRejected
from federation.settings.parts import TrainingSettings
from federation.wire.frame import Frame
from tasks.evaluation.histograms import BINNED, BINS
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS
from tests.federation.vault.requesting import model_of, plan_of

pytestmark = pytest.mark.usefixtures("toy")
PLAN = plan_of()
MODEL = model_of(PLAN)
SHARED = {"c": np.zeros(2, np.float32)}
HEADER: dict[str, Any] = {
    "country": "VNM",
    "run": "r",
    "round": 3,
    "examples": 100,
    "steps": 1,
    "loss": 0.5,
    "fingerprint": "f",
    "suppressed": [],
}
WEIGHT = "update/slope.weight"
COUNT = "score/validation/federated/mse/count"


def arrays() -> dict[str, Any]:
    sent: dict[str, Any] = {f"update/{name}": np.ones_like(value) for name, value in MODEL.items()}
    sent |= {"shared/c": np.ones(2, np.float32)}
    return sent | {COUNT.replace("count", name): np.full(3, 50.0) for name in ("sum", "count", "variance")}


def read(
    header: dict[str, Any] | None = None, declared: Mapping[str, Claim] = MappingProxyType({}), **changed: Any
) -> Update:
    frame = Frame(kind="update", header=HEADER | (header or {}), arrays={**arrays(), **changed})
    return read_update(
        frame, country="VNM", run="r", round_=3, model=MODEL, shared=SHARED, plan=PLAN, declared=declared
    )


def without(name: str) -> Frame:
    return Frame(kind="update", header=HEADER, arrays={key: value for key, value in arrays().items() if key != name})


def test_a_good_reply_is_understood() -> None:
    update = read({"suppressed": ["validation/federated/mse/0"]})
    assert (update.country, update.examples, update.loss, update.fingerprint) == ("VNM", 100, 0.5, "f")
    assert update.suppressed == ("validation/federated/mse/0",)
    assert set(update.change) == set(MODEL)
    assert set(update.shared) == {"c"}
    assert update.scores["validation", "federated", "mse"]["sum"].tolist() == [50, 50, 50]
    assert update.norm == pytest.approx(np.sqrt(6))  # six ones


WRONG_HEADERS: dict[str, dict[str, Any]] = {
    "another run": {"run": "other"},
    "a stale round": {"round": 2},
    "a later round": {"round": 4},
    "another country": {"country": "THA"},
    "a run of a page": {"run": "other\n" * 10_000},
    "a country of a list": {"country": ["VNM"]},
    "fewer than no examples": {"examples": -1},
    "half an example": {"examples": 1.5},
    "true examples": {"examples": True},
    "examples without end": {"examples": 10**400},
    "no examples said": {"examples": None},
    "more steps than the plan takes": {"steps": 2},
    "fewer steps than the plan takes": {"steps": 0},
    "steps without end": {"steps": 10**400},
    "true steps": {"steps": True},
    "a loss in words": {"loss": "low"},
    "a list of losses": {"loss": [0.5]},
    "a loss beyond floats": {"loss": 10**400},
    "suppressed a number": {"suppressed": 5},
    "suppressed nothing": {"suppressed": None},
}


@pytest.mark.parametrize("header", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_a_header_that_cannot_be_is_rejected(header: dict[str, Any]) -> None:
    with pytest.raises(UpdateRejected, match="VNM") as caught:
        read(header)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


LINES = {
    "examples": "VNM claims 1,000,000,000,000 examples, ",
    "counts": "VNM: score mse claims 1,000,000,000,000 place-periods at a horizon, ",
    "total": "VNM: score mse claims 101 place-periods over all horizons, ",
}


def claimed(what: str, declared: dict[str, Claim]) -> str:
    """The line about a claim that is too large."""
    counts = {"counts": np.full(3, 1e12), "total": np.array([50.0, 50.0, 101.0])}
    header = {"examples": 10**12} if what == "examples" else {}
    with pytest.raises(UpdateRejected) as caught:
        read(header, declared, **({COUNT: counts[what]} if what in counts else {}))
    return str(caught.value)


def test_a_declaration_beyond_any_panel_raises_no_limit() -> None:
    boundless = {"VNM": Claim(examples=2**62, scored=2**62)}
    assert claimed("examples", boundless) == LINES["examples"] + "the largest plausible panel has 120,000,000"


def test_a_loss_below_zero_is_rejected() -> None:
    """It would lower the region's row, which adds up what countries report."""
    with pytest.raises(UpdateRejected, match="VNM: score mse has a sum below 0, which no forecast has"):
        read({}, {}, **{COUNT.replace("/count", "/sum"): np.array([-1e9, 50.0, 50.0])})


@pytest.mark.parametrize("what", ["examples", "counts"])
def test_a_claim_beyond_any_panel_is_rejected_though_nothing_was_declared(what: str) -> None:
    assert claimed(what, {"THA": Claim(examples=1, scored=1)}) == LINES[what] + "the largest plausible panel has " + (
        "120,000,000"  # 100,000 places over 1,200 months
    )


@pytest.mark.parametrize(("what", "most"), [("examples", 100), ("counts", 50), ("total", 100)])
def test_a_claim_beyond_what_the_terms_declare_is_rejected(what: str, most: int) -> None:
    exact = {"VNM": Claim(examples=100, scored=50)}
    assert read(declared=exact).examples == 100
    assert claimed(what, exact) == f"{LINES[what]}its signed terms declare {most}"


def test_a_histogram_holds_no_more_than_its_count() -> None:
    plan = plan_of(task=HealthSettings())
    score, names = "outbreak_auc", TASKS["health"].scores["outbreak_auc"].names
    sums = {name: np.full((4, BINS) if name in BINNED else 4, 5.0) for name in names}
    _check_sums("VNM", "test", score, sums, plan)
    for name in set(names) - {"count"}:
        for wrong in (5.5, -0.5, 1e300):
            with pytest.raises(UpdateRejected, match="VNM: score outbreak_auc has an impossible count"):
                _check_sums("VNM", "test", score, {**sums, name: np.where(sums[name] > 0, wrong, 0)}, plan)


def test_a_facility_is_held_to_what_its_country_declares() -> None:
    assert claim_of({"VNM": Claim(examples=1, scored=2)}, "VNM-000001", PLAN)[0].scored == 2


EPOCHS = replace(PLAN, training=TrainingSettings(epochs=2, batch_size=10))


@pytest.mark.parametrize(("steps", "fits"), [(19, False), (20, True), (240, True), (241, False)])
def test_steps_are_those_of_the_plan_on_so_many_examples(steps: int, fits: bool) -> None:
    with nullcontext() if fits else pytest.raises(UpdateRejected, match="the plan takes 20 to 240"):
        check_steps("VNM", steps, 100, EPOCHS)


def test_a_noised_round_is_one_step_and_its_epsilon_a_number() -> None:
    noised = plan_of(protection="differential_privacy", arms=["federated"])
    check_steps("VNM", 1, 7, noised)
    check_steps("VNM", 0, 0, noised)
    for steps, examples in ((2, 7), (0, 7), (1, 0)):
        with pytest.raises(UpdateRejected, match="a round under differential privacy is one"):
            check_steps("VNM", steps, examples, noised)
    assert read({"epsilon": 2.5}).epsilon == 2.5
    for epsilon in (-1.0, float("inf"), 3, "2"):
        with pytest.raises(UpdateRejected, match="as its epsilon"):
            read({"epsilon": epsilon})


PAIR = "score/paired/federated-local/mse/"


def differing(
    *, part: str = "paired", pair: str = "federated-local", score: str = "mse", value: float = 50.0, shape: Any = 3
) -> dict[str, Any]:
    numbers = {"count": 50.0, "value": value, "low": 50.0, "high": 50.0}
    return {f"score/{part}/{pair}/{score}/{name}": np.full(shape, number) for name, number in numbers.items()}


def test_a_difference_with_its_interval_is_understood() -> None:
    assert read(**differing()).scores["paired", "federated-local", "mse"]["high"].tolist() == [50, 50, 50]


ONE = np.ones((2, 2), np.float32)
THREE = np.full(3, 50.0)
WRONG_ARRAYS: dict[str, dict[str, Any]] = {
    "NaN": {WEIGHT: ONE * np.nan},
    "Inf": {WEIGHT: ONE / np.float32(np.inf) + np.float32(np.inf)},
    "another shape": {WEIGHT: ONE[:1]},
    "another dtype": {WEIGHT: ONE.astype(np.float64)},
    "an array more": {"update/head.weight": ONE},
    "a thousand arrays more": {f"update/extra\n{number}": ONE for number in range(1000)},
    "a shared array more": {"shared/d": np.ones(2, np.float32)},
    "shared of another shape": {"shared/c": np.ones(3, np.float32)},
    "shared NaN": {"shared/c": np.full(2, np.nan, np.float32)},
    "records": {"records/target": np.ones(100)},
    "an array without a group": {"target": np.ones(100)},
    "an unknown score": {"score/validation/federated/wiz/sum": THREE},
    "an unknown sum": {"score/validation/federated/mse/points": THREE},
    "an unknown part": {COUNT.replace("validation", "train"): THREE},
    "an arm nobody has": {COUNT.replace("federated", "winner"): THREE},
    "a path too long": {COUNT + "/x": THREE},
    "a path too short": {"score/validation/mse": THREE},
    "half a score": {COUNT.replace("federated", "local"): THREE},
    "one number": {COUNT: np.array(50.0)},
    "no number": {COUNT: np.ones(0)},
    "a horizon more": {COUNT.replace("count", name): np.full(4, 50.0) for name in ("sum", "count", "variance")},
    "a column more": {COUNT.replace("count", name): np.full((3, 1), 50.0) for name in ("sum", "count", "variance")},
    "a score that is not finite": {COUNT.replace("count", "sum"): np.array([1, np.nan, 1])},
    "fewer than none": {COUNT: np.array([50.0, -1.0, 50.0])},
    "more than any": {COUNT: np.full(3, 1e308)},
    "an excluded period that the run has not": {COUNT.replace("validation", "excluded_period"): THREE},
    "half a difference": {PAIR + "low": THREE},
    "a difference of arms that are not compared": differing(pair="local-federated"),
    "a difference of a score that is not the headline": differing(score="relative_mse"),
    "a difference in the validation years": differing(part="validation"),
    "a difference outside its interval": differing(value=51.0),
    "replicates of a difference": differing(shape=(3, 100)),
}


@pytest.mark.parametrize("changed", WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_arrays_that_cannot_be_are_rejected(changed: dict[str, Any]) -> None:
    with pytest.raises(UpdateRejected, match="VNM") as caught:
        read(**changed)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", [WEIGHT, "shared/c", COUNT])
def test_a_missing_array_is_rejected(name: str) -> None:
    with pytest.raises(UpdateRejected, match="VNM"):
        read_update(without(name), country="VNM", run="r", round_=3, model=MODEL, shared=SHARED, plan=PLAN)


def test_an_update_that_rests_on_nothing_is_rejected_and_scores_alone_are_not() -> None:
    with pytest.raises(UpdateRejected, match="rests on no example"):
        read({"examples": 0, "steps": 0})
    scores = {name: value for name, value in arrays().items() if name.startswith("score/")}
    frame = Frame(kind="update", header=HEADER | {"examples": 0, "steps": 0, "loss": 0.0}, arrays=scores)
    update = read_update(frame, country="VNM", run="r", round_=3, model=MODEL, shared=SHARED, plan=PLAN)
    assert (update.examples, update.change, len(update.scores)) == (0, {}, 1)


def moved(norms: list[float], steps: list[int] | None = None) -> list[Update]:
    one = read()
    return [
        replace(one, country=f"C{place:02}", steps=count, change={"w": np.array([norm], np.float32)})
        for place, (norm, count) in enumerate(zip(norms, steps or [1] * len(norms), strict=True))
    ]


@given(norms=st.lists(st.floats(1, 3), min_size=3, max_size=11), at=st.integers(0, 10))
def test_an_update_a_hundred_times_too_large_is_named_and_no_other(norms: list[float], at: int) -> None:
    place = at % len(norms)
    assert outliers(moved(norms)) == {}
    rejected = outliers(moved([*norms[:place], 100 * norms[place], *norms[place + 1 :]]))
    assert list(rejected) == [f"C{place:02}"]


def test_a_large_country_may_go_far_in_many_steps_but_not_at_will() -> None:
    steps = [1, 2, 4, 40]
    assert outliers(moved([1.0, 2.0, 4.0, 40.0], steps)) == {}
    assert list(outliers(moved([1.0, 2.0, 4.0, 4000.0], [1, 2, 4, 4000]))) == ["C03"]
    assert list(outliers(moved([100.0, 2.0, 4.0, 40.0], steps))) == ["C00"]


@pytest.mark.parametrize("norms", [[1.0, 1e9], [1.0], []])
def test_of_two_nobody_can_say_which_is_off(norms: list[float]) -> None:
    assert outliers(moved(norms)) == {}


def test_who_sends_no_update_is_no_measure_of_others() -> None:
    silent: Callable[[Update], Update] = lambda update: replace(update, examples=0, change={})  # noqa: E731
    updates = [*moved([1.0, 1.0, 90.0]), *(replace(silent(each), country="X") for each in moved([1.0, 1.0]))]
    assert list(outliers(updates)) == ["C02"]
