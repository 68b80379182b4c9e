"""A run reads past a warning and says so in one line without values; accepted and synthetic ones say nothing."""

import logging
from pathlib import Path

import pytest

from tasks.files.check import check
from tasks.files.load import read_table
from tasks.registry import TABLES
from tests.tasks.meaning.files import put, written

NAME = "health.csv"


def said(file: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        read_table(file, TABLES[NAME].schema)
    return [record.getMessage() for record in caplog.records]


def test_a_run_says_in_one_line_that_there_are_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = written(tmp_path, NAME, put(4, "disease_cases", "<5"))
    (line,) = said(file, caplog)
    assert line.endswith(f"1 suppressed; list them: gotong data check {file}")
    assert "<5" not in line
    (finding,) = check(file)
    (file.parent / "accepted.toml").write_text(f'[[accepted]]\nid = "{finding.id}"\nreason = "the agency hides them"\n')
    assert said(file, caplog) == []
    (file.parent / "accepted.toml").unlink()
    (file.parent / "health.oracle.npz").touch()
    assert said(file, caplog) == []
