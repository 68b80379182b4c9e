"""A ledger that was cut off, rewritten or restored from a backup shows at once or at the next contact."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from federation.cli import main
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.node import own_ledger
from federation.deployment.node.vault_ledger import VaultLedger
from federation.errors import LedgerError, SignatureError
from federation.vault import ledger
from federation.vault.ledger_heads import read_heads
from federation.wire.frame import decode
from federation.wire.signature import UNREAD, Head, Statement
from tests.deployment.pair import FRAME, Coordinator, Country, cut_last_row, verified
from tests.federation.vault.test_ledger import unguarded


def restarted(country: Country) -> Country:
    country.stop()
    country.start()
    return country


def test_a_whole_ledger_is_vouched_for_by_its_vault_and_its_coordinator(
    country: Country, coordinator: Coordinator
) -> None:
    said = verified(country)
    assert "3 rows, each as it was written" in said
    assert "the vault signed the last, of 3 rows" in said
    assert "the coordinator signed" in said
    assert "that it saw 2 of these rows, and 0 other ledgers" in said
    both = "\n".join(coordinator_ledger.verify(coordinator.home))
    assert "6 rows, each as it was written" in both  # three requests and three replies
    assert "VNM: its vault signed" in both
    assert "that it has 3 rows" in both
    restarted(country)  # which finds nothing
    assert coordinator.ask().kind == "update"


def saved(country: Country, to: Path) -> Path:
    """A backup of the vault's folder, while the vault stands still."""
    country.stop()
    shutil.copytree(country.folder / "vault", to)
    country.start()
    return to


def cut_row(country: Country, _: Path) -> None:
    cut_last_row(country.folder / "vault" / "vault.sqlite")


def change_value(country: Country, _: Path) -> None:
    with sqlite3.connect(country.folder / "vault" / "vault.sqlite") as database:
        unguarded(database).execute("UPDATE ledger SET bytes = 1 WHERE number = 2")


def rewrite(country: Country, _: Path) -> None:
    """All of it, with seals that fit."""
    path = country.folder / "vault" / "vault.sqlite"
    with sqlite3.connect(path) as database:
        entries = ledger.entries(database)
        unguarded(database).execute("DELETE FROM ledger")
        for entry in entries:
            ledger.append(database, entry)
        [(seal,)] = database.execute("SELECT seal FROM ledger ORDER BY number DESC LIMIT 1").fetchall()
        database.execute("UPDATE heads SET seal = ?", (seal,))


def lose_heads(country: Country, _: Path) -> None:
    (country.folder / "vault" / "ledger.heads").unlink()


def forge_head(country: Country, _: Path) -> None:
    path = country.folder / "vault" / "ledger.heads"
    *before, last = path.read_text().splitlines()
    changed = json.loads(last) | {"rows": 2, "seal": json.loads(before[-1])["seal"]}
    path.write_text("\n".join([*before, json.dumps(changed)]) + "\n")
    cut_row(country, path)


def restore_database(country: Country, backup: Path) -> None:
    shutil.copy(backup / "vault.sqlite", country.folder / "vault" / "vault.sqlite")


ATTACKS: dict[str, Callable[[Country, Path], None]] = {
    "the last row cut off": cut_row,
    "a value changed": change_value,
    "all rows written anew": rewrite,
    "the signed heads gone": lose_heads,
    "a head forged": forge_head,
    "an older file of rows": restore_database,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_is_changed_at_the_vault_fails_its_verification_and_stops_its_service(
    country: Country, coordinator: Coordinator, tmp_path: Path, attack: Callable[[Country, Path], None]
) -> None:
    backup = saved(country, tmp_path / "backup")
    assert coordinator.ask().kind == "update"
    country.stop()
    attack(country, backup)
    with pytest.raises((LedgerError, SignatureError)):
        verified(country)
    country.start()
    served = len(country.served)
    alone = country.replies.serve(country.signer.request(FRAME))  # of a coordinator that remembers nothing
    assert "ledger" in str(decode(country.signer.frame(alone)).header["reason"])
    assert "ledger" in coordinator.refusal()
    assert len(country.served) == served


def test_a_head_that_the_vault_did_not_sign_is_none(country: Country, coordinator: Coordinator) -> None:
    path = country.folder / "vault" / "ledger.heads"
    [*_, last] = path.read_text().splitlines()
    with path.open("a") as file:
        file.write(json.dumps(json.loads(last) | {"rows": 4}) + "\n")
    with pytest.raises(LedgerError, match="was not signed by the key of VNM"):
        verified(country)
    assert coordinator.ask().kind == "update"  # its file is open, and the next head is signed again
    country.stop()
    path.write_text(last.replace('"rows": 3', '"rows": 2') + "\n")
    country.start()
    assert "was not signed by the key of VNM" in coordinator.refusal()


def test_rows_cut_off_together_with_their_heads_are_missed_by_the_coordinators_statement(
    country: Country, coordinator: Coordinator
) -> None:
    assert coordinator.ask().kind == "update"  # the vault now has its word for three rows
    country.stop()
    path = country.folder / "vault" / "ledger.heads"
    lines = path.read_bytes().splitlines(keepends=True)
    for cut, said in ((1, ""), (2, "has 2 rows, and the coordinator on")):
        cut_last_row(country.folder / "vault" / "vault.sqlite")
        path.write_bytes(b"".join(lines[:-cut]))
        if said:
            with pytest.raises(LedgerError, match=said):
                verified(country)
        else:
            verified(country)  # nothing here can know; the next contact will


def test_a_coordinator_misses_rows_and_another_past() -> None:
    def reply(rows: int, confirmed: str, **more: Any) -> Statement:
        head = {"VNM": Head(rows=rows, seal="s9")}
        values = {"frame": "", "request": "q", "at": "", "confirmed": confirmed, "heads": head} | more
        return Statement(kind="reply", country="VNM", run="r", round=1, **values)

    before = Head(rows=5, seal="s5")
    assert coordinator_ledger.why_behind(before, reply(5, "s5")) is None
    assert coordinator_ledger.why_behind(None, reply(0, "")) is None
    assert "has 4 rows" in str(coordinator_ledger.why_behind(before, reply(4, "s5")))
    assert "has other rows" in str(coordinator_ledger.why_behind(before, reply(6, "x")))
    assert coordinator_ledger.why_behind(before, reply(6, "", request=UNREAD)) is None
    assert "has 4 rows" in str(coordinator_ledger.why_behind(before, reply(4, "", request=UNREAD)))
    assert "does not say" in str(coordinator_ledger.why_behind(before, reply(6, "s5", heads={})))


def test_a_vault_restored_whole_is_seen_at_the_next_contact_and_goes_on_when_both_sides_accept(
    country: Country, coordinator: Coordinator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = saved(country, tmp_path / "backup")
    assert coordinator.ask().kind == "update"
    country.stop()
    shutil.rmtree(country.folder / "vault")
    shutil.copytree(backup, country.folder / "vault")
    verified(country)  # nothing here can know
    country.start()
    reason = coordinator.refusal()
    assert "has 3 rows, and had 4 when it was last seen here" in reason
    assert "`gotong ledger accept country=VNM`" in reason
    with pytest.raises(LedgerError, match="had 4 when it was last seen"):
        list(coordinator_ledger.verify(coordinator.home))
    main(["ledger", "show", f"home={coordinator.home}"])
    assert "flagged: the ledger of VNM has 3 rows" in capsys.readouterr().out
    main(["ledger", "accept", f"home={coordinator.home}", "country=VNM"])
    assert coordinator.ask(round_=9).kind == "update"
    assert "accepted VNM" in [entry.kind for entry in ledger.entries(coordinator_ledger.open_own(coordinator.home))]


def test_a_vault_says_itself_that_the_coordinator_saw_more(
    country: Country, coordinator: Coordinator, tmp_path: Path
) -> None:
    backup = saved(country, tmp_path / "backup")
    assert coordinator.ask().kind == "update"
    country.stop()
    shutil.rmtree(country.folder / "vault")
    shutil.copytree(backup, country.folder / "vault")
    country.start()
    replies: list[bytes] = []
    coordinator.ask(lambda request: replies.append(country.replies.serve(request)) or replies[-1])  # type: ignore[func-returns-value]
    assert b"has 3 rows, and the coordinator on 20" in replies[0]
    assert b"Restore the newest backup" in replies[0]
    assert str(tmp_path).encode() not in replies[0]


def test_a_ledger_that_lost_rows_goes_on_with_a_row_that_says_so(country: Country, coordinator: Coordinator) -> None:
    country.stop()
    cut_last_row(country.folder / "vault" / "vault.sqlite")
    assert "VNM goes on from row 2; 3 rows were signed before" in own_ledger.accept(country.folder)
    verified(country)
    with pytest.raises(LedgerError, match="nothing to accept"):
        own_ledger.accept(country.folder)
    coordinator_ledger.accept(coordinator.home, "VNM")
    country.start()
    assert coordinator.ask().kind == "update"
    kinds = [entry.kind for entry in ledger.entries(country.database)]
    assert kinds == ["update", "update", "accepted a loss", "update"]
    verified(country)


def test_a_crash_between_ledger_and_head_is_no_loss(country: Country, coordinator: Coordinator) -> None:
    """As if the process had died before it signed, or in the middle of a line."""
    path = country.folder / "vault" / "ledger.heads"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for left in (b"".join(lines[:-1]), whole[:-30], whole[: len(whole) - len(lines[-1]) - 1]):
        country.stop()
        path.write_bytes(left)
        country.start()
        assert read_heads(path)[-1].head == ledger.head(country.database, "VNM")
        verified(country)
    assert coordinator.ask().kind == "update"


def test_a_country_that_serves_on_with_another_ledger_is_flagged(
    country: Country, coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its vault's key signs, but its program does not refuse, and soon it has more rows than before."""
    monkeypatch.setattr(VaultLedger, "check", lambda *_: None)
    country.stop()
    for path in (country.folder / "vault").glob("*[!y]"):  # all but its keys
        path.unlink()
    country.start()
    said = [str(coordinator.ask(round_=round_).header["reason"]) for round_ in range(11, 16)]
    assert ["has 1 rows" in said[0], "has 2 rows" in said[1]] == [True, True]
    assert all("has other rows, and had 3" in reason for reason in said[2:])
    assert coordinator_ledger.flagged(coordinator.home)


def test_a_coordinators_own_ledger_is_guarded_in_the_same_way(country: Country, coordinator: Coordinator) -> None:
    cut_last_row(coordinator.home / "ledger.sqlite")
    with pytest.raises(LedgerError, match="has 5 rows, and this coordinator on"):
        list(coordinator_ledger.verify(coordinator.home))
    with pytest.raises(LedgerError, match="has 5 rows"):
        Coordinator(country)


def test_members_hold_one_anothers_heads(
    country: Country, coordinator: Coordinator, caplog: pytest.LogCaptureFixture
) -> None:
    """The coordinator names the heads of all; one that goes back is noted at the others."""
    database = coordinator_ledger.open_own(coordinator.home)
    database.execute(
        "INSERT INTO seen (country, rows, seal, at, statement, signature) VALUES ('THA',5,'ab','',x'',x'')"
    )
    coordinator.ask()
    assert "and 1 other ledger" in verified(country)
    database.execute("UPDATE seen SET rows = 4 WHERE country = 'THA'")
    coordinator.ask()
    assert "saw 5 rows of the ledger of THA before, not now" in caplog.text
