"""What a lying coordinator or country gets of a sealed run, and what is left of its secrets."""

import json
import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.deployment.coordinator import ledger
from federation.errors import DeploymentError, QuorumError
from federation.runs import simulation
from federation.seals import posts
from federation.seals.masks import digest
from federation.settings.values import plain as plain_values
from federation.vault.database import open_database, open_ledger
from federation.vault.sealed import start as sealed_start
from federation.vault.sealed.store import SealStore
from federation.verbs import node_results
from federation.wire.frame import Frame, decode, encode
from tests.federation.sealed.federation import (
    EXCHANGES,
    FIVE,
    KINDS,
    TWELVE,
    Line,
    StoppedLineError,
    asked,
    lying,
    prepared,
    ran,
    replied,
    some,
    with_arrays,
    without,
)

pytestmark = pytest.mark.usefixtures("toy")


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
        "the list lacks LAO and holds others": without(honest, "LAO"),
        "3 countries signed the list": without(honest, "LAO", "THA", groups=("reveal",)),
        "and 4 are needed": without(honest, "LAO", "THA"),
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
