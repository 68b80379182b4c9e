"""The command line from outside: what is printed where, exit codes, and what is imported for it."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from federation import cli
from tests import forked

HEAVY = ("torch", "flwr", "mlflow", "hydra", "omegaconf", "pandas", "numpy")


def gotong(folder: Path, *words: str) -> forked.Ended:
    return forked.run(folder, words)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_is_on_stdout_and_imports_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    code = (
        "import atexit, json, sys\n"
        "from federation.cli import main\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.startswith("gotong VERB key=value ...")
    assert "simulate" in done.stdout
    assert set(json.loads(done.stderr)).isdisjoint(HEAVY)


MISTAKES = {
    ("simulate", "rouns=3"): "gotong: there is no key 'rouns'; did you mean rounds?\n",
    ("simulate", "+rouns=3"): "gotong: there is no key 'rouns'; did you mean rounds?\n",
    ("simulate", "rounds=abc"): "gotong: rounds=abc must be a whole number\n",
    ("simulate", "credit=ja"): "gotong: credit=ja must be true or false\n",
    ("compare", "names=first"): "gotong: names is a list; write names=[...], such as names=[one,other]\n",
    ("simulate", "recipe=dengu"): "gotong: there is no recipe=dengu; did you mean dengue?\n",
    ("cycle", "experiment=skill/helth"): "gotong: there is no experiment=skill/helth; did you mean skill/health?\n",
    (
        "simulate",
        "rounds=1,2",
    ): "gotong: rounds=1,2 is several values; write rounds=[1,2] for a list, or add -m for a run of each\n",
    ("simulate", "rounds=0"): "gotong: rounds=0 must be at least 1 and at most 100000\n",
    ("keys", "enrol", "frm=VNM.json"): "gotong: there is no key 'frm'; did you mean from?\n",
    ("keys", "enrol", "from="): "gotong: say which file the node made: gotong keys enrol from=VNM.enrolment.json\n",
    ("stop",): "gotong: run= is missing; --help says what it is\n",
    ("simulat",): "gotong: there is no verb 'simulat'; did you mean simulate?\n",
    (
        "node",
        "bundle",
    ): "gotong: gotong node bundle is gone: a node runs nothing that is shipped to it; start gotong node\n",
}


@pytest.mark.parametrize(("words", "line"), MISTAKES.items(), ids=map(" ".join, MISTAKES))
def test_a_mistake_is_one_line_on_stderr_and_exit_code_1(tmp_path: Path, words: tuple[str, ...], line: str) -> None:
    done = gotong(tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", [True, False], ids=["flags first", "flags last"])
def test_every_key_of_a_verb_can_be_seen_and_nothing_is_run(tmp_path: Path, first: bool) -> None:
    flags, words = ("--cfg", "job"), ("strategy=fedprox", "rounds=7")
    done = gotong(tmp_path, "simulate", *(flags + words if first else words + flags))
    assert done.returncode == 0, done.stderr
    assert "rounds: 7" in done.stdout
    assert "mu: 0.01" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_run_from_the_command_line_leaves_its_table_at_the_path_of_out(tmp_path: Path) -> None:
    words = [
        "task.hidden=[]",
        "tracking=none",
        "rounds=2",
        "name=first",
        "out=table.json",
        "region.countries=[SGP,BRN]",
    ]
    done = gotong(tmp_path, "simulate", *words)
    assert done.returncode == 0, done.stderr
    table = json.loads((tmp_path / "table.json").read_text())
    assert {row["country"] for row in table} == {"SGP", "BRN", "ASEAN"}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["runs", "table.json"]
    assert table == json.loads((tmp_path / "runs" / "first" / "results.json").read_text())
    again = gotong(tmp_path, "simulate", "name=first")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "a run first exists in runs; choose another name, or resume=first" in again.stderr
    resumed = gotong(tmp_path, "simulate", "resume=first", "out=again.json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((tmp_path / "again.json").read_text()) == table


def test_two_processes_do_not_work_in_one_run(tmp_path: Path) -> None:
    from federation.runs.folder import locked

    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    with locked(folder):
        done = gotong(tmp_path, "simulate", "resume=first")
    assert done.returncode == 1
    assert done.stderr == "gotong: run first is in progress in another process; wait for it or stop it\n"


def test_nothing_is_sent_to_anybody(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from federation import cli\n"
        "try: cli.main(['simulate', 'rouns=3'])\n"
        "except SystemExit: print(*(os.environ[name] for name in sys.argv[1:]))"
    )
    names = ["FLWR_TELEMETRY_ENABLED", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"]
    clean = {key: value for key, value in os.environ.items() if key not in names}
    done = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=tmp_path, capture_output=True, text=True, timeout=60, env=clean
    )
    assert done.stdout.split() == ["0", "true", "true"]


def test_what_the_system_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "runs/a/lock")

    monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(run=refused))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        cli.main(["status"])
    assert capsys.readouterr().err == (
        "gotong: runs/a/lock: permission denied; ask its owner, or run as the user whose it is\n"
    )


def test_calls_within_the_machine_go_past_a_proxy() -> None:
    code = (
        "import atexit, os\nfrom federation.cli import main\natexit.register(lambda: print(os.environ['no_proxy']))\n"
    )
    code += "main(['status', 'home=nowhere'])"
    environment = {**os.environ, "no_proxy": "intra.example", "http_proxy": "http://127.0.0.1:9"}
    environment.pop("NO_PROXY", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["intra.example,localhost,127.0.0.1,::1"]
