"""Kinds of mistakes of the platform, each by several verbs, keys and ways: locks, links, proxies, signals, names."""

import os
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from federation import cli
from federation.composition.compose import jobs
from federation.composition.literal import literal
from federation.deployment import home_lock
from federation.deployment.node import reachable
from federation.errors import DeploymentError
from federation.reporting.rows import read_json
from federation.settings.schema import Settings
from tasks.errors import DataError
from tests.federation.test_verbs_data import ends
from tests.tasks.meaning.files import written

WRITES = {  # verbs that write one file, each with its key
    "data template": ("to", "task=prices"),
    "data map": ("to", "{data}/THA/health.csv", "country=THA"),
    "policy template": ("to", "name=guarded", "country=VNM"),
    "compare": ("to", "runs={data}"),
    "results": ("to", "runs={data}"),
    "choose": ("to", "runs={data}"),
    "pretrain": ("to", "task=health"),
    "simulate": ("out", "data={data}", "runs={data}/runs", "tracking=none"),
}


@pytest.mark.parametrize("there", ["link", "dangling", "pipe"])
@pytest.mark.parametrize("verb", WRITES)
def test_nothing_is_written_over_a_link_or_a_pipe(tmp_path: Path, verb: str, there: str) -> None:
    data = written(tmp_path / "data", "health.csv").parents[1]
    target, path = tmp_path / "target", tmp_path / "there.csv"
    if there == "link":
        target.write_text("old")
    if there == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    key, *words = WRITES[verb]
    assert ends(*verb.split(), *(word.format(data=data) for word in words), f"{key}={path}") == 1
    assert path.is_fifo() if there == "pipe" else path.is_symlink()
    assert target.exists() == (there == "link")
    assert there != "link" or target.read_text() == "old"


@pytest.mark.parametrize("verb", ["simulate", "explore", "data synthesize"])
def test_a_folder_that_is_a_link_to_nothing_is_said(
    tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "data", "health.csv")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    runs = [
        "tracking=none",
        f"data={tmp_path / 'data'}",
        "region.countries=[THA]",
        "quorum=1",
        f"runs={tmp_path / 'gone'}",
    ]
    words = ["task=disaster", f"to={tmp_path / 'gone'}"] if verb == "data synthesize" else runs
    assert ends(*verb.split(), *words[verb == "explore" :]) == 1
    said = capsys.readouterr().err
    assert "link to nothing" in said
    assert said.count("\n") == 1


def test_a_table_that_may_not_be_read_is_not_to_be_made_again(tmp_path: Path) -> None:
    (tmp_path / "results.json").mkdir()  # root may read any file
    with pytest.raises(DataError, match=r"results\.json cannot be read \(Is a directory\); ask its owner"):
        read_json(tmp_path / "results.json")


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["simulate", "forecast", "compare", "data import"])
def test_closing_the_terminal_ends_every_verb_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, number: int
) -> None:
    def runs(_: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(10)

    monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(run=runs))
    assert ends(*verb.split()) == 130
    assert capsys.readouterr().err == "gotong: stopped; what was done is kept\n"


@pytest.mark.usefixtures("handlers")
def test_what_began_with_nohup_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    run = SimpleNamespace(run=lambda _: os.kill(os.getpid(), signal.SIGHUP))
    monkeypatch.setattr(cli, "import_module", lambda _: run)
    assert ends("simulate") == 0


@pytest.fixture
def handlers() -> Iterator[None]:
    kept = {each: signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever the tests themselves began with
    yield
    for each, handler in kept.items():
        signal.signal(each, handler)


def test_of_processes_that_start_at_once_one_has_the_home(tmp_path: Path) -> None:
    go, home = tmp_path / "go", tmp_path / "home"
    home.mkdir()
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            while not go.exists():
                time.sleep(0.001)
            try:
                home_lock.take(home, "another node")
                (home / str(os.getpid())).touch()
                while go.exists():
                    time.sleep(0.01)
            except DeploymentError as error:
                os._exit(3 if "is in use by another node" in str(error) else 4)
            os._exit(0)
        children.append(child)
    go.touch()
    deadline = time.monotonic() + 20
    ended: dict[int, int] = {}
    while len(ended) < 3 and time.monotonic() < deadline:
        for child in set(children) - set(ended):
            done, status = os.waitpid(child, os.WNOHANG)
            ended |= {child: os.waitstatus_to_exitcode(status)} if done else {}
        time.sleep(0.01)
    go.unlink()
    (holder,) = set(children) - set(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(holder, 0)[1]) == 0
    assert set(ended.values()) == {3}
    assert (home / str(holder)).exists()
    home_lock.take(home, "another node")


PROXIES: dict[str, tuple[dict[str, str], str, str]] = {
    # name: (environment, address, what is said)
    "https": ({"https_proxy": "http://proxy.gov:3128"}, "sea.example:9092", "through the proxy proxy.gov:3128"),
    "upper case": ({"HTTPS_PROXY": "http://proxy.gov:3128"}, "sea.example:9092", "through the proxy proxy.gov:3128"),
    "all": ({"all_proxy": "socks5://10.0.0.1:1080"}, "sea.example:9092", "through the proxy 10.0.0.1:1080"),
    "a password": ({"https_proxy": "http://me:secret@proxy.gov:3128"}, "sea.example:9092", "proxy.gov:3128 of the"),
    "an IPv6 address": ({"https_proxy": "http://proxy.gov:3128"}, "[2001:db8::1]:9092", "set no_proxy=2001:db8::1"),
    "past it": ({"https_proxy": "http://proxy.gov:3128", "no_proxy": "sea.example"}, "sea.example:9092", ""),
    "past all": ({"https_proxy": "http://proxy.gov:3128", "NO_PROXY": "*"}, "sea.example:9092", ""),
    "loopback": ({"https_proxy": "http://proxy.gov:3128"}, "127.0.0.1:9092", ""),
    "IPv6 loopback": ({"https_proxy": "http://proxy.gov:3128"}, "[::1]:9092", ""),
}


@pytest.mark.parametrize(("environment", "address", "said"), PROXIES.values(), ids=PROXIES)
def test_a_proxy_is_named_where_calls_go_through_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], address: str, said: str
) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name, value in cli._past_the_proxy().items():
        monkeypatch.setenv(name, value)
    through = reachable._through_proxy(address)
    assert said in through
    assert bool(said) == bool(through)
    assert "secret" not in through


def test_names_of_a_sweep_are_what_was_typed() -> None:
    words = ["-m", "data=2024_25,ไทย", "start_from=1e5,a b", "name=a,b", "runs=range(1,3)", "seed=1,2"]
    assert literal(words, Settings) == ["-m", "data='2024_25','ไทย'", "start_from='1e5','a b'", *words[3:]]
    names = [job.settings.name for job in jobs("simulate", ["-m", "name=2026_11,007"], Settings)]
    assert names == ["2026_11", "007"]


@pytest.mark.parametrize("name", ["it's ไทย (1)"])
def test_a_command_that_is_printed_works_as_printed(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / name, "health.csv")
    table = file.rename(file.with_name("cases.csv"))
    assert ends("data", "map", str(table), "country=THA") == 0
    printed = capsys.readouterr().out.split("then: gotong ")[1]
    to = tmp_path / name / "to"
    assert ends(*(word.replace("to=FOLDER", f"to={to}") for word in shlex.split(printed))) == 0
    printed = capsys.readouterr().out.split("Look them through: gotong ")[1]
    assert ends(*shlex.split(printed)) == 0
