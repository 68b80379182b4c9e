"""A courier that was taken over can neither ask nor answer: what it changes, repeats or passes elsewhere is refused."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from federation.deployment import certificates, enrolment
from federation.deployment.coordinator import members
from federation.deployment.node.signed_replies import SignedReplies, read_authority
from federation.errors import DeploymentError, SignatureError
from federation.wire.frame import Frame, decode, digest, encode
from federation.wire.signature import REPLY, UNREAD, open_envelope, sign
from tests.deployment.pair import Coordinator, Country
from tests.deployment.signing import Signer, signer_in

FRAME = encode(Frame(kind="train", header={"run": "r", "round": 3}))
UPDATE = encode(Frame(kind="update", header={"run": "r", "round": 3}))


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return Country(tmp_path / "vnm")


def test_what_the_coordinator_signed_for_this_country_is_served(country: Country) -> None:
    assert country.signer.frame(country.replies.serve(country.signer.request(FRAME))) == UPDATE
    assert country.served == [FRAME]


def _other_use(home: Path, use: x509.ObjectIdentifier, days: int = 1) -> tuple[Ed25519PrivateKey, str]:
    """A key of the right kind that the right authority certified for something else; its certificate as base64."""
    certificates.issue_signer(home, days)
    if use == certificates.SIGNS_REQUESTS:
        return _signer(home)
    key, made = certificates.signer_of(home)
    builder = x509.CertificateBuilder().subject_name(made.subject).issuer_name(made.issuer).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(made.not_valid_before_utc)
    builder = builder.not_valid_after(made.not_valid_after_utc)
    builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=True)
    certificate = builder.sign(certificates._authority_key(home), hashes.SHA384())
    return key, Signer.base64(certificate)


def _signer(home: Path) -> tuple[Ed25519PrivateKey, str]:
    key, certificate = certificates.signer_of(home)
    return key, Signer.base64(certificate)


def test_a_key_that_the_authority_did_not_certify_for_requests_asks_in_vain(country: Country, tmp_path: Path) -> None:
    stranger = signer_in(tmp_path / "stranger", "VNM")
    home, ask = country.signer.home, country.signer.request
    key, certificate = _signer(stranger.home)
    assert "signed by a stranger" in country.refusal(ask(FRAME, key, certificate=certificate))
    assert "a signature does not fit" in country.refusal(ask(FRAME, key))  # with the certificate of the right one
    for wrong in ("", "no certificate", certificate[:200]):
        country.refusal(ask(FRAME, certificate=wrong))
    key, certificate = _other_use(home, ExtendedKeyUsageOID.SERVER_AUTH)
    assert "certified for something else" in country.refusal(ask(FRAME, key, certificate=certificate))
    server = Signer.base64(certificates.certificate_of(home / "server.pem"))
    assert "certified for something else" in country.refusal(ask(FRAME, key, certificate=server))
    vault_key = enrolment.read_vault_key(country.folder / "vault" / enrolment.VAULT_KEY)
    assert "does not fit" in country.refusal(ask(FRAME, vault_key))


def test_a_certificate_counts_within_its_dates_and_an_hour_around_them(country: Country) -> None:
    _, certificate = certificates.signer_of(country.signer.home)
    raw, authority = certificate.public_bytes(Encoding.DER), country.replies.authority
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    for at in (first - timedelta(minutes=59), datetime.now(UTC), last + timedelta(minutes=59)):
        certificates.request_key(raw, authority, now=at)
    for at in (first - timedelta(hours=2), last + timedelta(hours=2)):
        with pytest.raises(SignatureError, match="set the clock, or the coordinator runs `gotong keys rotate`"):
            certificates.request_key(raw, authority, now=at)


def test_a_request_is_for_one_country_and_of_one_frame(country: Country) -> None:
    asked = country.signer.request
    assert "a request for THA came here" in country.refusal(asked(FRAME, country="THA"))
    assert "a reply for VNM came here" in country.refusal(asked(FRAME, kind=REPLY))
    envelope, other = asked(FRAME), encode(Frame(kind="train", header={"run": "r", "round": 4}))
    assert "not the one that was signed" in country.refusal(envelope[: -len(FRAME)] + other)
    swapped = envelope.replace(b'"round": 3', b'"round": 4', 1)
    assert swapped != envelope
    assert decode(bytes(open_envelope(country.replies.serve(swapped)).frame)).kind == "refused"
    assert country.served == []


@pytest.mark.parametrize("other", [{"run": "another"}, {"round": 4}])
def test_the_signature_names_the_run_and_round_of_its_frame(country: Country, other: dict[str, Any]) -> None:
    """What is pruned, and what a run may still ask, is decided by the one, and served by the other."""
    assert "names another run or round than the frame" in country.refusal(country.signer.request(FRAME, **other))
    assert country.served == []


def test_an_unsigned_request_gets_a_refusal_that_an_unsigned_peer_can_read(country: Country) -> None:
    said = {
        FRAME: "VNM: the request is not signed; install the same version of Gotong on both sides",
        FRAME[:4] + b"\x01\x00" + FRAME[6:]: "VNM: the frame has wire version 1",
        b"": "VNM: a frame of 0 bytes is cut short",
    }
    for data, words in said.items():
        assert words in decode(country.replies.serve(data)).header["reason"]
    assert country.served == []


def test_what_others_can_change_is_no_authority(tmp_path: Path) -> None:
    signer_in(tmp_path / "n", "VNM")
    path = tmp_path / "n" / "ca.pem"
    read_authority(path, courier=os.geteuid() + 1)
    with pytest.raises(DeploymentError, match="give it to root with mode 644"):
        read_authority(path, courier=os.geteuid())
    path.chmod(0o664)
    with pytest.raises(DeploymentError, match="which coordinator this vault obeys"):
        read_authority(path, courier=None)


# The other way: a courier's replies to the coordinator.


def _received(country: Country, reply: Callable[[bytes], bytes]) -> Frame:
    """What the coordinator reads of a reply to its request of round 3."""
    return Coordinator(country).ask(reply, round_=3)


def _refused(country: Country, reply: Callable[[bytes], bytes]) -> str:
    frame = _received(country, reply)
    assert frame.kind == "refused"
    reason = str(frame.header["reason"])
    assert reason.startswith("VNM: its reply was not read: ")
    return reason


def test_a_vaults_reply_arrives_and_its_refusals_too(country: Country) -> None:
    assert _received(country, country.replies.serve).kind == "update"
    unread = _received(country, lambda _: country.replies.refuse_unread("one too many"))
    assert (unread.kind, unread.header) == ("refused", {"reason": "VNM: one too many"})


def test_a_reply_that_the_enrolled_vault_did_not_sign_is_not_read(country: Country, tmp_path: Path) -> None:
    other = Country(tmp_path / "other")
    assert "it is not signed" in _refused(country, lambda _: UPDATE)
    assert "another key" in _refused(country, lambda request: replace_key(country, other).serve(request))
    assert "was changed on the way" in _refused(country, lambda request: country.replies.serve(request)[:-1] + b"\xff")
    old = UPDATE[:4] + b"\x01\x00" + UPDATE[6:]
    assert "wire version 1" in _refused(country, lambda _: old)


def replace_key(country: Country, other: Country) -> SignedReplies:
    return replace(country.replies, key=other.replies.key)


def test_a_reply_to_an_earlier_request_is_none_to_this_one(country: Country) -> None:
    kept: list[bytes] = []

    def keep(request: bytes) -> bytes:
        kept.append(country.replies.serve(request))
        return kept[-1]

    assert _received(country, keep).kind == "update"
    assert "somebody sent an old reply again" in _refused(country, lambda _: kept[0])  # the same frame, asked again
    assert "somebody sent an old reply again" in _refused(country, lambda _: country.replies.serve(kept[0]))


FORGED = {
    "a reply of THA": {"country": "THA"},
    "it is a request": {"kind": "request"},
    "it is of round 4": {"round": 4},
    "of run other": {"run": "other"},
    "names no request": {"request": UNREAD},
}


@pytest.mark.parametrize("words", FORGED)
def test_a_signed_reply_is_of_its_country_run_and_round(country: Country, words: str) -> None:
    def answer(request: bytes) -> bytes:
        statement = replace(open_envelope(country.replies.serve(request)).statement, **FORGED[words])  # type: ignore[arg-type]
        assert statement.frame == digest(UPDATE)
        return sign(statement, country.replies.key) + UPDATE

    assert words in _refused(country, answer)


def test_a_node_of_an_earlier_version_enrols_the_key_of_its_vault(tmp_path: Path) -> None:
    """0.1.0 had a courier's key alone; it stays, and signs the vault's."""
    home, node = tmp_path / "c", tmp_path / "n"
    made = enrolment.create_keys(node, "VNM")
    (home / "members").mkdir(parents=True)
    (home / "members" / "VNM.json").write_text(json.dumps({"country": "VNM", "public_key": made.public_key}))
    sent = node / "courier" / "VNM.enrolment.json"
    old = {key: value for key, value in json.loads(sent.read_text()).items() if "vault" not in key}
    sent.write_text(json.dumps(old))
    (node / "vault" / enrolment.VAULT_KEY).unlink()
    with pytest.raises(
        DeploymentError, match=r"VNM is enrolled without a key of its vault.*run `gotong keys node` again"
    ):
        members.members(home)["VNM"].verifying_key()
    with pytest.raises(DeploymentError, match="names no key of the vault; run `gotong keys node` again"):
        enrolment.read_enrolment(sent)
    with pytest.raises(DeploymentError, match=r"this vault cannot sign its replies.*run `gotong keys node`"):
        enrolment.read_vault_key(node / "vault" / enrolment.VAULT_KEY)
    again = enrolment.create_keys(node, "VNM")
    assert again.public_key == made.public_key
    members.enrol(home, enrolment.read_enrolment(sent))
    assert members.members(home)["VNM"].verifying_key()
    with pytest.raises(DeploymentError, match="may be enrolled"):
        enrolment.create_keys(node, "VNM")


def test_two_users_make_a_key_each(tmp_path: Path) -> None:
    file = enrolment.create_vault_key(tmp_path / "v", "VNM")
    with pytest.raises(DeploymentError, match="is of VNM, not of THA"):
        enrolment.create_courier_key(tmp_path / "c", "THA", file)
    made = enrolment.create_courier_key(tmp_path / "c", "VNM", file)
    assert enrolment.read_enrolment(tmp_path / "c" / "VNM.enrolment.json") == made
    assert b"PRIVATE" not in file.read_bytes() + (tmp_path / "c" / "VNM.enrolment.json").read_bytes()
    assert made.verifying_key() == enrolment.read_vault_key(tmp_path / "v" / "vault.key").public_key()
