"""`gotong status` from a coordinator's files: who would serve, last contacts, and what is left of a run."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.cli import main
from federation.deployment import flower_cli
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator import members, status
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
PAUSED, WITHDRAWN = "KHM has paused; try again later", "LAO has withdrawn from the federation"
UNUSABLE = "[['its records cannot be used; see the log of its node', '']]"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six members, all with a courier that is connected, and what their vaults last replied."""
    home = tmp_path / "c"
    main(["keys", "coordinator", f"home={home}", "names=[127.0.0.1]"])
    nodes = {country: (number, country) for number, country in enumerate(STATES)}
    monkeypatch.setattr(flower_cli, "states", lambda _: dict.fromkeys(range(9), "online"))
    monkeypatch.setattr(members, "nodes", lambda _: nodes)
    enrolled = {country: Enrolment(country=country, public_key=f"ecdsa {country}A", vault_key="") for country in STATES}
    monkeypatch.setattr(members, "members", lambda _: enrolled)
    replied(home, "VNM", "refused", PAUSED)  # and resumed since
    replied(home, "VNM", "update")
    replied(home, "KHM", "update")
    replied(home, "KHM", "refused", PAUSED)
    replied(home, "LAO", "refused", WITHDRAWN)
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
    contact = {lines[at][:3]: lines[at + 1] for at in range(len(lines)) if lines[at][:3] in STATES}
    assert "its vault has not replied to a request yet" in contact["THA"]
    today = f"{datetime.now(UTC):%Y-%m-%d %H}"
    assert f"its vault's last reply: {today}" in contact["KHM"]
    assert contact["KHM"].endswith(f"refused: {PAUSED}")
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
