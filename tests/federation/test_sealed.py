"""Sealed runs of whole federations: what they learn, who may drop out, what a lying coordinator gets, and kills."""

import json
import random
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.composition.restore import check
from federation.coordinator import checkpoint, rounds
from federation.coordinator.state import Outcome
from federation.deployment.coordinator import ledger
from federation.errors import ConfigError, DeploymentError, QuorumError
from federation.policy.file import accept
from federation.reporting.rows import ALL
from federation.runs import folder, simulation
from federation.seals import posts
from federation.seals.masks import digest
from federation.settings.values import plain as plain_values
from federation.strategies import STRATEGIES
from federation.vault.database import open_database, open_ledger
from federation.vault.identity import fingerprint
from federation.vault.round import serve
from federation.vault.sealed import rounds as sealed_rounds
from federation.vault.sealed import start as sealed_start
from federation.vault.sealed.store import SealStore
from federation.verbs import node_results
from federation.wire.frame import Frame, decode, encode
from federation.wire.model import model_digest
from tests.federation.federations import ready, run, settings_of
from tests.federation.sealed_federation import (
    FIVE,
    Line,
    StoppedLineError,
    dropping,
    prepared,
    ran,
    with_arrays,
)

pytestmark = pytest.mark.usefixtures("toy")
KINDS = ("sealed_keys", "sealed_deal", "sealed_round", "sealed_reveal", "sealed_end", "train")
TWELVE = (
    "BGD",
    "BRN",
    "IDN",
    "KHM",
    "LAO",
    "MMR",
    "MYS",
    "PHL",
    "SGP",
    "THA",
    "TLS",
    "VNM",
)  # of four groups, one may stay out
EXCHANGES = 2 + 2 * 4 + 1  # keys, deal; frame and reveal of two rounds, a validation and the test; the end


SEALABLE = [name for name, strategy in STRATEGIES.items() if strategy.step is not None]


def some(values: Iterable[Any], *short: Any) -> list[Any]:
    """Parameters of a test, of which all but these are of the long tests."""
    return [pytest.param(value, marks=[] if value in short else [pytest.mark.long]) for value in values]


def same(one: Outcome, other: Outcome) -> bool:
    return all(np.array_equal(one.model[name], other.model[name]) for name in one.model)


def headline(outcome: Outcome, country: str = "ASEAN") -> float:
    row = next(row for row in outcome.rows if (row.country, row.arm, row.horizon) == (country, "federated", ALL))
    return row.value


def asked(line: Line, kind: str, round_: int, country: str) -> Frame:
    return next(
        frame for who, frame in line.requests if (who, frame.kind, frame.header["round"]) == (country, kind, round_)
    )


@pytest.mark.parametrize("strategy", some(SEALABLE, "fedavg", "fedadam", "fedper"))
def test_a_sealed_run_learns_what_a_plain_one_does(tmp_path: Path, strategy: str) -> None:
    chosen: dict[str, Any] = {"weights": "equal"}
    policies = dict.fromkeys(FIVE, "minimum_cohort = 1\n")
    outcomes = {}
    for protection in ("none", "sealed"):
        ready = prepared(
            tmp_path / protection, policies=policies, strategy=strategy, chosen=chosen, rounds=3, protection=protection
        )
        outcomes[protection] = run(ready).outcome
    plain, sealed = outcomes["none"], outcomes["sealed"]
    assert max(float(np.abs(plain.model[name] - sealed.model[name]).max()) for name in plain.model) < 1e-5
    assert headline(sealed) == pytest.approx(headline(plain), abs=1e-4)
    assert {row.country for row in sealed.rows} == {"ASEAN"}
    assert len(plain.rows) > len(sealed.rows)


def test_a_group_with_one_that_is_silent_stays_out_and_may_return(tmp_path: Path) -> None:
    line = Line(request=dropping("sealed_reveal", (1, "LAO")), reply=dropping("sealed_round", (2, "THA")))
    ready = prepared(tmp_path, TWELVE, rounds=2)
    ran(ready, line)
    first, second, *_ = [set(asked(line, "sealed_reveal", number, "VNM").group("frame")) for number in range(1, 5)]
    assert first == set(TWELVE)
    assert "THA" not in second
    assert len(first - second) == 3


def test_a_model_that_stands_still_tells_of_no_single_country(tmp_path: Path) -> None:
    """All sums of all lists that vaults sign, added and subtracted: none is of fewer than three countries.

    With the same model every round, all updates are the same every round, and lists that change by pairs drawn anew
    have as many independent sums as there are countries.
    """
    ready = prepared(tmp_path, TWELVE, rounds=1)
    line = Line(stop=3 * len(TWELVE) + 1)
    with pytest.raises(StoppedLineError):
        ran(ready, line)
    whole = asked(line, "sealed_reveal", 1, line.requests[-1][0])
    for country in TWELVE:
        less = _without(whole, country, groups=("frame",))
        reply = replied(ready, next(other for other in TWELVE if other != country), less)
        assert f"the list lacks {country}" in reply.header["reason"]


@pytest.mark.parametrize(
    "policies", [dict.fromkeys(FIVE[:3], "train = false\n"), dict.fromkeys(FIVE[1:], "minimum_cohort = 100000\n")]
)
def test_updates_of_one_or_two_countries_are_no_sum(tmp_path: Path, policies: dict[str, str]) -> None:
    """Countries that train nothing add nothing to the mean: with one that trains, the mean is its update."""
    line = Line()
    learning = len(FIVE) - len(policies)
    with pytest.raises(
        QuorumError, match=f"{learning} countries of run run train a model, and a sum of updates holds 3"
    ):
        ran(prepared(tmp_path, policies=policies), line)
    assert {frame.kind for _, frame in line.requests} == {"sealed_keys", "sealed_deal"}


@pytest.mark.parametrize(
    ("finds_it_worse", "ends"),
    [({"KHM": {2, 3, 4, 5}, "LAO": {2, 3, 4, 5}}, None), ({"IDN": {2, 4}, "KHM": {2, 4}, "LAO": {2, 3, 4}}, 5)],
    ids=["two of five", "three of five, twice"],
)
def test_a_run_that_half_of_the_countries_find_worse_again_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finds_it_worse: dict[str, set[int]], ends: int | None
) -> None:
    def votes(vault: Any, at: Any, *_: Any) -> Any:
        return np.array([float(at.kind != "test"), float(at.place.round in finds_it_worse.get(vault.country, set()))])

    monkeypatch.setattr(sealed_rounds, "_votes", votes)
    ready = prepared(tmp_path, policies=dict.fromkeys(FIVE, "worse_rounds = 2\n"), rounds=6)
    if ends is None:
        ran(ready)
        return
    with pytest.raises(QuorumError, match=f"round {ends}: 0 countries sent a frame.*after 2 rounds half of the"):
        ran(ready)
    resumed = simulation.resume(str(tmp_path / "runs"), ready.run.folder)
    with pytest.raises(QuorumError, match=f"round {ends}: 0 countries sent a frame"):
        ran(resumed)


def test_with_fewer_than_the_threshold_the_run_ends_and_can_go_on(tmp_path: Path) -> None:
    undisturbed = ran(prepared(tmp_path / "whole"))
    ready = prepared(tmp_path / "cut")
    line = Line(request=dropping("sealed_round", (2, "THA"), (2, "VNM")))
    with pytest.raises(QuorumError, match=r"round 2: 3 countries sent a frame.*4 are needed"):
        ran(ready, line)
    resumed = simulation.resume(str(tmp_path / "cut" / "runs"), ready.run.folder)
    assert same(ran(resumed), undisturbed)


@pytest.mark.parametrize("exchange", some(range(EXCHANGES), 1, 4, 7))
def test_a_coordinator_killed_at_any_message_goes_on_to_the_same_bits(tmp_path: Path, exchange: int) -> None:
    undisturbed = ran(prepared(tmp_path / "whole"))
    ready = prepared(tmp_path / "killed")
    with pytest.raises(StoppedLineError):
        ran(ready, Line(stop=exchange * len(FIVE) + 2))
    for vault in ready.vaults.values():
        vault.database.close()
        break
    resumed = simulation.resume(str(tmp_path / "killed" / "runs"), ready.run.folder)
    ended = ran(resumed)
    assert same(ended, undisturbed)
    assert headline(ended) == headline(undisturbed)


def test_nothing_of_one_country_reaches_the_coordinator_but_what_all_may_know(tmp_path: Path) -> None:
    line = Line()
    ready = prepared(tmp_path)
    ran(ready, line)
    for country, frame in line.replies:
        assert set(frame.header) == {"country", "run", "round"}
        assert {name.split("/")[0] for name in frame.arrays} <= {"post", "words", "box"}
        assert frame.header["country"] == country
    claims = json.loads(decode_post(next(frame for _, frame in line.replies if frame.kind == "sealed_keys"))["claims"])
    assert set(claims) == {"examples", "filled", "model", "sealed_only", "versions"}
    with closing(open_database(ready.run.folder / "vault.sqlite")) as database:
        kept = {name for (name,) in database.execute("SELECT DISTINCT name FROM seals")}
        assert not kept & {"secrets", "held", "static", "own shares"}
        assert database.execute("SELECT count(*) FROM ledger").fetchone()[0] == len(FIVE) * (EXCHANGES)


def decode_post(frame: Frame) -> Any:
    return decode(frame.arrays["post"].tobytes()[64:]).header


def replied(ready: simulation.Simulation, country: str, frame: Frame) -> Frame:
    """What a vault says to a request of a lying coordinator's own."""
    vault = next(vault for vault in ready.vaults.values() if vault.country == country)
    [reply] = serve(
        [(vault, encode(frame))], lambda jobs: __import__("federation.training.sequential", fromlist=["run"]).run(jobs)
    )
    return decode(reply)


def test_a_lying_coordinator_makes_no_vault_score_or_train_another_model(tmp_path: Path) -> None:
    """Requests of an honest run, changed: every one of them is refused, by the vault that was to believe it."""
    line, ready = Line(), prepared(tmp_path)
    with pytest.raises(StoppedLineError):
        ran(ready, replace(line, stop=4 * len(FIVE)))  # the first round is closed, the second is not asked for
    line = Line()
    resumed = simulation.resume(str(tmp_path / "runs"), ready.run.folder)
    with pytest.raises(StoppedLineError):
        ran(resumed, Line(stop=2, requests=line.requests))
    one = FIVE[1]
    honest = asked(line, "sealed_round", 2, one)
    words = honest.arrays["words/LAO"].copy()
    words[0] ^= 1
    cases = {
        "is not the one it signed": with_arrays(honest, **{"words/LAO": words}),
        "is not signed by the key on the roster": with_arrays(honest, **{"frame/LAO": _flipped(honest, "frame/LAO")}),
        "the reveal post of LAO is not signed": with_arrays(honest, **{"reveal/LAO": _flipped(honest, "reveal/LAO")}),
        "the frame post of LAO is not signed": with_arrays(honest, **{"frame/LAO": honest.arrays["frame/THA"]}),
        "is no member of run": with_arrays(honest, **{"frame/XXX": honest.arrays["frame/THA"]}),
        "the list lacks LAO and holds others": _without(honest, "LAO"),
        "3 countries signed the list": _without(honest, "LAO", "THA", groups=("reveal",)),
        "and 4 are needed": _without(honest, "LAO", "THA"),
    }
    for reason, frame in cases.items():
        reply = replied(resumed, one, frame)
        assert reply.kind == "refused"
        assert any(each in reply.header["reason"] for each in reason.split("|")), reply.header["reason"]
    plain = {"run": "run", "round": 2, "last_aggregated": 1, "plan": plain_values(resumed.run.federation.plan)}
    model = {f"model/{name}": value for name, value in resumed.run.progress.model.items()}
    reply = replied(resumed, one, Frame(kind="train", header=plain, arrays=model))
    assert "is sealed" in reply.header["reason"]
    assert replied(resumed, one, honest).kind == "sealed_round"
    assert "has replied to another" in replied(resumed, one, cases["and 4 are needed"]).header["reason"]


ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**9,
    2**63 - 1,
    0.5,
    "",
    "x" * 300,
    "KHM",
    [],
    {},
    [[]],
    {"KHM": "00"},
    {"KHM": 1},
)
ODD_ARRAYS = (
    np.zeros(0, np.uint8),
    np.zeros(3, np.uint8),
    np.zeros((2, 2), np.uint8),
    np.full(4, np.nan, np.float32),
    np.zeros(32, np.int64),
    np.arange(200, dtype=np.uint8),
)


def mangled(frame: Frame, draw: random.Random) -> Frame:
    """The frame with one thing in it that nobody sends."""
    header, arrays = dict(frame.header), dict(frame.arrays)
    name = draw.choice([*arrays, "frame/VNM"])
    match draw.randrange(5):
        case 0:
            header[draw.choice([*header, "members", "threshold", "fewest", "plan"])] = draw.choice(ODD)
        case 1:
            arrays[name] = draw.choice(ODD_ARRAYS)
        case 2:
            arrays.pop(name, None)
        case 3:
            arrays[draw.choice(["frame/", "frame/a/b", "box/", "x", "keys/KHM", "reveal/XXX"])] = draw.choice(
                ODD_ARRAYS
            )
        case _:
            value = arrays.get(name, np.zeros(9, np.uint8)).copy()
            if value.size:
                value[draw.randrange(value.size)] ^= 1 << draw.randrange(8)
            arrays[name] = value
    return replace(frame, header=header, arrays=arrays, kind=draw.choice([frame.kind, frame.kind, *KINDS]))


@pytest.mark.parametrize("messages", some(range(1, EXCHANGES + 1), 1, 5, 8))
def test_mangled_requests_of_any_phase_are_refused_in_words(tmp_path: Path, messages: int) -> None:
    line, ready, draw = Line(stop=messages * len(FIVE)), prepared(tmp_path), random.Random(messages)
    if messages < EXCHANGES:
        with pytest.raises(StoppedLineError):
            ran(ready, line)
    else:
        ran(ready, line)
    honest = [frame for country, frame in line.requests if country == "LAO"]
    known = {encode(frame) for frame in honest}
    for _ in range(60):
        frame = mangled(draw.choice(honest), draw)
        if encode(frame) not in known:
            reply = replied(ready, "LAO", frame)
            fresh_run = frame.kind == "sealed_keys" and frame.header.get("run") != "run"
            assert reply.kind == "refused" or fresh_run, (frame.kind, frame.header)


def _flipped(frame: Frame, name: str) -> Any:
    value = frame.arrays[name].copy()
    value[-1] ^= 1
    return value


def _without(frame: Frame, *countries: str, groups: tuple[str, ...] = ("frame", "words", "reveal")) -> Frame:
    gone = {f"{group}/{country}" for group in groups for country in countries}
    return replace(frame, arrays={name: value for name, value in frame.arrays.items() if name not in gone})


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


def test_another_first_model_ends_the_setup_naming_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = prepared(tmp_path)
    honest, seen = sealed_start.first_model, []

    def drawn(plan: Any, weights: Any) -> Any:
        seen.append(plan)
        model = honest(plan, weights)
        return replace(model, round=1) if len(seen) == 3 else model

    monkeypatch.setattr(sealed_start, "first_model", drawn)
    with pytest.raises(
        QuorumError, match=r"LAO begins with another first model than .*: it has gotong .*, torch .*numpy"
    ):
        ran(ready)


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


def test_what_a_vault_erased_is_in_none_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put, secrets = SealStore.put, []

    def kept(store: SealStore, round_: int, name: str, value: bytes) -> None:
        if name in ("secrets", "held", "static", "own shares"):
            secrets.append(value)
        put(store, round_, name, value)

    monkeypatch.setattr(SealStore, "put", kept)
    ready = prepared(tmp_path)
    ran(ready)
    files = [path.read_bytes() for path in ready.run.folder.glob("vault.sqlite*")]
    assert len(secrets) > 4 * len(FIVE)
    assert not any(secret in file for secret in secrets for file in files)


def lying(kind: str, liar: str, change: Callable[[Frame], Frame]) -> Line:
    """A line on which one country sends something else."""
    return Line(reply=lambda country, frame: change(frame) if (country, frame.kind) == (liar, kind) else frame)


@pytest.mark.parametrize("size", [6, 400])
def test_a_country_that_signs_words_of_another_length_stays_out(tmp_path: Path, size: int) -> None:
    ready = prepared(tmp_path, TWELVE)
    vault = next(vault for vault in ready.vaults.values() if vault.country == "LAO")
    assert vault.identity is not None
    key = vault.identity.key

    def shorter(frame: Frame) -> Frame:
        """Signed as the country signs."""
        signed = decode(frame.arrays["post"].tobytes()[posts.SIGNATURE :])
        arrays = {"model": signed.arrays["model"].tobytes(), "digest": digest(bytes(size))}
        context = bytes.fromhex(signed.header["context"])
        post = posts.publish(key, "frame", context, "LAO", arrays, round=signed.header["round"])
        return with_arrays(frame, post=posts.as_array(post), words=posts.as_array(bytes(size)))

    line = lying("sealed_round", "LAO", shorter)
    ran(ready, line)
    assert "LAO" not in set(asked(line, "sealed_reveal", 1, "VNM").group("frame"))


def test_boxes_for_nobody_are_not_kept(tmp_path: Path) -> None:
    ready = prepared(tmp_path)
    line = lying("sealed_deal", "LAO", lambda frame: with_arrays(frame, **{"box/THA/x": np.zeros(9, np.uint8)}))
    with pytest.raises(StoppedLineError):
        ran(ready, replace(line, stop=3 * len(FIVE)))
    ran(simulation.resume(str(tmp_path / "runs"), ready.run.folder))


def test_a_coordinator_has_no_results_of_its_own(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path / ledger.FILE)):
        assert ledger.is_home(tmp_path)
    with pytest.raises(DeploymentError, match="has no ledger"):
        node_results.show(node_results.ResultsSettings(home=str(tmp_path)))
