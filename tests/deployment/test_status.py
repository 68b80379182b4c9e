"""`gotong status` from a coordinator's files: who would serve, last contacts, and what is left of a run."""

import json
import os
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation.cli import main
from federation.deployment import flower_cli
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator import members, status
from federation.deployment.coordinator.contacts import Contacts
from federation.deployment.coordinator.ledger import OWNER
from federation.deployment.enrolment import Enrolment
from federation.runs import folder as run_folder
from federation.vault import ledger
from federation.vault.database import transaction
from federation.vault.ledger import Entry

STATES = {
    "KHM": "paused",
    "LAO": "withdrawn",
    "MMR": "unusable",
    "PHL": "unusable",
    "THA": "connected",
    "VNM": "connected",
}
WORDS = {"KHM": "paused", "LAO": "withdrawn", "MMR": "serving", "PHL": "serving", "VNM": "serving", "forged": "best"}
UNUSABLE = "[['its records cannot be used; see the log of its node', '']]"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six members, all with a courier that is connected: what they last said, and what their vaults last replied."""
    home = tmp_path / "c"
    main(["keys", "coordinator", f"home={home}", "names=[127.0.0.1]"])
    monkeypatch.setattr(flower_cli, "states", lambda _: dict.fromkeys(range(9), "online"))
    monkeypatch.setattr(members, "nodes", lambda _: {country: (at, "") for at, country in enumerate(STATES)})
    keys = {country: ec.generate_private_key(ec.SECP384R1()).public_key() for country in (*STATES, "forged")}
    for country in STATES:
        key = keys[country].public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        members.enrol(home, Enrolment(country=country, public_key=key, vault_key=""))
    noted = Contacts(home)
    for country, word in WORDS.items():
        pem = b64encode(keys[country].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        noted.note([(b"flwr-public-key", pem), (b"gotong-standing", word.encode())])
    noted.note([(b"gotong-standing", b"paused")])
    noted.note([(b"flwr-public-key", b"no key")])
    replied(home, "VNM", "refused", "VNM has paused; try again later")  # and resumed since
    replied(home, "KHM", "update")
    replied(home, "MMR", "terms", UNUSABLE)
    database = coordinator_ledger.open_own(home)
    with transaction(database):
        database.execute("INSERT INTO seen VALUES ('PHL', 1, 's', '2026', x'', x'', 'the ledger of PHL has 1 row')")
    return home


def replied(home: Path, country: str, kind: str, reason: str = "") -> None:
    contents = {"kind": kind} | ({"reason": reason} if reason else {})
    entered(
        home, Entry(country=OWNER, run="", round=0, kind=f"reply of {country}", digest="", bytes=1, contents=contents)
    )


def entered(home: Path, entry: Entry) -> None:
    database = coordinator_ledger.open_own(home)
    with transaction(database):
        ledger.append(database, entry)


def test_paused_withdrawn_and_unusable_nodes_are_not_called_connected(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["status", f"home={home}", f"runs={tmp_path}"])
    lines = capsys.readouterr().out.splitlines()
    said = {line[:3]: line[13:] for line in lines if line[:3] in STATES}
    for country, state in STATES.items():
        assert said[country].startswith(state), said
        assert ("connected" in said[country].partition("(")[0]) == (state == "connected")
    contact = {lines[at][:3]: lines[at + 1].strip() for at in range(len(lines)) if lines[at][:3] in STATES}
    now = f"{datetime.now(UTC):%Y-%m-%d %H}"
    assert contact["THA"] == "its node has not called yet; its vault has not replied to a request yet"
    assert contact["KHM"].startswith(f"last contact {now}")
    assert f"its vault's last reply {now}" in contact["KHM"]
    assert contact["VNM"].endswith("refused: VNM has paused; try again later")
    assert "PHL has 1 row" in next(line for line in lines if line.startswith("flagged"))


def test_a_run_in_progress_says_its_round_and_the_time_that_is_left(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "spring"
    folder.mkdir()
    (folder / "flower.json").write_text('{"run": 1}')
    (home / "submissions").mkdir()
    (home / "submissions" / "spring.json").write_text(json.dumps({"settings": {"rounds": 12}}))
    began = datetime.now(UTC) - timedelta(hours=1)
    os.utime(folder / "flower.json", (began.timestamp(), began.timestamp()))
    times = iter(began + timedelta(minutes=2 * round_) for round_ in (0, 1, 2, 3, 99))

    class Clock(datetime):
        @classmethod
        def now(cls, _: object = None) -> datetime:  # type: ignore[override]
            return next(times)

    def said() -> str:
        return next(line for line in status.lines(home, tmp_path) if line.startswith("run "))

    def requested(round_: int) -> None:
        kind = "request to VNM"
        entered(home, Entry(country=OWNER, run="spring", round=round_, kind=kind, digest="", bytes=1, contents={}))

    with run_folder.locked(folder):
        assert said().endswith("spring: in progress, before its first round")
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "datetime", Clock)
            for round_, left in (
                (1, ""),
                (2, ", about 22 min left"),
                (3, ", about 20 min left"),
                (4, ", about 18 min left"),
            ):
                requested(round_)
                assert said().endswith(f"spring: in progress, round {round_} of 12{left}")
            requested(13)
        assert said().endswith("all 12 rounds done, in its test")
    assert "in progress" not in said()
