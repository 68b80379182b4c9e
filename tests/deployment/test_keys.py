"""Keys: who trusts whom, what is refused, and which messages a person gets."""

import json
import os
import ssl
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from federation.cli import main
from federation.deployment import certificates, enrolment, secret_files
from federation.deployment.coordinator import members
from federation.deployment.coordinator import process as coordinator_process
from federation.deployment.node import courier
from federation.errors import DeploymentError
from federation.policy.file import read_policy


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = secret_files.private_folder(tmp_path / "coordinator")
    certificates.create(folder, ["federation.example", "10.1.2.3"])
    return folder


def test_a_public_tool_accepts_the_server_certificate_under_the_authority_and_its_names(home: Path) -> None:
    command = ["openssl", "verify", "-CAfile", "ca.pem", "-purpose", "sslserver", "-x509_strict", "server.pem"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True)
    assert done.stdout == "server.pem: OK\n", done.stderr
    names = certificates.names_of(certificates.certificate_of(home / "server.pem"))
    assert names == ["federation.example", "10.1.2.3", "localhost", "127.0.0.1"]


def test_secrets_are_their_owners_alone_and_wider_modes_are_refused(home: Path) -> None:
    for name in ("ca.key", "server.key"):
        assert (home / name).stat().st_mode & 0o077 == 0
    assert home.stat().st_mode & 0o077 == 0
    (home / "server.key").chmod(0o640)
    with pytest.raises(DeploymentError, match="mode 640"):
        secret_files.read_secret(home / "server.key", "the server's key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_secret_that_belongs_to_another_user_is_refused(home: Path) -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(DeploymentError):
            secret_files.read_secret(home / "server.key", "the server's key")
    finally:
        os.seteuid(0)


def test_an_authority_is_never_replaced_and_a_rotation_keeps_its_names(home: Path) -> None:
    with pytest.raises(DeploymentError, match="gotong keys rotate"):
        certificates.create(home, ["other.example"])
    before, root = (home / "server.pem").read_bytes(), (home / "ca.pem").read_bytes()
    main(["keys", "rotate", f"home={home}"])
    assert (home / "server.pem").read_bytes() != before
    assert (home / "ca.pem").read_bytes() == root
    assert "federation.example" in certificates.names_of(certificates.certificate_of(home / "server.pem"))
    ssl.create_default_context().load_cert_chain(home / "server.pem", home / "server.key")  # the pair fits


@pytest.mark.parametrize(("days", "said"), [(31, None), (29, "expires in 2"), (-1, "expired 1 days ago")])
def test_a_certificate_says_a_month_before_that_it_ends(home: Path, days: int, said: str | None) -> None:
    end = certificates.certificate_of(home / "server.pem").not_valid_after_utc
    note = certificates.expiry_note(home / "server.pem", now=end - timedelta(days=days))
    assert (note is None) if said is None else (note is not None and said in note)
    assert certificates.expiry_note(home / "server.pem", now=datetime.now(UTC)) is None


def test_a_coordinator_that_runs_for_long_says_it_every_day(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    end = certificates.certificate_of(home / "server.pem").not_valid_after_utc

    class Later(datetime):
        at = end - timedelta(days=60)

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
            return cls.at

    monkeypatch.setattr(coordinator_process, "datetime", Later)
    monkeypatch.setattr(certificates, "datetime", Later)
    tick = coordinator_process.daily_warning(home, said.append)
    for days in (60, 31, 29, 29, 28):
        Later.at = end - timedelta(days=days, seconds=-1)
        tick()
    assert [note.split(";")[0] for note in said] == [
        f"{name}.pem expires in {days} days" for days in (28, 27) for name in ("server", "signer")
    ]


def test_a_nodes_private_key_stays_and_its_file_makes_it_a_member(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["keys", "node", "country=VNM", f"home={tmp_path / 'node'}"])
    folder = tmp_path / "node" / "courier"
    sent = folder / "VNM.enrolment.json"
    key = courier.read_key(folder / enrolment.COURIER_KEY)
    private = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    assert private[-48:] not in sent.read_bytes()
    assert (folder / "node.key").stat().st_mode & 0o077 == 0
    main(["keys", "enrol", f"from={sent}", f"home={home}"])
    printed = capsys.readouterr().out
    fingerprint = members.members(home)["VNM"].fingerprint
    assert printed.count(fingerprint) == 2  # both sides print the same
    of_courier, of_vault = fingerprint.split(" and ")
    assert of_courier != of_vault
    listed = subprocess.run(["ssh-keygen", "-lf", folder / "node.key"], capture_output=True, text=True).stdout
    assert of_courier in listed or not listed  # OpenSSH, where installed, says so too


def _tampered(path: Path, **changes: str) -> Path:
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(values))
    return path


def test_a_file_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    enrolment.create_keys(tmp_path, "VNM")
    sent = tmp_path / "courier" / "VNM.enrolment.json"
    enrolment.read_enrolment(sent)
    other = enrolment.create_keys(tmp_path / "other", "VNM")
    others = json.loads((tmp_path / "other" / "courier" / sent.name).read_text())
    whole = sent.read_text()
    swapped = {name: others[name] for name in ("vault_key", "vault_signature")}  # of another vault, and sound in itself
    for changes in (
        {"country": "THA"},
        {"public_key": other.public_key},
        {"vault_key": other.vault_key},
        swapped,
        {"signature": "AAAA"},
        {"signature": "%"},
        {"vault_signature": "AAAA"},
    ):
        with pytest.raises(DeploymentError, match=r"changed on the way|no enrolment file"):
            enrolment.read_enrolment(_tampered(sent, **changes))
        sent.write_text(whole)
    for text in ("", "[]", '{"country": 1}', "x" * 20_000):
        sent.write_text(text)
        with pytest.raises(DeploymentError, match="enrolment file"):
            enrolment.read_enrolment(sent)


def test_a_key_is_one_countrys_and_a_revoked_one_never_comes_back(home: Path, tmp_path: Path) -> None:
    first = enrolment.create_keys(tmp_path / "1", "VNM")
    second = enrolment.create_keys(tmp_path / "2", "VNM")
    members.enrol(home, first)
    members.enrol(home, first)  # the same again is the same
    with pytest.raises(DeploymentError, match="gotong keys revoke country=VNM"):
        members.enrol(home, second)
    with pytest.raises(DeploymentError, match="this key is VNM's"):
        members.enrol(home, replace(first, country="THA"))
    members.revoke(home, "VNM")
    assert members.members(home) == {}
    with pytest.raises(DeploymentError, match="revoked and cannot come back"):
        members.enrol(home, first)
    members.enrol(home, second)
    with pytest.raises(DeploymentError, match="revoked and cannot come back"):  # nor one of the two in other company
        members.enrol(home, replace(second, country="THA", vault_key=first.vault_key))
    with pytest.raises(DeploymentError, match="enrolled are VNM"):
        members.revoke(home, "LAO")


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = [
        (["keys", "node", "country=VN", f"home={tmp_path}"], "did you mean"),
        (["keys", "node", "contry=VNM"], "did you mean country?"),
        (["keys", "coordinator", f"home={tmp_path}", "names=['a b']"], "no host name"),
        (["keys", "enrol", f"from={tmp_path / 'none.json'}"], "No such file"),
        (["keys", "revoke", "country=VNM", f"home={tmp_path}"], "enrolled are none"),
        (["keys", "rotate", f"home={tmp_path / 'none'}"], "gotong keys coordinator"),
    ]
    for words, said in mistakes:
        with pytest.raises(SystemExit) as stopped:
            main(words)
        printed = capsys.readouterr().err
        assert stopped.value.code == 1
        assert printed.count("\n") == 1
        assert said in printed


def test_three_countries_are_members_after_five_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator's first start makes its keys, a node's keys come with its policy, and one command enrols all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execv", lambda *_: None)  # where the processes would start
    monkeypatch.setattr("federation.deployment.coordinator.process._check_free", lambda *_: None)
    monkeypatch.setattr("federation.deployment.home_lock.take", lambda *_: None)  # held until a process ends: this one
    start = ["coordinator", "home=c", "names=[federation.example,10.1.2.3]"]
    main(start)
    assert "The server certificate is for federation.example, 10.1.2.3" in capsys.readouterr().out
    main(start)
    assert "certificate" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["coordinator", "home=c", "names=[elsewhere.example]"])
    assert (
        "the certificate in c is for federation.example, 10.1.2.3, localhost, 127.0.0.1; leave"
        in capsys.readouterr().err
    )
    files = []
    for country in ("KHM", "LAO", "VNM"):
        main(["keys", "node", f"country={country}", f"home={country}", f"policy={country}/records/policy.toml"])
        assert read_policy(Path(country) / "records", country).minimum_cohort == 24
        files.append(f"{country}/courier/{country}.enrolment.json")
    capsys.readouterr()
    main(["keys", "enrol", f"from=[{','.join(files)}]", "home=c"])
    said = capsys.readouterr().out.splitlines()
    assert [line[:15] for line in said] == ["KHM is enrolled", "LAO is enrolled", "VNM is enrolled"]
    main(["keys", "enrol", f"from={files[2]}", "home=c"])
    again = capsys.readouterr().out
    assert again.startswith("VNM was enrolled already, with the same keys: SHA256:")
    assert again.split(": ")[1] == said[2].split(": ")[1] + "\n"
    (tmp_path / "mine.toml").write_text("tasks = []\n")
    main(["keys", "node", "country=THA", "home=THA", "policy=mine.toml"])
    assert (tmp_path / "mine.toml").read_text() == "tasks = []\n"
