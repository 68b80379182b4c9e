"""Keys as ministries keep them: encrypted, rotated by the old key, and revoked by a list that the authority signs."""

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from socket import create_connection, create_server, socket

import pytest

from federation.cli import main
from federation.deployment import certificates, enrolment, private_keys, revocation
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator import members
from federation.deployment.node import courier, flower_link, own_ledger, reachable
from federation.errors import DeploymentError, SignatureError
from federation.wire.frame import decode
from tests.deployment.pair import FRAME, Coordinator, Country

PASSPHRASE = "correct horse battery"


@pytest.fixture
def coordinator(country: Country) -> Coordinator:
    made = Coordinator(country)
    assert made.ask().kind == "update"
    return made


def _fails(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    return printed


def test_keys_are_encrypted_where_a_passphrase_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, home, node = tmp_path / "passphrase", tmp_path / "c", tmp_path / "n"
    file.write_text(PASSPHRASE + "\n")
    monkeypatch.setenv(private_keys.VARIABLE, str(file))
    main(["keys", "coordinator", f"home={home}", "names=[a.example]"])
    main(["keys", "node", "country=VNM", f"home={node}"])
    keys = [home / "ca.key", home / "signer.key", node / "vault" / "vault.key", node / "courier" / "node.key"]
    assert all(path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY") for path in keys)
    assert certificates.signer_of(home)
    assert enrolment.read_vault_key(keys[2])
    assert courier.read_key(keys[3])
    main(["keys", "rotate", f"home={home}"])
    file.write_text("another one, and long")
    with pytest.raises(DeploymentError, match="the passphrase does not fit"):
        certificates.signer_of(home)
    monkeypatch.delenv(private_keys.VARIABLE)
    assert f"name a file with its passphrase in {private_keys.VARIABLE}" in _fails(
        ["keys", "rotate", f"home={home}"], capsys
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))  # as systemd does it
    (tmp_path / private_keys.CREDENTIAL).write_text(PASSPHRASE)
    assert certificates.signer_of(home)
    (tmp_path / private_keys.CREDENTIAL).write_text("short")
    assert "is too short" in _fails(["keys", "node", "country=THA", f"home={tmp_path / 'o'}"], capsys)


def test_a_node_rotates_its_keys_and_its_old_ones_vouch_for_them(
    country: Country, coordinator: Coordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    home, node = coordinator.home, country.folder
    sent, before = node / "courier" / "VNM.enrolment.json", members.members(home)["VNM"]
    country.stop()
    main(["keys", "rotate", "country=VNM", f"home={node}"])
    with pytest.raises(DeploymentError, match="gotong keys revoke country=VNM"):
        members.enrol(home, enrolment.read_enrolment(sent))  # without what the old keys signed
    main(["keys", "enrol", f"from={sent}", f"home={home}"])
    after = members.members(home)["VNM"]
    printed = capsys.readouterr().out
    assert "VNM has new keys, which its old ones signed" in printed
    assert after.fingerprint in printed
    assert after.public_key != before.public_key
    assert after.vault_key != before.vault_key
    with pytest.raises(DeploymentError, match="revoked and cannot come back"):
        members.enrol(home, before)
    country.start()
    assert Coordinator(country).ask(round_=2).kind == "update"
    [*own_ledger.verify(node, node / "ca.pem")]
    [*coordinator_ledger.verify(home)]


def _changed(path: Path, **changes: str) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _taken_over(country: Country, other: Path) -> None:
    """A courier that was taken over rotates, with a vault's key of its own."""
    file = enrolment.create_vault_key(other / "vault", "VNM")
    enrolment.rotate_courier_key(country.folder / "courier", "VNM", file)


def _stranger(country: Country, other: Path) -> None:
    """Somebody without the old keys."""
    enrolment.create_keys(other, "VNM")
    shutil.copy(other / "courier" / "VNM.enrolment.json", country.folder / "courier")


def _swapped(country: Country, _: Path) -> None:
    """An honest rotation, whose signature by the old vault is replaced."""
    main(["keys", "rotate", "country=VNM", f"home={country.folder}"])
    sent = country.folder / "courier" / "VNM.enrolment.json"
    _changed(sent, vault_rotation=json.loads(sent.read_text())["vault_signature"])


@pytest.mark.parametrize("attack", [_taken_over, _stranger, _swapped])
def test_nobody_else_rotates_a_countrys_keys(
    country: Country, coordinator: Coordinator, tmp_path: Path, attack: Callable[[Country, Path], None]
) -> None:
    before = members.members(coordinator.home)
    attack(country, tmp_path / "other")
    made, rotation = enrolment.read_sent(country.folder / "courier" / "VNM.enrolment.json")
    with pytest.raises(DeploymentError, match="gotong keys revoke country=VNM"):
        members.enrol(coordinator.home, made, rotation)
    assert members.members(coordinator.home) == before


def test_other_countries_take_the_key_that_the_one_on_their_roster_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, file = tmp_path / "THA" / "policy.toml", tmp_path / "VNM.vault.json"
    policy.parent.mkdir()
    policy.write_text('template = "sealed"\ntasks = ["health"]\n')
    made = enrolment.create_vault_key(tmp_path / "vault", "VNM")
    keys = [enrolment.fingerprint_of(enrolment.read_vault_key_file(made).vault_key)]
    files = []
    for number in range(2):
        path = shutil.copy(enrolment.rotate_vault_key(tmp_path / "vault", "VNM"), tmp_path / f"{number}.json")
        files.append(Path(path))
        keys.append(enrolment.fingerprint_of(enrolment.read_vault_key_file(Path(path)).vault_key))
    stranger = enrolment.read_vault_key_file(enrolment.create_vault_key(tmp_path / "other", "VNM"))
    enrolment.rotate_vault_key(tmp_path / "other", "VNM")
    accept, by_file = ["node", "roster", "accept", f"policy={policy}", "country=VNM"], f"rotation={file}"

    def offer(content: Path, **changes: str) -> None:
        shutil.copy(content, file)
        _changed(file, **changes)

    offer(files[0])
    assert "on the roster with no key" in _fails([*accept, by_file], capsys)
    main([*accept, f"fingerprint={keys[0]}"])
    offer(tmp_path / "other" / "VNM.vault.json")
    assert "take the files in turn" in _fails([*accept, by_file], capsys)  # signed by a key, but by a stranger's
    offer(files[1])
    assert "take the files in turn" in _fails([*accept, by_file], capsys)
    offer(files[0], vault_key_before=stranger.vault_key)
    assert "names no key before that signed this one" in _fails([*accept, by_file], capsys)
    offer(made, vault_rotation="", vault_key_before="")
    assert "names no key before" in _fails([*accept, by_file], capsys)
    offer(files[0], country="LAO")
    assert "was changed on the way" in _fails([*accept, by_file], capsys)
    assert "leave them out" in _fails([*accept, by_file, "anew=true"], capsys)
    for content, key in zip(files, keys[1:], strict=True):
        offer(content)
        main([*accept, by_file])
        assert f"sealed runs with VNM {key} are accepted" in capsys.readouterr().out


def test_a_stolen_key_of_the_coordinator_asks_no_more_once_a_vault_has_seen_the_list(
    country: Country, coordinator: Coordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    home, stolen = coordinator.home, country.signer
    assert decode(stolen.frame(country.replies.serve(stolen.request(FRAME)))).kind == "update"
    main(["keys", "rotate", f"home={home}", "revoke=true"])
    assert "hand" in capsys.readouterr().out
    fresh = Coordinator(country)
    assert fresh.ask(round_=2).kind == "update"  # brings the list
    for _ in range(2):
        reply = decode(stolen.frame(country.replies.serve(stolen.request(FRAME))))
        assert "was revoked by the coordinator" in str(reply.header.get("reason"))
        country.stop()
        country.start()  # and it stays
    assert fresh.ask(round_=3).kind == "update"
    [*coordinator_ledger.verify(home)]


def test_an_operator_lays_the_list_next_to_the_authority(country: Country, coordinator: Coordinator) -> None:
    stolen = country.signer
    main(["keys", "rotate", f"home={coordinator.home}", "revoke=true"])
    shutil.copy(coordinator.home / "revoked.crl", country.folder)
    country.stop()
    country.start()
    reply = decode(stolen.frame(country.replies.serve(stolen.request(FRAME))))
    assert "was revoked by the coordinator" in str(reply.header["reason"])
    (country.folder / "revoked.crl").write_text("x")
    country.stop()
    with pytest.raises(SignatureError, match="is no list of revoked keys"):
        country.start()


def test_a_list_grows_is_numbered_and_signed_by_the_authority_alone(
    country: Country, coordinator: Coordinator, tmp_path: Path
) -> None:
    home = coordinator.home
    authority = certificates.certificate_of(home / "ca.pem")
    main(["keys", "revoke", "country=VNM", f"home={home}"])
    first = revocation.read_list(home / "revoked.crl", authority)
    assert first is not None
    assert (first.number, len(first.numbers)) == (1, 2)  # courier and vault
    main(["keys", "revoke", "country=VNM", f"home={home}"])  # again, as where the authority's key was elsewhere
    certificates.revoke(home, [7])
    last = revocation.read_list(home / "revoked.crl", authority)
    assert last is not None
    assert (last.number, last.numbers) == (3, first.numbers | {7})
    command = ["openssl", "crl", "-in", "revoked.crl", "-CAfile", "ca.pem", "-noout", "-verify"]
    assert "verify OK" in subprocess.run(command, cwd=home, capture_output=True, text=True).stderr
    other = Country(tmp_path / "other").signer.home
    certificates.revoke(other, [7])
    with pytest.raises(SignatureError, match="is not signed by the authority"):
        revocation.read_list(other / "revoked.crl", authority)
    country.replies.revocations._take(last)
    country.replies.revocations._take(first)  # an older one takes no newer one's place
    assert country.replies.revocations._newest == last


def test_a_member_that_a_backup_brought_back_is_noticed(coordinator: Coordinator) -> None:
    home = coordinator.home
    member = members.members(home)["VNM"]
    main(["keys", "revoke", "country=VNM", f"home={home}"])
    shutil.rmtree(home / "revoked")
    members.enrol(home, member)
    revoked = revocation.read_list(home / "revoked.crl", certificates.certificate_of(home / "ca.pem"))
    with pytest.raises(DeploymentError, match="is on the list of revoked keys"):
        members.check_not_revoked(member, revoked)


def test_without_the_authoritys_key_a_country_is_out_at_once_and_the_list_follows(
    coordinator: Coordinator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = coordinator.home
    (home / "ca.key").rename(tmp_path / "ca.key")
    said = _fails(["keys", "revoke", "country=VNM", f"home={home}"], capsys)
    assert "the list of revoked keys is not signed yet" in said
    assert members.members(home) == {}
    (tmp_path / "ca.key").rename(home / "ca.key")
    main(["keys", "revoke", "country=VNM", f"home={home}"])
    assert (home / "revoked.crl").exists()


def test_a_courier_connects_to_no_server_whose_key_is_on_its_list(tmp_path: Path) -> None:
    home = tmp_path / "c"
    certificates.create(private_keys_folder(home), ["127.0.0.1"])
    (tmp_path / "ca.pem").write_bytes((home / "ca.pem").read_bytes())
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(home / "server.pem", home / "server.key")
    numbers = certificates.own_numbers(home)

    def connects() -> bool:
        with create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=_accept_one, args=(listening, served))
            thread.start()
            try:
                with (
                    create_connection(listening.getsockname()) as line,
                    flower_link._trust(tmp_path / "ca.pem").wrap_socket(line, server_hostname="127.0.0.1"),
                ):
                    return True
            except ssl.SSLCertVerificationError as error:
                return "was revoked by its coordinator" not in reachable.explain(error, "c:1")
            finally:
                thread.join(10)

    assert connects()
    certificates.revoke(home, [7])
    shutil.copy(home / "revoked.crl", tmp_path)
    assert connects()  # a list of others' keys changes nothing
    certificates.revoke(home, numbers)
    shutil.copy(home / "revoked.crl", tmp_path)
    assert not connects()


def private_keys_folder(home: Path) -> Path:
    home.mkdir(mode=0o700)
    return home


def _accept_one(listening: socket, context: ssl.SSLContext) -> None:
    line, _ = listening.accept()
    with line:
        try:
            context.wrap_socket(line, server_side=True).close()
        except OSError:  # the caller refuses this certificate
            return
