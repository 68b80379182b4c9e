"""Which sealed runs a country takes part in, with whom, and from which first model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.composition.restore import check
from federation.coordinator import checkpoint, rounds
from federation.errors import ConfigError, QuorumError
from federation.policy.file import accept
from federation.runs import folder, simulation
from federation.vault.identity import fingerprint
from federation.wire.model import model_digest
from tests.federation.federations import ready, run, settings_of
from tests.federation.sealed.federation import (
    FIVE,
    TWELVE,
    Line,
    StoppedLineError,
    headline,
    prepared,
    ran,
    replied,
    same,
    with_arrays,
)

pytestmark = pytest.mark.usefixtures("toy")


def test_members_are_those_that_an_operator_accepted(tmp_path: Path) -> None:
    ready = prepared(tmp_path)
    keys = ready.run.federation.keys
    vault = next(vault for vault in ready.vaults.values() if vault.country == "KHM")
    assert vault.identity is not None
    roster = {country: fingerprint(key) for country, key in keys.items()}
    for changed, why in (
        ({country: key for country, key in roster.items() if country != "THA"}, "has accepted no key of THA"),
        (roster | {"THA": roster["LAO"]}, "has accepted another key of THA"),
    ):
        vault.identity = replace(vault.identity, roster=lambda changed=changed: changed)  # type: ignore[misc]
        with pytest.raises(QuorumError, match=f"KHM {why}"):
            ran(replace(ready, run=replace(ready.run, federation=replace(ready.run.federation, run=why[-20:]))))


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ('required_members = ["PHL"]\n', "a run without PHL"),
        ("minimum_members = 4\n", "sums of 3 countries"),
        ("threshold_share = 0.9\n", "sums that 4 of 5 open"),
        ("maximum_rounds = 1\n", "refuses 2 rounds"),
    ],
)
def test_a_policy_bounds_sealed_runs(tmp_path: Path, policy: str, why: str) -> None:
    with pytest.raises(QuorumError, match=why):
        ran(prepared(tmp_path, policies={"KHM": policy}))


def test_a_second_run_from_the_same_model_needs_a_word_of_the_policy(tmp_path: Path) -> None:
    """Two runs that differ in one country would tell of that country."""
    ready = prepared(tmp_path, policies={"KHM": "repeat_start = false\n"})
    ran(ready)
    again = replace(ready, run=replace(ready.run, federation=replace(ready.run.federation, run="again")))
    with pytest.raises(QuorumError, match="KHM refuses a second run from the first model of run run"):
        ran(again)


@pytest.mark.parametrize(
    ("gone", "allowed", "served"), [(1, False, False), (2, False, False), (3, False, True), (1, True, True)]
)
def test_two_runs_whose_members_differ_by_one_or_two_need_a_word_of_the_policy(
    tmp_path: Path, gone: int, allowed: bool, served: bool
) -> None:
    """A baseline's sums of the two would differ by the scores of those who are in one of them alone."""
    countries = TWELVE[:7]
    line = f"members_change = {str(allowed).lower()}\n"
    ready = prepared(tmp_path, countries, policies=dict.fromkeys(countries, line), rounds=1)
    ran(ready)
    members = countries[gone:]
    whole = ready.run.federation
    nodes = {each: whole.nodes[each] for each in members}
    less = replace(whole, run="less", nodes=nodes, keys={each: whole.keys[each] for each in members})
    again = replace(ready, run=replace(ready.run, federation=less, progress=rounds.begin(less)))
    if served:
        ran(again)
        return
    with pytest.raises(QuorumError, match=f"refuses members that differ from those of run run by {countries[0]}"):
        ran(again)


def test_a_setup_that_failed_does_not_use_up_its_first_model(tmp_path: Path) -> None:
    """Nothing was summed: the coordinator may start again without the country that refused."""
    ready = prepared(tmp_path, policies=dict.fromkeys(FIVE, "repeat_start = false\n") | {"VNM": "maximum_rounds = 1\n"})
    with pytest.raises(QuorumError, match="VNM refuses 2 rounds"):
        ran(ready)
    federation = ready.run.federation
    nodes = {country: node for country, node in federation.nodes.items() if country != "VNM"}
    again = replace(ready, run=replace(ready.run, federation=replace(federation, run="again", nodes=nodes)))
    ran(again)
    third = replace(ready, run=replace(ready.run, federation=replace(federation, run="third", nodes=nodes)))
    with pytest.raises(QuorumError, match="refuses a second run from the first model of run again"):
        ran(third)


def test_a_second_run_that_keeps_a_weight_at_home_begins_with_the_same_model(tmp_path: Path) -> None:
    """Less one country, its first sum would give away the update of the one that is missing."""
    policies = dict.fromkeys(FIVE, "repeat_start = false\n")
    ran(prepared(tmp_path, policies=policies))
    names = [name for name in ran(prepared(tmp_path / "other")).model if name.endswith("bias")]
    again = prepared(tmp_path, FIVE[:4], policies, strategy="fedper", chosen={"private": names[:1]})
    again = replace(again, run=replace(again.run, federation=replace(again.run.federation, run="again")))
    with pytest.raises(QuorumError, match="refuses a second run from the first model of run run"):
        ran(again)


def test_a_second_run_from_accepted_weights_is_one_whatever_is_drawn_for_those_at_home(tmp_path: Path) -> None:
    """Another seed draws other weights for those that do not travel; the rest are the same."""
    policies = dict.fromkeys(FIVE, "repeat_start = false\n")
    first = ran(prepared(tmp_path / "first")).model
    name = next(each for each in first if each.endswith("bias"))
    travelling = {each: value for each, value in first.items() if each != name}

    def begun(run: str, seed: int) -> simulation.Simulation:
        made = prepared(tmp_path, policies=policies, strategy="fedper", chosen={"private": [name]}, seed=seed)
        for vault in made.vaults.values():
            accept(vault.policy, model_digest(travelling), "a test")
        settings = replace(made.run.federation.settings, start_from="first")
        federation = replace(made.run.federation, run=run, settings=settings)
        progress = replace(made.run.progress, model=travelling)
        return replace(made, run=replace(made.run, federation=federation, progress=progress))

    ran(begun("one", seed=1))
    with pytest.raises(QuorumError, match="refuses a second run from the first model of run one"):
        ran(begun("other", seed=2))


def test_who_serves_other_runs_too_is_no_member_for_a_country_that_wants_none(tmp_path: Path) -> None:
    """Else the coordinator asks the others for plain updates of the same model, and takes them off the sum."""
    alone = 'required_protection = ["sealed"]\nmembers_sealed_only = true\n'
    with pytest.raises(QuorumError, match="KHM refuses a run with IDN, LAO, THA, who serve runs that are not sealed"):
        ran(prepared(tmp_path / "mixed", policies={"KHM": alone, "VNM": alone}))
    ran(prepared(tmp_path / "sealed", policies=dict.fromkeys(FIVE, alone)))


def test_a_run_begins_with_weights_that_every_operator_accepted_and_with_no_others(tmp_path: Path) -> None:
    ended = run(prepared(tmp_path))
    checkpoint.save_model(ended.ready.run.folder, "run", ended.outcome.model)
    before = ended.ready.run.folder.rename(tmp_path / "runs" / "first")
    with folder.locked(before):
        pass  # as every run that began was
    settings = settings_of(tmp_path, FIVE, protection="sealed", retries=0, start_from="first")
    later, line = ready(settings, dict.fromkeys(FIVE, 'start = "seeded"\n')), Line()
    with pytest.raises(QuorumError, match="KHM refuses the first weights of run run: they are neither accepted"):
        ran(later)
    for vault in later.vaults.values():
        accept(vault.policy, model_digest(ended.outcome.model), "a test")
    assert not same(ran(later, line), ended.outcome)
    sent = [frame for _, frame in line.requests if frame.group("model")]
    assert [frame.kind for frame in sent] == ["sealed_keys"] * len(FIVE)
    other = {f"model/{name}": value + np.float32(1e-3) for name, value in ended.outcome.model.items()}
    changed = replace(with_arrays(sent[0], **other), header={**sent[0].header, "run": "other"})
    assert "refuses the first weights of run other" in replied(later, line.requests[0][0], changed).header["reason"]


def test_records_that_change_within_a_run_end_the_country_s_part(tmp_path: Path) -> None:
    """The masks of a round asked again would be the same, and the difference of the words there to read."""
    ready = prepared(tmp_path, TWELVE)
    with pytest.raises(StoppedLineError):
        ran(ready, Line(stop=4 * len(TWELVE)))
    with (tmp_path / "runs" / "run" / "data" / "LAO" / "policy.toml").open("a") as file:
        file.write("largest_update = 0.001\n")
    resumed = simulation.resume(str(tmp_path / "runs"), ready.run.folder)
    line = Line()
    ran(resumed, line)
    reasons = [str(frame.header.get("reason")) for country, frame in line.replies if country == "LAO"]
    assert "LAO leaves run run: its records, its policy or its software changed" in reasons[0]


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"strategy": "median"}, "strategy=median needs more than the mean"),
        ({"transport": "int8"}, "transport=int8"),
        ({"participation": 0.5}, "a sealed run asks every country"),
    ],
)
def test_a_run_that_cannot_be_sealed_says_so(tmp_path: Path, chosen: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        check(settings_of(tmp_path, FIVE, **{"protection": "sealed"} | chosen))


def test_two_countries_are_no_sum(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="3 to 256 members"):
        ran(prepared(tmp_path, ("LAO", "VNM")))


def test_scores_of_rounds_stay_in_a_country_whose_policy_says_so(tmp_path: Path) -> None:
    """With two of five that do so, their part of a sum is 0; with all, nothing of a validation is summed."""
    outcomes = [
        ran(prepared(tmp_path / str(count), policies=dict.fromkeys(FIVE[:count], "round_scores = false\n")))
        for count in (0, 2, 5)
    ]
    n = [max(row.n for row in outcome.validation if row.arm == "federated") for outcome in outcomes]
    assert n[0] > n[1] > n[2] == 0
    assert len({headline(outcome) for outcome in outcomes}) == 1


def test_rounds_of_a_month_are_counted_in_sealed_runs_too(tmp_path: Path) -> None:
    """A round is one, whatever number of messages it takes."""
    ran(prepared(tmp_path / "enough", policies={"KHM": "rounds_per_month = 4\n"}))
    with pytest.raises(QuorumError, match=r"KHM refuses another round: 3 began within 30 days"):
        ran(prepared(tmp_path / "fewer", policies={"KHM": "rounds_per_month = 3\n"}))
