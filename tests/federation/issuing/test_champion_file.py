"""Champions' files: what a node takes, and that everything else is one line and changes nothing."""

import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator import checkpoint
from federation.deployment import certificates
from federation.errors import ChampionError, GotongError
from federation.issuing import champion_file
from federation.issuing.champion_file import PREFIX, read, unpack
from federation.issuing.held import DELIVERED, Held, champion_for, trust_of
from federation.wire import frame
from tests.federation.issuing.champions import stated, written


@pytest.fixture
def home(tmp_path: Path, coordinator: Path) -> Path:
    """Of a node that trusts the coordinator."""
    (tmp_path / "home").mkdir()
    shutil.copy(coordinator / "ca.pem", tmp_path / "home")
    return tmp_path / "home"


def take(home: Path, given: Path | None = None, *, task: str = "health", country: str = "VNM") -> Held:
    trust, now = trust_of(home, None), datetime.now(UTC)
    return champion_for(home, task, country, trust=trust, given=given, delivered=home / DELIVERED, now=now)


def test_a_champion_is_the_run_as_far_as_a_forecast_needs_it(
    home: Path, runs: Path, coordinator: Path, tmp_path: Path
) -> None:
    held = take(home, written(tmp_path / "a", runs / "june", stated(), coordinator))
    run = unpack(held.file, tmp_path)
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint.gotong", "model.gotong"]
    for name, value in checkpoint.load_model(runs / "june").items():
        np.testing.assert_array_equal(checkpoint.load_model(run)[name], value)
    header = checkpoint.read_header(run / checkpoint.FILE)
    assert header.keys() == {"run", "settings"}  # nothing of how many examples a country has, or how well it fares
    (tmp_path / "a").unlink()
    assert take(home).champion == held.champion  # offline, from what it holds


def _cut(content: bytes) -> bytes:
    return content[:-1]


def _changed_model(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _changed_statement(content: bytes) -> bytes:
    return content.replace(b'"kind":"refresh"', b'"kind":"recipes"')


def _changed_signature(content: bytes) -> bytes:
    end = PREFIX.size + PREFIX.unpack_from(content)[2]
    return content[:end] + bytes([content[end] ^ 1]) + content[end + 1 :]


def _unsigned(content: bytes) -> bytes:
    end = PREFIX.size + PREFIX.unpack_from(content)[2]
    return content[:end] + bytes(64) + content[end + 64 :]


def _of_version_9(content: bytes) -> bytes:
    return content[:4] + struct.pack("<H", 9) + content[6:]


def _endless_statement(content: bytes) -> bytes:
    return content[:6] + struct.pack("<I", 2**31) + content[10:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_cut, "its model is not the one that was signed"),
        (_changed_model, "its model is not the one that was signed"),
        (_changed_statement, "its signature does not fit: it was changed on the way"),
        (_changed_signature, "its signature does not fit: it was changed on the way"),
        (_unsigned, "nobody signed it"),
        (_of_version_9, "written in version 9 of the form, and 1 is read here; install the coordinator's version"),
        (_endless_statement, "it is cut short"),
        (lambda _: b"", "this is no champion's file; the coordinator writes one"),
        (lambda _: b"PK\x03\x04" * 9, "this is no champion's file"),
    ],
)
def test_what_was_changed_on_the_way_is_not_taken(
    change: Callable[[bytes], bytes], said: str, home: Path, runs: Path, coordinator: Path, tmp_path: Path
) -> None:
    first = take(home, written(tmp_path / "a", runs / "june", stated(), coordinator))
    path = written(home / DELIVERED / "ASEAN-health.champion", runs / "june", stated(2), coordinator)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ChampionError) as error:
        take(home, path)
    assert said in str(error.value)
    assert str(error.value).startswith(str(path))
    held = take(home)  # what a courier brings stops no forecast
    assert held.champion == first.champion
    assert any("not taken: " in line for line in held.said)


@pytest.mark.parametrize(
    ("champion", "said"),
    [
        (stated(2, task="disaster"), "it is a champion of task disaster, not of health"),
        (stated(2, region="SAARC"), "it is a champion of SAARC, and this node holds one of ASEAN"),
        (stated(1, signed_at=stated(3).signed_at), "does not say that it was taken back"),
        (stated(3, signed_at=stated(1).signed_at), "an old file was sent again"),
        (stated(3, run="../june"), "it says what no coordinator writes"),
        (stated(3, run="/etc/june"), "it says what no coordinator writes"),
        (stated(3, run=".."), "it says what no coordinator writes"),
        (stated(3, reason="a\nb"), "it says what no coordinator writes"),
        (stated(3, signed_at="2999-01-01T00:00:00+00:00"), "which lies ahead; set the clock"),
        (stated(3, signed_at="0001-01-01T00:00:00+14:00"), "does not say what it is in the form of this version"),
        (stated(3, decided_at="9999-12-31T23:00:00-14:00"), "does not say what it is in the form of this version"),
        (stated(3, signed_at=stated(3).signed_at.removesuffix("+00:00")), "it says what no coordinator writes"),
        (stated(3, signed_at="soon"), "does not say what it is in the form of this version"),
    ],
)
def test_what_the_coordinator_would_not_have_sent_is_not_taken(
    champion: champion_file.Champion, said: str, home: Path, runs: Path, coordinator: Path, tmp_path: Path
) -> None:
    take(home, written(tmp_path / "a", runs / "june", stated(2), coordinator))
    with pytest.raises(ChampionError) as error:
        take(home, written(tmp_path / "b", runs / "june", champion, coordinator))
    assert said in str(error.value)
    assert take(home).champion.version == 2


def test_a_champion_that_was_taken_back_makes_room_for_the_one_before_and_never_returns(
    home: Path, runs: Path, coordinator: Path, tmp_path: Path
) -> None:
    second = written(tmp_path / "b", runs / "june", stated(2), coordinator)
    take(home, second)
    back = stated(1, signed_at=stated(3).signed_at, rolled_back=(2,))
    assert take(home, written(tmp_path / "a", runs / "june", back, coordinator)).champion.version == 1
    with pytest.raises(ChampionError, match="an old file was sent again"):
        take(home, second)
    assert take(home, written(tmp_path / "c", runs / "june", stated(4), coordinator)).champion.version == 4


@pytest.mark.timeout(30)
@pytest.mark.parametrize("content", ["pipe", '{"at": "0001-01-01T00:00:00+14:00"}', "[" * 999, "{}", ""])
def test_what_a_courier_says_of_its_calls_stops_nothing(
    content: str, home: Path, runs: Path, coordinator: Path, tmp_path: Path
) -> None:
    take(home, written(tmp_path / "a", runs / "june", stated(), coordinator))
    (home / DELIVERED).mkdir()
    path = home / DELIVERED / "asked.json"
    os.mkfifo(path) if content == "pipe" else path.write_text(content)
    assert take(home).said[-1].startswith("offline: no courier has asked")


def test_a_country_with_a_veto_keeps_what_it_holds(home: Path, runs: Path, coordinator: Path, tmp_path: Path) -> None:
    new = written(tmp_path / "b", runs / "june", stated(2, keep=("VNM",)), coordinator)
    with pytest.raises(ChampionError, match="this node holds none; let the coordinator write that one"):
        take(home, new)
    take(home, written(tmp_path / "a", runs / "june", stated(), coordinator))
    held = take(home, new)
    assert held.champion.version == 1
    assert "VNM keeps version 1: version 2 is worse for it for certain" in held.said
    assert take(home, new, country="LAO").champion.version == 2


def test_only_a_simulation_takes_what_nobody_signed(home: Path, runs: Path, coordinator: Path, tmp_path: Path) -> None:
    unsigned = written(tmp_path / "a", runs / "june", stated())
    with pytest.raises(ChampionError, match="nobody signed it"):
        take(home, unsigned)
    (home / "ca.pem").unlink()
    assert take(home, unsigned).champion.version == 1
    with pytest.raises(ChampionError, match=r"there is no ca\.pem to verify it with"):
        take(home, written(tmp_path / "b", runs / "june", stated(2), coordinator))
    (home / "courier").mkdir()
    (home / "courier" / "node.key").touch()
    with pytest.raises(ChampionError, match=r"ca\.pem is not there, so nobody's champion can be verified"):
        take(home, unsigned)


def test_a_stranger_and_a_revoked_key_sign_in_vain(home: Path, runs: Path, coordinator: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    certificates.create(stranger, ["localhost"])
    with pytest.raises(GotongError, match="signed by a stranger"):
        take(home, written(tmp_path / "a", runs / "june", stated(), stranger))
    take(home, written(tmp_path / "b", runs / "june", stated(), coordinator))
    shutil.copytree(coordinator, tmp_path / "copy")
    certificates.revoke(tmp_path / "copy", certificates.own_numbers(tmp_path / "copy"))
    shutil.copy(tmp_path / "copy" / "revoked.crl", home)
    with pytest.raises(ChampionError, match="the key that signed it was revoked"):
        take(home)


def test_a_held_champion_is_used_after_its_signers_certificate_has_expired(
    home: Path, runs: Path, coordinator: Path, tmp_path: Path
) -> None:
    file = take(home, written(tmp_path / "a", runs / "june", stated(), coordinator)).file
    late = datetime.now(UTC) + timedelta(days=500)
    trust = trust_of(home, None)
    held = champion_for(home, "health", "VNM", trust=trust, given=None, delivered=home / DELIVERED, now=late)
    assert held.file == file
    assert held.said[-1].startswith("offline: no courier has asked")
    with pytest.raises(GotongError, match="valid from"):
        file.verify(certificates.certificate_of(coordinator / "ca.pem"), None, late)


def test_a_file_without_end_is_not_read(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(champion_file, "LARGEST", 1000)
    (tmp_path / "large").write_bytes(b"GTCH" * 300)
    with pytest.raises(ChampionError, match="more than any that Gotong writes"):
        take(home, tmp_path / "large")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ChampionError, match="is not there, or no file"):
        take(home, tmp_path / "pipe")


def test_a_model_that_its_statement_does_not_name_is_not_unpacked(
    runs: Path, coordinator: Path, tmp_path: Path
) -> None:
    file = read(written(tmp_path / "a", runs / "june", stated(), coordinator))
    other = replace(file.champion, model="0" * 64)
    with pytest.raises(ChampionError, match="its model is not the one that it names"):
        unpack(replace(file, champion=other), tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden": [4096] * 8}, "parameters, and 67,108,864 may be"),
        ({"hidden": [3]}, "its weights are not those of the model in its settings"),
        ({"model": "oracle"}, "its settings are none of this version of Gotong"),
        ({"hidden": "all"}, "its settings are none of this version of Gotong"),
    ],
)
def test_settings_of_another_model_are_refused_before_it_is_built(
    change: dict[str, object], said: str, runs: Path, tmp_path: Path
) -> None:
    run = runs / "june"
    settings = dict(checkpoint.read_header(run / checkpoint.FILE)["settings"])
    settings["task"] = {**settings["task"], **change}
    content = champion_file.packed(stated(), checkpoint.load_model(run), settings, None)
    with pytest.raises(ChampionError) as error:
        unpack(champion_file.opened(content), tmp_path)
    assert said in str(error.value)


def test_a_file_of_another_software_version_says_so(
    home: Path, runs: Path, coordinator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(frame, "VERSION", 9)
        path = written(tmp_path / "a", runs / "june", stated(software="9.0"), coordinator)
    with pytest.raises(ChampionError, match=r"it was written by Gotong 9\.0: .*install the same version"):
        unpack(take(home, path).file, tmp_path)
