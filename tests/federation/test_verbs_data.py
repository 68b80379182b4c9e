"""`gotong data ...`: what it prints, how it ends, and that it talks to nobody."""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from federation.cli import main
from federation.verbs.data_check import sheet
from tasks.files.reading import Problem
from tests.tasks.importers.excerpts import lines, public_folder, write
from tests.tasks.meaning.files import put, written

CHILD = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"):
        sys.stderr.write(f"NETWORK {event}")
        sys.stderr.flush()
        import os
        os._exit(99)

sys.addaudithook(refuse)
from federation.cli import main
try:
    main(sys.argv[1:])
finally:
    loaded = {name.split(".")[0] for name in sys.modules}
    print("LOADED", sorted(loaded & {"mlflow", "flwr", "ray", "requests", "urllib3", "grpc", "aiohttp", "httpx"}))
"""


def ends(*words: str) -> int:
    """The exit code of a verb in this process."""
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_import_reports_what_it_kept_and_why_not_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = public_folder(tmp_path / "from")
    write(source / "other.csv", "a,b", ["1,2"])
    assert ends("data", "import", f"from={source}", f"to={tmp_path / 'to'}") == 0
    printed = capsys.readouterr().out
    assert "LAO" in printed
    assert "1 counts of a year" in printed
    assert "1 provinces, of which CHAP's table" in printed
    assert "other.csv not used: its columns are of no known format." in printed
    assert "8 national files" in printed
    assert len(lines(tmp_path / "to" / "LAO" / "health.csv")) == 3
    assert ends("data", "check", str(tmp_path / "to")) == 0
    assert "8 national files, no problem." in capsys.readouterr().out


def test_check_lists_every_problem_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = "time_period,location,disease_cases,population,rainfall,mean_temperature"
    rows = ["2000-01,A,1,,,", "2000-13,A,1,,,", "2000-02,A,x,,,"]
    file = write(tmp_path / "it's = odd, here" / "THA" / "health.csv", header, rows)
    assert ends("data", "check", str(file)) == 1
    printed = capsys.readouterr()
    assert f"{file}, row 3, column 'time_period': '2000-13' is not a month" in printed.out
    assert f"{file}, row 4, column 'disease_cases': 'x' is not a number" in printed.out
    assert "2 problems in 1 of 1 national files." in printed.out
    assert printed.err == ""


def test_a_terminal_shows_a_cell_as_it_stands_also_where_it_looks_like_markup() -> None:
    screen = StringIO()
    values = ["[a]5", "x[/red]"]
    Console(file=screen, force_terminal=True, width=160).print(
        sheet([Problem(file="f", value=value, what="is [/b]", remedy="[/]") for value in values])
    )
    assert all(repr(value) in screen.getvalue() for value in values)


def test_a_warning_is_printed_and_accepted_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "disaster.csv", put(20, "rainfall", "999.9"))
    assert ends("data", "check", str(file)) == 0
    printed = capsys.readouterr().out
    assert "0 problems in 0 of 1 national files. 2 warnings." in printed
    ids = re.findall(r"\(warning [a-z]+, id ([0-9a-f]{8})\)", printed)
    assert ends("data", "check", str(file), "limit=2") == 0  # of each kind, and each is one
    assert "There may be more" not in capsys.readouterr().out
    assert ends("data", "check", str(file), "strict=true") == 1
    entries = [f'[[accepted]]\nid = "{each}"\nreason = "gauge 41"\n' for each in ids]
    (file.parent / "accepted.toml").write_text("\ufeff" + "".join(entries))  # as Windows' editor writes it
    capsys.readouterr()
    assert ends("data", "check", str(file), "strict=true") == 0
    printed = capsys.readouterr().out
    assert printed.count("accepted: ") == 2
    assert "gauge 41" in printed
    written(tmp_path, "disaster.csv", put(20, "rainfall", "9999"))  # another value is another warning
    assert ends("data", "check", str(file), "strict=true") == 1
    (file.parent / "accepted.toml").write_text("[[accepted]]\nid = 7\n")
    assert ends("data", "check", str(file)) == 1
    assert "accepted.toml, entry 1: needs an id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "to=x"), "say where the public files lie: gotong data import from=FOLDER to=FOLDER"),
        (("import", "from=x"), "say where the national files go"),
        (("import", "from=nowhere", "to=x"), "nowhere does not exist"),
        (("import", "form=x"), "there is no key 'form'"),
        (("check",), "say what to look through"),
        (("map",), "say which file"),
        (("map", "nowhere.xlsx", "country=THA"), "nowhere.xlsx does not exist"),
        (("import", "from=x", "map=nowhere.yaml", "to=y"), "nowhere.yaml cannot be read as YAML"),
        (("check", "nowhere"), "nowhere does not exist; national files are COUNTRY/health.csv"),
        (("check", "limit=0", "x"), "limit=0 must be at least 1"),
        (("template", "task=health"), "say where it goes"),
        (("template", "task=heath", "to=x.csv"), "there is no task=heath; did you mean health?"),
        (("synthesize",), "name the folder: gotong data synthesize"),
        (("synthesize", "to=x", "countries=[XXX]"), "countries: 'XXX' is no ISO 3166-1"),
        (("synthesize", "to=x", "seed=-1"), "seed=-1 must be at least 0"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ends("data", *words) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.startswith("gotong: ")
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_template_writes_a_file_and_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ends("data", "template", "task=health", f"to={tmp_path / 'health.csv'}") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "health.csv"), str(tmp_path / "health.README.md")]


def test_synthesize_writes_a_region_that_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("data", "synthesize", "task=health", "countries=[SGP,BRN]", "seed=3")
    assert ends(*words, f"to={tmp_path / 'a'}") == 0
    assert ends(*words, f"to={tmp_path / 'b'}") == 0
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["BRN", "SGP"]
    assert (tmp_path / "a/SGP/health.csv").read_bytes() == (tmp_path / "b/SGP/health.csv").read_bytes()
    capsys.readouterr()
    assert ends("data", "check", str(tmp_path / "a")) == 0


def test_a_flag_and_its_value_are_no_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends("data", "check", "--cfg", "job") == 0
    assert "path: null" in capsys.readouterr().out


@pytest.mark.long
def test_nothing_is_sent(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    verbs = [
        ["data", "import", f"from={source}", f"to={tmp_path / 'to'}"],
        ["data", "check", str(tmp_path / "to")],
        ["data", "template", "task=health", f"to={tmp_path / 'template.csv'}"],
        ["data", "synthesize", "task=health", "countries=[BRN]", f"to={tmp_path / 'region'}"],
    ]
    for words in verbs:
        ended = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
        assert "NETWORK" not in ended.stderr
        assert ended.stdout.splitlines()[-1] == "LOADED []", words
