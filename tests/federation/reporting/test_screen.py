"""A screen without UTF-8 shows tables and names in ASCII, and nothing fails for a letter that it does not have."""

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console
from rich.table import Table

from federation.reporting import screen

WORDS = "Đồng Tháp – 3 × 2 → …, ตาก, 5 °C"


@pytest.mark.parametrize(
    ("encoding", "locale", "shown"),
    [
        ("utf-8", "C.UTF-8", WORDS),
        ("ascii", "C.UTF-8", r"Dong Thap - 3 x 2 -> ..., \u0e15\u0e32\u0e01, 5 deg C"),
        ("utf-8", "C", r"Dong Thap - 3 x 2 -> ..., \u0e15\u0e32\u0e01, 5 deg C"),
        ("latin-1", "th_TH", r"Dong Tháp - 3 × 2 -> ..., \u0e15\u0e32\u0e01, 5 °C"),
    ],
)
def test_every_letter_arrives_in_some_way(
    monkeypatch: pytest.MonkeyPatch, encoding: str, locale: str, shown: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    screen.fit()
    sheet = Table("country", title=WORDS)
    sheet.add_row("LAO")
    print(WORDS)
    Console(width=60).print(sheet)
    print("│┃━┏┼█▄")
    sys.stdout.flush()
    text = written.getvalue().decode(encoding)
    assert shown in text.splitlines()[0]
    assert "LAO" in text
    assert text.isascii() == (shown.isascii())
    assert encoding == "latin-1" or ("||-++#" in text) == shown.isascii()


def test_a_line_is_out_before_a_server_takes_the_place_of_its_process() -> None:
    words = "import os; from federation.reporting import screen; screen.fit(); print('a line'); os._exit(0)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "a line\n"
