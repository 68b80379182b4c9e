"""Of two forecasts' difference the ends of an interval leave, once a run, over a cohort; the blocks of time stay."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federation.policy.file import FILE
from federation.vault import ledger
from federation.wire.frame import Frame
from tasks.evaluation.paired_difference import NAMES, paired_interval
from tasks.settings import Calendar
from tests.federation.toy import TOY, ToySettings
from tests.federation.vault.requesting import plan_of, reply_frame, request_bytes, vault_in

pytestmark = pytest.mark.usefixtures("toy")
PLAN = plan_of(arms=["federated", "local"])
PAIRS = {"federated-local", "federated-zero"}


def pairs_of(frame: Frame) -> dict[str, dict[str, np.ndarray]]:
    """pair -> the numbers that left."""
    sums_by_pair: dict[str, dict[str, np.ndarray]] = {}
    for path, value in frame.group("score/paired").items():
        pair, score, name = path.split("/")
        assert score == next(iter(TOY.scores))
        sums_by_pair.setdefault(pair, {})[name] = value
    return sums_by_pair


def test_differences_and_their_ends_leave_with_a_test(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    reply = reply_frame(
        vault, request_bytes("test", 5, PLAN, add=0.1)
    )  # other weights than the local model begins with
    differences = pairs_of(reply)
    assert set(differences) == PAIRS
    mse = {arm: reply.group(f"score/test/{arm}/mse") for arm in ("federated", "local", "zero")}
    for pair, values in differences.items():
        assert {name: value.shape for name, value in values.items()} == dict.fromkeys(NAMES, (3,))
        one, other = (mse[arm]["sum"] / mse[arm]["count"] for arm in pair.split("-"))
        np.testing.assert_allclose(values["value"], one - other)
        assert (values["low"] < values["value"]).all()
        assert (values["value"] < values["high"]).all()
        np.testing.assert_array_equal(values["count"], mse["federated"]["count"])
    (entry,) = ledger.entries(vault.database)
    assert {f"paired/{pair}/mse" for pair in PAIRS} <= set(entry.contents["scores"])


@pytest.mark.parametrize(("kind", "round_"), [("train", 1), ("validate", 4)])
def test_differences_leave_with_the_test_alone(tmp_path: Path, kind: str, round_: int) -> None:
    assert not pairs_of(reply_frame(vault_in(tmp_path), request_bytes(kind, round_, PLAN)))


def test_a_facility_releases_no_differences(tmp_path: Path) -> None:
    """The ends of intervals of several facilities do not add up to their country's."""
    assert not pairs_of(reply_frame(vault_in(tmp_path, "VNM-0001"), request_bytes("test", 5, PLAN)))


def test_differences_of_fewer_than_a_cohort_are_withheld(tmp_path: Path) -> None:
    vault_in(tmp_path)
    (tmp_path / "VNM" / FILE).write_text('template = "open"\ntasks = ["toy"]\nminimum_cohort = 120\n')
    vault = vault_in(tmp_path)
    count = len(vault.records(PLAN).windows["test"])
    assert vault.learns(PLAN)
    assert count < 120 < 2 * count  # as horizons look at the same months, they make no cohort together
    reply = reply_frame(vault, request_bytes("test", 5, PLAN))
    assert not any(value.any() for values in pairs_of(reply).values() for value in values.values())
    assert {f"paired/federated-local/mse/{row}" for row in range(3)} <= set(reply.header["suppressed"])
    assert not any(each.count.any() for each in vault.blocks("r", PLAN).values())


def test_a_difference_is_withheld_with_a_dominated_score_of_either_arm(tmp_path: Path) -> None:
    """One month ahead a single error makes .0548 of the federated model's, .0533 of the local's, .0575 of zero's."""
    vault_in(tmp_path)
    (tmp_path / "VNM" / FILE).write_text('template = "open"\ntasks = ["toy"]\nlargest_term = 0.0556\n')
    vault = vault_in(tmp_path)
    reply = reply_frame(vault, request_bytes("test", 5, PLAN, add=0.1))
    left = {arm: reply.group(f"score/test/{arm}/mse")["count"] > 0 for arm in ("federated", "local", "zero")}
    expected = {"federated": [True, False, False], "local": [True, False, False], "zero": [False, False, False]}
    assert {arm: rows.tolist() for arm, rows in left.items()} == expected
    differences, kept = pairs_of(reply), vault.blocks("r", PLAN)
    for pair, rows in (("federated-local", [True, False, False]), ("federated-zero", [False, False, False])):
        assert (differences[pair]["count"] > 0).tolist() == rows
        assert kept[pair].count.any(axis=0).tolist() == rows  # a region's difference would reveal it too


def test_what_the_ends_rest_on_is_remembered_at_home_after_the_test_alone(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    reply_frame(vault, request_bytes("train", 1, PLAN))
    assert vault.blocks("r", PLAN) == {}
    differences = pairs_of(reply_frame(vault, request_bytes("test", 5, PLAN)))
    kept = vault_in(tmp_path).blocks("r", PLAN)  # by a process that is started again
    assert set(kept) == PAIRS
    for pair, values in differences.items():
        for name, value in paired_interval(kept[pair]).items():
            np.testing.assert_array_equal(value, values[name])


def test_months_of_the_excluded_period_are_in_no_difference_and_scored_by_themselves(tmp_path: Path) -> None:
    calendar = Calendar(excluded_period=["2007-06", "2007-12"])
    plan = plan_of(task=ToySettings(calendar=calendar), arms=["federated", "local"])
    whole = reply_frame(vault_in(tmp_path), request_bytes("test", 5, PLAN))
    reply = reply_frame(vault_in(tmp_path), request_bytes("test", 5, plan, run="other"))
    counts = {part: reply.group(f"score/{part}/federated/mse")["count"] for part in ("test", "excluded_period")}
    everything = whole.group("score/test/federated/mse")["count"]
    places = len(vault_in(tmp_path).records(plan).windows["test"].places)
    assert counts["excluded_period"].tolist() == [
        6 * places,
        6 * places,
        12 * places,
    ]  # seven months hold six pairs of them
    # Two windows of two months straddle the edges, and are reported on neither side.
    assert (everything - counts["test"] - counts["excluded_period"]).tolist() == [2 * places, 2 * places, 4 * places]
    assert pairs_of(reply)["federated-local"]["count"].tolist() == counts["test"].tolist()
    assert not whole.group("score/excluded_period")
    validation = [frame.group("score/validation/federated/mse")["sum"].tolist() for frame in (whole, reply)]
    assert validation[0] == validation[1]


def test_a_country_may_be_cut_at_its_own_end(tmp_path: Path) -> None:
    vault_in(tmp_path)
    file = tmp_path / "VNM" / TOY.file
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if line.split(",")[1] <= "2006-06" or "month" in line))
    aligned = vault_in(tmp_path).records(PLAN)
    assert len(aligned.windows["test"]) == 0
    settings = ToySettings(calendar=replace(ToySettings().calendar, unaligned=True))
    own = vault_in(tmp_path).records(plan_of(task=settings))
    assert own.calendar.test_until == "2006-06"
    assert own.windows["test"].due.max() == np.datetime64("2006-06", "M")
    assert own.windows["train"].due.max() == np.datetime64("2002-06", "M")
    assert own.cohort() < aligned.cohort()
