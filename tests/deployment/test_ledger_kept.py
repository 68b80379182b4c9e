"""A ledger is read, filtered and exported by a person; what is old goes, what is backed up is the ledger alone."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.cli import main
from federation.deployment.node import own_ledger
from federation.errors import DeploymentError, GotongError
from federation.vault import ledger, ledger_pages, pruning
from tests.deployment.pair import Coordinator, Country, verified


@pytest.mark.usefixtures("coordinator")
def test_a_person_reads_filters_and_exports_a_ledger(
    country: Country, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Coordinator(country, run="=cmd()").ask()
    main(["ledger", "show", f"home={country.folder}"])
    *rows, total = capsys.readouterr().out.splitlines()
    assert len(rows) == 4
    assert total.startswith("4 rows of 2 runs, ")
    assert total.endswith(" 0 refusals")
    main(["ledger", "show", f"home={country.folder}", "run=r", "since=2026-01-01"])
    assert "3 rows of 1 runs" in capsys.readouterr().out
    main(["ledger", "show", f"home={country.folder}", "since=2999-01-01"])
    assert "0 rows of 0 runs" in capsys.readouterr().out
    main(["ledger", "verify", f"home={country.folder}"])
    for form in ("csv", "json"):
        to = tmp_path / f"ledger.{form}"
        main(["ledger", "export", f"home={country.folder}", f"to={to}"])
        text = to.read_text()
        assert str(tmp_path) not in text
        if form == "csv":
            assert ",'=cmd()," in text  # no spreadsheet computes it
            assert len(text.splitlines()) == 5
        else:
            assert [row["run"] for row in json.loads(text)] == ["r", "r", "r", "=cmd()"]
    with pytest.raises(GotongError, match="is no day"):
        ledger_pages.rows(country.database, since="yesterday")
    for words, said in ((["home=nowhere"], "has no ledger"), ([f"home={country.folder}", "since=x"], "is no day")):
        with pytest.raises(SystemExit):
            main(["ledger", "show", *words])
        assert said in capsys.readouterr().err


def test_the_state_of_old_runs_goes_and_their_rounds_are_not_served_again(
    country: Country, coordinator: Coordinator
) -> None:
    database, now = country.database, datetime.now(UTC)
    database.execute("INSERT INTO state VALUES ('VNM','r',3,'train','q',x'00',x'00')")
    for name in ("terms", "secrets", "first", "began", "own results"):
        database.execute("INSERT INTO seals VALUES ('VNM','r',0,?,x'00')", (name,))
    assert pruning.prune(database, "VNM", 0, now + timedelta(days=999)) == []
    assert pruning.prune(database, "VNM", 30, now + timedelta(days=29)) == []
    assert pruning.prune(database, "VNM", 30, now + timedelta(days=31)) == ["r"]
    assert database.execute("SELECT count(*) FROM state").fetchone() == (0,)
    assert database.execute("SELECT name FROM seals ORDER BY name").fetchall() == [("began",), ("own results",)]
    assert len(ledger.entries(database)) == 3
    assert "run r is over here" in coordinator.refusal()
    assert Coordinator(country, run="another").ask().kind == "update"


def test_a_backup_has_the_ledger_and_nothing_of_a_runs_memory(
    country: Country, coordinator: Coordinator, tmp_path: Path
) -> None:
    secret = b"what a run remembers" * 50
    country.database.execute("INSERT INTO state VALUES ('VNM','r',3,'train','q',?,?)", (secret, secret))
    country.database.execute("INSERT INTO seals VALUES ('VNM','r',3,'secrets',?)", (secret,))
    assert own_ledger.backup(country.folder, tmp_path / "b") == 3
    assert secret[:20] not in (tmp_path / "b" / "vault.sqlite").read_bytes()
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"vault.sqlite", "ledger.heads"}
    with pytest.raises(DeploymentError, match="is not empty"):
        own_ledger.backup(country.folder, tmp_path / "b")
    country.stop()
    for path in (tmp_path / "b").iterdir():
        shutil.copy(path, country.folder / "vault")
    country.start()
    assert coordinator.ask().kind == "update"
    verified(country)
