"""Runs that are sealed and under differential privacy: sums of noised updates, charged once, and nothing besides."""

import json
from collections.abc import Callable, Mapping
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.errors import QuorumError
from federation.privacy.mechanism import Noise, grid_step, rate
from federation.privacy.noise import BITS
from federation.reporting.rows import ALL
from federation.runs.simulation import Simulation, resume
from federation.seals.fixed_point import Codec, whole_weights
from federation.seals.masks import Words
from federation.seals.member import Member
from federation.seals.model import SharedModel, vector
from federation.seals.posts import SIGNATURE
from federation.seals.run import VOTES, bound_of
from federation.settings.parts import PrivacySettings
from federation.settings.plan import NOISED, SEALED
from federation.training.jobs import Array
from federation.vault import ledger
from federation.vault.noised import budget
from federation.vault.sealed import rounds as sealed_rounds
from federation.wire.frame import Frame, decode
from tests.federation.federations import records_in
from tests.federation.sealed.federation import FIVE, Line, StoppedLineError, prepared, ran
from tests.federation.toy import TOY, ToySettings
from tests.federation.vault.requesting import reply_frame, request_bytes

pytestmark = pytest.mark.usefixtures("toy")
BOTH = f"{SEALED}+{NOISED}"
COST = PrivacySettings(epsilon=2.0, score_epsilon=0.5)
SILENT = Noise(gaussian=lambda size: np.zeros(size, np.int64), laplace=lambda _: 0)


def noised(folder: Path, protection: str = BOTH, **rest: Any) -> Simulation:
    return prepared(folder, **{"protection": protection, "privacy": COST, "arms": ["federated"], **rest})


def with_noise(ready: Simulation, noise: Callable[[str], Noise]) -> None:
    for vault in ready.vaults.values():
        vault._noise = noise(vault.country)


def known(country: str) -> Noise:
    """A noise that two vaults of a country share; its first number lies far beyond every tail."""

    def gaussian(size: int) -> Array:
        drawn: Array = (np.random.default_rng(list(country.encode())).standard_normal(size) * 2**BITS).astype(np.int64)
        drawn[0] = 10**9 << BITS
        return drawn

    return Noise(gaussian=gaussian, laplace=lambda _: 0)


def plain_updates(ready: Simulation, model: Mapping[str, Array]) -> dict[str, Array]:
    """country -> (D,) as it leaves in a run that is noised and not sealed."""
    arrays = {f"model/{name}": value for name, value in model.items()}
    request = request_bytes("train", 1, ready.run.federation.plan, arrays=arrays)
    replies = {vault.country: reply_frame(vault, request) for vault in ready.vaults.values()}
    return {country: vector(reply.group("update")) for country, reply in replies.items()}


def test_a_sum_is_that_of_the_noised_updates_of_a_plain_run_bit_for_bit(tmp_path: Path) -> None:
    plain, sealed = (noised(tmp_path / name, name, rounds=1) for name in (NOISED, BOTH))
    first, plan = dict(sealed.run.progress.model), sealed.run.federation.plan
    for ready in (plain, sealed):
        with_noise(ready, known)
    updates, bound = plain_updates(plain, first), bound_of(plan)
    places = [len(vault.records(plan).windows["train"].places) for vault in sealed.vaults.values()]
    weights = dict(zip(updates, whole_weights(places, plan.strategy.largest_share), strict=True))
    codec = Codec(values=vector(first).size, scores=0, total=sum(weights.values()), bound=bound)
    words: Words = np.zeros(codec.words, np.uint32)
    for country, update in updates.items():
        assert (np.abs(update) > bound).sum() == 1
        words += codec.encode(np.clip(update, -bound, bound), np.zeros(0), weights[country])
    expected = SharedModel(round=0, weights=first).stepped(codec.mean(words, codec.total), plan)
    model = ran(sealed).model
    assert all(np.array_equal(model[name], value) for name, value in expected.weights.items())


def test_a_run_is_charged_once_whatever_is_killed_and_satisfies_who_asks_for_both(tmp_path: Path) -> None:
    policies = dict.fromkeys(FIVE, f'required_protection = ["{NOISED}", "{SEALED}"]\nepsilon = 3.0\n')
    ready, line = noised(tmp_path, policies=policies), Line(stop=4 * len(FIVE) + 3)
    with pytest.raises(StoppedLineError):  # in round 2, of which three countries have sent their frames
        ran(ready, line)
    again = Line()
    outcome = ran(resume(str(tmp_path / "runs"), ready.run.folder), again)
    sent = [(country, frame) for country, frame in line.replies if frame.kind == "sealed_round"]
    for country, frame in sent:
        for other, repeated in again.replies:
            if (other, repeated.kind, repeated.header.get("round")) == (country, frame.kind, frame.header["round"]):
                assert repeated.arrays["words"].tobytes() == frame.arrays["words"].tobytes()
    [vault, *_] = ready.vaults.values()
    rows = vault.database.execute("SELECT country, round, kind FROM charges ORDER BY country, round").fetchall()
    spent = [(1, "gaussian"), (2, "gaussian"), (4, "laplace")]
    assert rows == [(country, *each) for country in FIVE for each in spent]
    assert budget.verify(vault.database) == len(rows)
    entries = [entry for entry in ledger.entries(vault.database) if "charges" in entry.contents]
    assert [(entry.kind, len(entry.contents["charges"])) for entry in entries] == [("sealed_round", 1)] * len(rows)
    [row] = [row for row in outcome.rows if row.horizon == ALL and np.isfinite(row.value)]
    assert (row.country, row.arm, row.score, outcome.validation) == ("ASEAN", "federated", "mse", [])
    assert row.low < row.value < row.high


def test_what_a_hostile_frame_holds_in_the_place_of_a_vote_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_rounds, "_votes", lambda *_: np.ones(2))
    outcome = ran(noised(tmp_path, policies=dict.fromkeys(FIVE, "worse_rounds = 1\n")))
    assert [row for row in outcome.rows if np.isfinite(row.value)]


def test_only_noised_numbers_depend_on_the_records_of_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without noise, for the comparison: of two runs one place has no records in the other."""
    seen: list[tuple[str, int, Words]] = []
    mask = Member.mask

    def recorded(self: Member, setup: Any, round_: int, model: bytes, words: Words) -> Any:
        seen.append((self.country, round_, words.copy()))
        return mask(self, setup, round_, model, words)

    monkeypatch.setattr(Member, "mask", recorded)
    claims, frames = [], []
    for name, factor in (("one", 1.0), ("other", np.nan)):
        data = records_in(tmp_path / name / "data", FIVE, ToySettings())
        _multiply(data / "VNM" / "toy.csv", "p0", factor)
        ready, line = noised(tmp_path / name, data=str(data), rounds=1), Line()
        with_noise(ready, lambda _: SILENT)
        ran(ready, line)
        claims.append([_claims(frame) for _, frame in line.replies if frame.kind == "sealed_keys"])
        frames.append({(country, round_): words for country, round_, words in seen})
        seen.clear()
    assert claims[0] == claims[1]
    rows = len(TOY.horizons(ToySettings()))
    assert {json.dumps(each["filled"]) for each in claims[0]} == {
        json.dumps({"test": [False] * rows + [True], "validation": [False] * (rows + 1)})
    }
    moved = {key for key, words in frames[0].items() if not np.array_equal(words, frames[1][key])}
    assert {(country, round_) for country, round_ in moved if round_ < 3} == {("VNM", 1)}
    assert all(not words.any() for (_, round_), words in frames[0].items() if round_ == 2)
    _check_moved(ready, *(each["VNM", 1] for each in frames))


def _multiply(path: Path, place: str, factor: float) -> None:
    head, *lines = path.read_text().splitlines()
    rows = [line.split(",") for line in lines]
    changed = [[*row[:3], repr(float(row[3]) * (factor if row[0] == place else 1.0))] for row in rows]
    path.write_text("\n".join([head, *map(",".join, changed)]) + "\n")


def _claims(frame: Frame) -> Any:
    return json.loads(decode(frame.arrays["post"].tobytes()[SIGNATURE:]).header["claims"])


def _check_moved(ready: Simulation, one: Words, other: Words) -> None:
    """A place moves the update by the clip at most."""
    plan = ready.run.federation.plan
    vaults = sorted(ready.vaults.values(), key=lambda vault: vault.country)
    places = {vault.country: len(vault.records(plan).windows["train"].places) for vault in vaults}
    weights = whole_weights(list(places.values()), plan.strategy.largest_share)
    values = len(one) - 4 * VOTES
    codec = Codec(values=values, scores=VOTES, total=sum(weights), bound=bound_of(plan))
    moved = codec.mean((one - other).astype(np.uint32), dict(zip(places, weights, strict=True))["VNM"])
    most = rate(plan, 1) * plan.privacy.clip / places["VNM"]
    assert 0 < np.linalg.norm(moved) < most + sqrt(values) * codec.bound / codec.units
    assert grid_step(plan) < most  # so that it is no rounding that hides it


@pytest.mark.parametrize(("protection", "missing"), [(SEALED, NOISED), (NOISED, SEALED)])
def test_who_asks_for_both_refuses_one_alone(tmp_path: Path, protection: str, missing: str) -> None:
    policies = {"KHM": f'required_protection = ["{NOISED}", "{SEALED}"]\n'}
    ready = noised(tmp_path, protection, policies=policies, quorum=5)
    with pytest.raises(QuorumError, match=f"KHM asks for {missing}, which a run with protection={protection}"):
        ran(ready)
    [vault] = [vault for vault in ready.vaults.values() if vault.country == "KHM"]
    [objection] = vault.objections(ready.run.federation.plan)
    assert objection.remedy == f"protection={BOTH}"


def test_a_country_whose_budget_does_not_last_takes_no_part(tmp_path: Path) -> None:
    line = Line()
    with pytest.raises(QuorumError, match="KHM has no privacy budget for epsilon 2"):
        ran(noised(tmp_path, policies={"KHM": "epsilon = 1.5\n"}), line)
    assert {frame.kind for _, frame in line.requests} == {"sealed_keys"}


def test_two_frames_of_the_same_round_of_two_runs_share_no_noise(tmp_path: Path) -> None:
    """Each run has its own, from the system: with the same records, model and masks taken off, models differ."""
    models = [ran(noised(tmp_path / name, rounds=1)).model for name in ("one", "other")]
    assert all(not np.isclose(models[0][name], models[1][name], rtol=1e-6).any() for name in models[0])
