"""A country's own side: its terms, its switch, and what it can find out alone."""

import grp
import json
import os
import pwd
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from federation.cli import main
from federation.coordinator import checkpoint
from federation.deployment.coordinator import terms
from federation.deployment.coordinator.status import outcome_of
from federation.deployment.node import check, pause
from federation.deployment.node.flower_link import StandingInterceptor
from federation.deployment.node.process import children, prepare
from federation.deployment.node.settings import NodeSettings
from federation.deployment.node.vault_line import exchange
from federation.deployment.node.vault_process import RequestHandler, read_policy
from federation.deployment.node.vault_process import run as serve
from federation.errors import ConfigError, DeploymentError, WireError
from federation.policy.keys import Policy, values_of
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.vault import terms as vault_terms
from federation.vault.database import open_database
from federation.vault.records import open_records
from federation.vault.vault import Vault
from federation.wire.frame import Frame, decode, encode
from tasks.registry import TASKS
from tests.deployment.signing import signer_in

HEALTH = TASKS["health"]


@pytest.fixture
def handler(tmp_path: Path) -> RequestHandler:
    (tmp_path / "vault").mkdir()
    (tmp_path / "policy.toml").write_text('tasks = ["health"]\nmaximum_rounds = 7\n')
    policy = read_policy(tmp_path / "policy.toml", "VNM")
    database = open_database(tmp_path / "vault" / "vault.sqlite")
    vault = Vault(country="VNM", folder=tmp_path, policy=policy, database=database, key=bytes(32))
    return RequestHandler(vault, tmp_path / "vault", torch.device("cpu"))


ASK = encode(Frame(kind="terms", header={"run": "r"}))


def _reason(reply: bytes) -> str:
    frame = decode(reply)
    assert frame.kind == "refused"
    return str(frame.header["reason"])


def test_terms_are_what_the_policy_says_and_follow_it_when_it_is_edited(
    handler: RequestHandler, tmp_path: Path
) -> None:
    assert decode(handler.respond(ASK)).header["policy"]["maximum_rounds"] == 7
    (tmp_path / "policy.toml").write_text('tasks = ["disaster"]\nmaximum_rounds = 30\n')
    header = decode(handler.respond(ASK)).header["policy"]
    assert (header["tasks"], header["maximum_rounds"]) == (["disaster"], 30)
    (tmp_path / "policy.toml").write_text("tasks = 3\n")
    assert "refuses all requests until it is fixed" in _reason(handler.respond(ASK))


def test_a_policy_that_is_gone_is_no_consent_and_one_that_comes_back_is_read(
    handler: RequestHandler, tmp_path: Path
) -> None:
    policy = (tmp_path / "policy.toml").read_text()
    (tmp_path / "policy.toml").unlink()
    for _ in range(2):
        assert "is not there" in _reason(handler.respond(ASK))
    (tmp_path / "policy.toml").write_text(policy)
    assert decode(handler.respond(ASK)).header["policy"]["maximum_rounds"] == 7


def test_nothing_that_a_stranger_writes_makes_a_line_of_the_log(
    handler: RequestHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "vault")
    handler.respond(encode(Frame(kind="train\nforged", header={"run": "r", "round": "1\nforged"})))
    assert caplog.messages
    assert not any("\n" in message for message in caplog.messages)


def test_a_country_that_paused_serves_nothing_until_it_resumes_and_a_withdrawal_is_for_good(
    handler: RequestHandler, tmp_path: Path
) -> None:
    pause.pause(tmp_path)
    assert "has paused" in _reason(handler.respond(ASK))
    pause.resume(tmp_path)
    assert decode(handler.respond(ASK)).kind == "terms"
    assert not pause.withdraw(tmp_path)  # a courier with a folder of its own has the key
    (tmp_path / "courier").mkdir()
    (tmp_path / "courier" / "node.key").write_bytes(b"k")
    assert pause.withdraw(tmp_path)
    assert pause.withdraw(tmp_path)
    assert "has withdrawn" in _reason(handler.respond(ASK))
    assert not (tmp_path / "courier" / "node.key").exists()
    with pytest.raises(DeploymentError, match="not by resume"):
        pause.resume(tmp_path)


def test_a_countrys_word_lies_next_to_its_socket_and_goes_with_every_call(tmp_path: Path) -> None:
    """A pause takes its effect on the coordinator's screen without a request, where the line is elsewhere too."""
    vault, line = tmp_path / "vault", tmp_path / "run"
    vault.mkdir()
    line.mkdir()
    pause.pause(tmp_path)
    assert list(line.iterdir()) == []  # nobody knows yet where the socket lies
    pause.publish(vault, line)
    said = []

    def call(context: SimpleNamespace) -> httpx.Response:
        said.append(context.request.headers["gotong-standing"])
        return httpx.Response(200)

    def calls() -> str:
        context = SimpleNamespace(request=httpx.Request("POST", "https://127.0.0.1/v1/fleet/pull-messages"))
        StandingInterceptor(line).intercept(context, call)  # type: ignore[arg-type]
        return str(said[-1])

    assert calls() == "paused"
    pause.resume(tmp_path)
    assert calls() == "serving"
    pause.pause(tmp_path)
    assert calls() == "paused"
    pause.withdraw(tmp_path)
    assert calls() == "withdrawn"
    (line / "standing").write_bytes(b"\xff" * 9)
    assert calls() == "serving"


def test_a_missing_policy_is_no_consent(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="is not there"):
        read_policy(tmp_path / "policy.toml", "VNM")
    with pytest.raises(DeploymentError, match=r"named policy\.toml"):
        read_policy(tmp_path / "other.toml", "VNM")


def _plan(rounds: int) -> Plan:
    from federation.strategies import STRATEGIES

    return Plan(task=HEALTH.settings(), strategy=STRATEGIES["fedavg"].settings(name="fedavg"), rounds=rounds)


def test_a_policy_that_cannot_be_looked_for_is_a_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="let this user read the folder"):  # as root may read all: another error
        read_policy(tmp_path / ("x" * 300) / "policy.toml", "VNM")


@pytest.mark.parametrize("key", ["country", "coordinator"])
def test_an_empty_name_from_an_environment_is_none(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}= is empty"):
        NodeSettings(**{"country": "VNM", "part": "courier", key: ""}).check()  # type: ignore[arg-type]


def test_a_run_that_died_before_its_first_checkpoint_is_not_to_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "early").mkdir()
    assert outcome_of(tmp_path / "early") == "died; submit it anew under another name, for it had not begun"
    (tmp_path / "early" / checkpoint.FILE).touch()
    assert outcome_of(tmp_path / "early") == "died; go on with `gotong submit resume=early`"


def test_terms_say_to_a_plan_what_would_be_accepted_and_what_replies_will_claim(
    handler: RequestHandler, tmp_path: Path
) -> None:
    def said(plan: Plan) -> terms.Terms:
        ask = encode(Frame(kind="terms", header={"run": "r", "plan": plain(plan)}))
        return terms.read("VNM", decode(handler.respond(ask)).header)

    assert said(_plan(7)).objections == ("its records cannot be used; see the log of its node",)  # there are none
    HEALTH.synthesize(tmp_path, "VNM", 5, HEALTH.settings())
    agreed, longer = said(_plan(7)), said(_plan(8))
    assert agreed.objections == ()
    assert longer.objections == ("refuses 8 rounds: its policy allows 7; rounds=7 would be accepted",)
    assert longer.claim is None
    assert agreed.claim is not None
    records = open_records(HEALTH, HEALTH.settings(), tmp_path, "VNM", bytes(32))
    assert agreed.claim.examples == 2 ** int(np.ceil(np.log2(records.cohort())))  # no more than the order of magnitude
    with pytest.raises(ConfigError, match=r"VNM refuses 8 rounds: .*; rounds=7 would be accepted"):
        terms.check(terms.RegionTerms(terms={"VNM": longer}, absent=()))
    one_step = replace(_plan(7), training=TrainingSettings(epochs=1, batch_size=100_000))
    assert said(one_step).objections[0].startswith("refuses updates of 1 optimiser steps: its policy wants 2 or more")


BAD_TERMS: dict[str, dict[str, Any]] = {
    "another version": {"accepted": [99]},
    "no policy": {"policy": None},
    "half a policy": {"policy": {"tasks": ["health"]}},
    "a word for a number": {"policy": values_of(Policy(country="VNM", path=Path(), tasks=())) | {"minimum_batch": "x"}},
    "no objections": {"objections": None},
    "a claim that is none": {"claim": {"examples": "many"}},
    "a claim below none": {"claim": {"examples": -5, "scored": 1}},
    "a true claim": {"claim": {"examples": True, "scored": 1}},
}


@pytest.mark.parametrize("wrong", BAD_TERMS.values(), ids=BAD_TERMS)
def test_terms_that_are_none_are_refused_with_what_to_install(handler: RequestHandler, wrong: dict[str, Any]) -> None:
    header = dict(decode(handler.respond(ASK)).header)
    assert terms.read("VNM", header).policy.maximum_rounds == 7
    with pytest.raises(WireError, match="install the same version of Gotong on both sides"):
        terms.read("VNM", header | wrong)


def _records(folder: Path) -> Path:
    HEALTH.synthesize(folder, "SGP", 5, HEALTH.settings())
    (folder / "policy.toml").write_text('tasks = ["health"]\n')
    return folder


def test_a_country_sees_its_own_score_and_every_byte_that_would_leave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _records(tmp_path)
    common = ["country=SGP", f"data={data}", "training.epochs=1"]
    main(["node", "train", *common, "rounds=1", f"out={tmp_path / 'own.json'}"])
    rows = json.loads((tmp_path / "own.json").read_text())
    assert {row["country"] for row in rows} == {"SGP"}
    assert {"local", "seasonal_persistence"} <= {row["arm"] for row in rows}
    assert "federated" not in {row["arm"] for row in rows}
    capsys.readouterr()
    main(["node", "preview", *common])
    printed = capsys.readouterr().out
    first = printed.splitlines()[:6]
    assert [line.split()[0] for line in first[:5]] == ["who", "task", "leaves", "bytes", "protection"]
    assert first[5] == ""
    assert "SGP, from the national files in" in first[0]
    assert "Monthly dengue per province" in first[1]
    assert "no record and no name of a place" in first[2]
    assert re.search(r"[\d,]{6,} of update, [\d,]{5,} of scores", first[3])
    assert "the coordinator sees this country's update; no number rests on fewer than 24" in first[4]
    module = HEALTH.build_model(HEALTH.settings(), 1)
    for name, value in module.named_parameters():
        assert f"  update/{name}  {'x'.join(map(str, value.shape))}  float32  {4 * value.numel():,} bytes" in printed
    assert "\nscores: " in printed
    assert {path.name for path in tmp_path.iterdir()} >= {"own.json"}
    assert not list(tmp_path.glob("*.sqlite"))  # nothing was released, so nothing is on a ledger


def test_a_policy_holds_for_a_countrys_own_model_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = _records(tmp_path)
    (data / "policy.toml").write_text('tasks = ["disaster"]\n')
    with pytest.raises(SystemExit):
        main(["node", "preview", "country=SGP", f"data={data}"])
    assert "SGP refuses task 'health'" in capsys.readouterr().err


def test_a_check_names_what_stands_in_the_way(tmp_path: Path) -> None:
    findings = {finding.what: finding for finding in check.findings(_settings(tmp_path, data=str(_records(tmp_path))))}
    assert findings["key"].good is False  # no home yet: nobody's but to be made
    assert findings["policy"].good
    assert findings["health"].good
    assert "windows of train" in findings["health"].detail
    assert not findings["key"].good
    assert not findings["coordinator"].good


def test_a_check_fails_where_nothing_can_be_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file of any task that the policy allows, or records of years that no run scores or trains on."""
    data = _records(tmp_path)
    (data / "policy.toml").write_text('tasks = ["disaster", "health"]\n')
    findings = {finding.what: finding for finding in check.findings(_settings(tmp_path, data=str(data)))}
    assert (findings["health"].good, findings["disaster"].good) == (True, None)
    assert "serves" not in findings
    lines = (data / "health.csv").read_text().splitlines()
    (data / "health.csv").write_text("\n".join([lines[0], *(line for line in lines[1:] if line < "2001-03")]) + "\n")
    (data / "policy.toml").write_text('tasks = ["disaster"]\n')
    with pytest.raises(SystemExit) as ended:
        main(["node", "check", "country=SGP", f"data={data}", f"home={tmp_path / 'home'}"])
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert "--  disaster         takes no part" in said.out
    assert "NO  serves           nothing: with these records SGP takes no part in disaster" in said.out
    assert "serves" in said.err


def test_a_node_without_a_policy_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("it starts"))
    main(["keys", "node", "country=SGP", f"home={tmp_path / 'home'}"])
    capsys.readouterr()
    (tmp_path / "home" / "ca.pem").write_text("of the coordinator")
    for words in ((), ("part=vault",)):
        with pytest.raises(SystemExit) as ended:
            main(["node", "country=SGP", f"data={tmp_path}", f"home={tmp_path / 'home'}", *words])
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert said.count("\n") == 1
        assert f"`gotong policy template name=guarded country=SGP to={tmp_path / 'policy.toml'}`" in said
    (tmp_path / "SGP").mkdir()
    assert _settings(tmp_path, data=str(tmp_path)).policy_file == tmp_path / "SGP" / "policy.toml"


def test_a_check_says_whose_keys_were_accepted_for_sealed_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _records(tmp_path)
    (data / "policy.toml").write_text('template = "sealed"\ntasks = ["health"]\n')
    settings, policy = _settings(tmp_path, data=str(data)), f"policy={data / 'policy.toml'}"
    assert {finding.what: finding.good for finding in check.findings(settings)}["roster"] is False
    key = "SHA256:" + 43 * "A"
    for words, said in (
        (("country=PHL", f"fingerprint={key}"), "sealed runs with PHL"),
        (("country=PHL", f"fingerprint={key}"), "sealed runs with PHL"),
        (("country=PHL", f"fingerprint=SHA256:{43 * 'B'}"), "ask its operator why the key changed"),
        (("country=PHL", f"fingerprint=SHA256:{43 * 'B'}", "anew=true"), "sealed runs with PHL SHA256:B"),
        (("country=PHX", f"fingerprint={key}"), "PHX"),
        (("country=THA", "fingerprint=SHA256:short"), "fingerprint=SHA256:short is none"),
    ):
        with suppress(SystemExit):
            main(["node", "roster", "accept", *words, policy])
        output = capsys.readouterr()
        assert said in output.out + output.err
    main(["node", "roster", "show", policy])
    assert capsys.readouterr().out == f"PHL  SHA256:{43 * 'B'}\n"
    assert {finding.what: finding.detail for finding in check.findings(settings)}["roster"] == "sealed runs with PHL"
    (data / "roster.txt").write_text("PHL\n")
    with pytest.raises(SystemExit):
        main(["node", "roster", "show", policy])
    assert "roster.txt" in capsys.readouterr().err


def test_whatever_device_there_is_will_do_for_auto(tmp_path: Path) -> None:
    settings = _settings(tmp_path, data=str(_records(tmp_path)), device="auto")
    assert {finding.what: finding.good for finding in check.findings(settings)}["device"] is None


def test_a_node_without_key_or_authority_does_not_start(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with pytest.raises(DeploymentError, match="gotong keys node country=SGP"):
        prepare(settings)
    (tmp_path / "n" / "courier").mkdir(parents=True)
    (tmp_path / "n" / "courier" / "node.key").touch()
    with pytest.raises(DeploymentError, match=r"copy ca\.pem from the coordinator"):
        prepare(settings)
    with pytest.raises(ConfigError, match="part=neither is none of both"):
        prepare(replace(settings, part="neither"))
    with pytest.raises(ConfigError, match=r"use part=courier"):
        prepare(replace(settings, part="supernode"))
    with pytest.raises(DeploymentError, match="choose a shorter one"):
        prepare(replace(settings, home=str(tmp_path / ("n" * 100))))


def _settings(folder: Path, **given: str) -> NodeSettings:
    home = str(folder / "n")
    return NodeSettings(**{"country": "SGP", "data": str(folder), "coordinator": "127.0.0.1:1", "home": home} | given)  # type: ignore[arg-type]


def _as(user: str, group: str, act: Callable[[], str]) -> tuple[int, int]:
    """A fork of this process as another user, with no other groups; its id, and where its output can be read."""
    owner, shared = pwd.getpwnam(user), grp.getgrnam(group)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:  # nothing new can be imported here: this Python may lie where only root can read
        os.close(reading)
        os.setgroups([])
        os.setgid(shared.gr_gid)
        os.setuid(owner.pw_uid)
        os.umask(0o077)
        os.write(writing, act().encode())
    except BaseException as error:
        os.write(writing, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


def _output(pid: int, reading: int) -> str:
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return text


def _attack(home: Path, data: Path, vault: int) -> str:
    """What a courier that was taken over obtains by itself, as its own user: one word for everything."""
    got = []
    known = [home / "vault" / "vault.sqlite", home / "vault" / "fingerprint.key", data / "health.csv"]
    known += [home / "vault" / "vault.key"]
    for path in [
        *home.glob("vault/*"),
        *data.glob("*"),
        *known,
        *(Path(f"/proc/{vault}/{n}") for n in ("mem", "environ")),
    ]:
        with suppress(OSError):
            got += [str(path)] if path.open("rb").read(1) else []
    forbidden: dict[str, Callable[[], object]] = {
        "list": lambda: list(Path(f"/proc/{vault}/fd").iterdir()),
        "kill": lambda: os.kill(vault, signal.SIGTERM),
        "plant": lambda: (home / "vault" / "paused").write_text("x"),
        "change": lambda: (data / "policy.toml").write_text("x"),
        "move": lambda: (home / "line" / "vault.sock").rename(home / "line" / "mine"),
        "replace": lambda: (home / "line" / "vault.sock").unlink(),
    }
    for name, act in forbidden.items():
        with suppress(OSError):
            act()
            got.append(name)
    return " ".join(got) or "nothing"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two other users")
def test_a_courier_of_another_user_obtains_nothing_but_the_vaults_replies() -> None:
    for place in (Path(__file__), Path(sys.prefix, "bin")):
        if closed := [each for each in place.resolve().parents if not each.stat().st_mode & 0o001]:
            pytest.skip(f"other users cannot read the code: {closed[0]} is closed to them")
    with TemporaryDirectory(prefix="gotong-") as folder:
        base, vault_user, courier_user = Path(folder), "daemon", "nobody"
        base.chmod(0o711)
        data, home = base / "data", base / "n"
        data.mkdir()
        _records(data)
        for path in (data, *data.iterdir()):
            os.chown(path, pwd.getpwnam(vault_user).pw_uid, -1)
        data.chmod(0o700)
        home.mkdir()
        signer = signer_in(home, "SGP")
        settings = _settings(base, data=str(data), vault_user=vault_user, courier_user=courier_user)
        prepare(settings)
        received = NodeSettings(**json.loads(children(settings)[0].command[-1]))
        vault, heard = _as(vault_user, vault_user, lambda: _served(received))
        try:
            until = time.monotonic() + 30
            while not (home / "line" / "vault.sock").exists():
                assert time.monotonic() < until
                assert os.waitpid(vault, os.WNOHANG) == (0, 0), os.read(heard, 1000)
                time.sleep(0.05)
            line, shared = settings.socket, str(settings.socket_group)
            assert _output(*_as(courier_user, shared, lambda: _attack(home, data, vault))) == "nothing"
            request = signer.request(ASK)
            reply = _output(*_as(courier_user, shared, lambda: exchange(line, request, lambda: None).hex()))
            assert signer.frame(bytes.fromhex(reply)).hex() == _terms(settings)
            refused = _output(*_as("bin", shared, lambda: exchange(line, ASK, lambda: None).hex()))
            assert "VaultAbsentError" in refused  # in the group, but no user that may call
            outside = _output(*_as(courier_user, "daemon", lambda: exchange(line, ASK, lambda: None).hex()))
            assert "VaultAbsentError" in outside  # the right user, without the group
            with sqlite3.connect(home / "vault" / "vault.sqlite") as database:
                rows = database.execute("SELECT uid, kind FROM arrivals").fetchall()
            assert rows == [(pwd.getpwnam(courier_user).pw_uid, "terms")]
        finally:
            os.kill(vault, signal.SIGKILL)
            os.waitpid(vault, 0)
            os.close(heard)


def _served(settings: NodeSettings) -> str:
    serve(settings)
    return "ended"


def _terms(settings: NodeSettings) -> str:
    policy = read_policy(settings.policy_file, settings.country)
    with sqlite3.connect(":memory:") as database:
        vault = Vault(
            country=settings.country, folder=settings.data_folder, policy=policy, database=database, key=bytes(32)
        )
        header = vault_terms.terms(vault, None)
        return encode(Frame(kind="terms", header=header)).hex()


def test_the_supervisors_load_no_flower() -> None:
    for name in ("node", "coordinator"):
        code = f"import sys, federation.deployment.{name}.process; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert not {"flwr", "hydra", "mlflow"} & set(loaded), name
