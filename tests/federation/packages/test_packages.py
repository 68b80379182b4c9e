"""Packages of other people: found, named by digest in all that a run leaves, and never imported by a vault whose policy
does not name them."""

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from federation import load_run, simulate
from federation.cli import main
from federation.errors import ConfigError, PolicyRefusal
from federation.packages import load
from federation.packages.installed import installed, package_of
from federation.packages.load import load_all, load_named
from federation.packages.testing import checks_of
from federation.packages.used import used
from federation.policy.file import FILE, read_policy
from federation.policy.objections import objections
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.vault.database import open_database
from federation.vault.terms import terms
from federation.vault.vault import Vault
from tasks.registry import TASKS
from tests.federation.packages.install import RICE, install, written
from tests.whole import IN_FULL

ROOT = Path(__file__).parents[3]
WORDS = ("task=rice", "task.model=gru", "task.gru.width=4", "strategy=without_extremes", "region.countries=[LAO,VNM]")
STRATEGY = """
from federation.settings.parts import StrategySettings
from federation.strategies.fedavg import client, server
from federation.strategies.strategy import Strategy
from dataclasses import dataclass

@dataclass
class Settings(StrategySettings):
    name: str = "{name}"

IT = Strategy(name="{name}", settings=Settings, client=client, server=server)
"""


def other(folder: Path, name: str, module: str, group: str = "gotong.strategies", **points: str) -> None:
    """A package beside, of one module."""
    install(written(folder.parent / "source" / name, name, module, {group: points}), folder / name)
    sys.path.insert(0, str(folder / name))


def test_a_package_trains_and_is_named_in_all_that_a_run_leaves(
    beside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(RICE, beside)
    run = simulate(*WORDS, "tracking=none", rounds=2, runs=tmp_path / "runs", name="rice")
    assert {"wis", "coverage_90"} <= set(run.table.score)
    assert sum(value.numel() for value in run.model.parameters()) == (2 + 4) * 12 + 12 + 4 * 10 + 10
    package = package_of(installed()["gotong-rice"])
    assert run.settings.packages == {"gotong-rice": f"1.0.0 {package.digest}"}
    rows = sqlite3.connect(run.folder / "vault.sqlite").execute("SELECT contents FROM ledger").fetchall()
    assert [json.loads(each)["packages"] for (each,) in rows] == [run.settings.packages] * len(rows)
    begun = json.loads((run.folder / "tracking.jsonl").read_text().splitlines()[0])
    assert begun["params"]["packages.gotong-rice"] == package.stamp
    module = beside / "gotong_rice" / "strategy.py"
    module.write_text(module.read_text() + "\n# another file\n")
    changed = package_of(installed()["gotong-rice"])
    assert changed.digest != package.digest
    with monkeypatch.context() as patched:
        for part in load.ORIGIN:
            patched.setitem(load.ORIGIN, part, changed)  # as another process finds it
        with pytest.raises(ConfigError, match=rf"packages.gotong-rice: the run has {package.stamp}, here it is"):
            load_run("rice", runs=tmp_path / "runs").model  # noqa: B018
    sources = [path for folder in ("federation", "tasks", "configs") for path in (ROOT / folder).rglob("*.py")]
    assert not [path for path in sources if "gotong_rice" in path.read_text()]


def test_a_vault_imports_what_its_policy_names_and_nothing_else(beside: Path, tmp_path: Path) -> None:
    install(RICE, beside)
    package = package_of(installed()["gotong-rice"])
    values = {"task": {"name": "rice"}, "strategy": {"name": "fedavg"}, "packages": {"gotong-rice": package.stamp}}

    def said(lines: str) -> list[str]:
        (tmp_path / FILE).write_text(f'template = "open"\ntasks = ["health"]\n{lines}')
        policy = read_policy(tmp_path, "VNM")
        vault = Vault(country="VNM", folder=tmp_path, policy=policy, database=open_database(tmp_path / "v"), key=b"k")
        return [reason for reason, _ in terms(vault, values)["objections"]]

    [refused] = said("")
    assert "task 'rice' is not installed here" in refused
    assert "'gotong-rice', which a vault loads where `packages` of its policy says so" in refused
    (tmp_path / FILE).write_text('tasks = ["rice"]\n')
    with pytest.raises(PolicyRefusal, match="'rice' is of the package gotong-rice; add 'gotong-rice' to `packages`"):
        read_policy(tmp_path, "VNM")
    assert "gotong_rice.task" not in sys.modules
    [refused] = said('packages = ["gotong-rice"]')
    assert "gotong_rice.task" in sys.modules
    assert "refuses task 'rice'" in refused  # named, and the task is still not among its tasks
    (tmp_path / FILE).write_text('template = "open"\ntasks = ["rice"]\npackages = ["gotong-rice"]\n')
    policy = read_policy(tmp_path, "VNM")
    plan = Plan(task=TASKS["rice"].settings(), strategy=STRATEGIES["fedavg"].settings(), packages=values["packages"])
    assert used(plan) == plan.packages
    assert objections(policy, plan) == []
    assert "refuses package" in objections(replace(policy, packages=()), plan)[0].reason  # an edited policy
    for packages, words in (
        ({}, "no part of it"),
        ({"gotong-rice": f"1.0.1 {'0' * 64}"}, "the run is of 1.0.1 000000"),
    ):
        [objection] = objections(policy, replace(plan, packages=packages))
        assert "has 1.0.0" in objection.reason
        assert words in objection.reason
    for name in ("gotong-maize", "pytest"):
        (tmp_path / FILE).write_text(f'tasks = ["health"]\npackages = ["{name}"]\n')
        with pytest.raises(PolicyRefusal, match=f"'{name}' is not installed here, or offers no"):
            read_policy(tmp_path, "VNM")
    assert plain(plan)["packages"] == values["packages"]


def test_what_cannot_be_used_is_a_line_and_stops_no_verb(
    beside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other(beside, "other-absent", "import nothing_here", x="IT")
    other(beside, "other-leaving", "import sys; sys.exit(3)", y="IT")
    other(beside, "other-own", STRATEGY.format(name="fedavg"), fedavg="IT")
    other(beside, "other-named", STRATEGY.format(name="z"), another="IT")
    other(beside, "other-one", STRATEGY.format(name="same"), same="IT")
    other(beside, "other-two", STRATEGY.format(name="same"), same="IT")
    other(beside, "other-none", "IT = 3", "gotong.tasks", w="IT")
    other(beside, "other-good", STRATEGY.format(name="good"), good="IT")
    before = set(STRATEGIES)
    main(["data", "template", "task=health", f"to={tmp_path / 'template.csv'}"])
    lines = {line.split()[2]: line for line in capsys.readouterr().err.splitlines()}
    for name, reason in {
        "other-absent": "No module named 'nothing_here'",
        "other-leaving": "3",
        "other-own": "there is a strategy 'fedavg' already",
        "other-named": "entry point 'another' is no strategy of that name",
        "other-one": "other-one and other-two both offer the strategy 'same'; uninstall one",
        "other-two": "other-one and other-two both offer the strategy 'same'; uninstall one",
        "other-none": "entry point 'w' is no task of that name",
    }.items():
        assert f"gotong: package {name} is not used: " in lines.pop(name)
        with pytest.raises(ValueError, match=reason):
            load_named([name] if name != "other-two" else ["other-one", "other-two"])
    assert lines == {}
    assert set(STRATEGIES) - before == {"good"}
    assert load_all() == []  # said once


def test_an_editable_package_is_of_no_use_to_a_vault(beside: Path) -> None:
    install(RICE, beside)
    [info] = beside.glob("*.dist-info")
    (info / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    assert package_of(installed()["gotong-rice"]).digest == "editable"
    with pytest.raises(ValueError, match="is installed as an editable one"):
        load_named(["gotong-rice"])


def test_a_package_runs_the_contracts_on_itself(beside: Path, tmp_path: Path) -> None:
    install(RICE, beside)
    checks = dict(checks_of("gotong_rice"))
    assert len(checks) > 40
    assert {name.split()[0] for name in checks} == {"task", "model", "strategy"}
    for number, name in enumerate(checks):
        if IN_FULL or name.startswith("strategy") or "names_fit" in name:
            (tmp_path / str(number)).mkdir()
            checks[name](tmp_path / str(number))


@pytest.mark.skipif(not IN_FULL, reason="pip and a further pytest: scripts/prove ends")
def test_the_example_as_its_readme_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*command, str(tmp_path / "site"), str(RICE)], check=True, timeout=120)
    path = f"{ROOT}:{tmp_path / 'site'}"
    words = ["-m", "pytest", "-q", "-c", "/dev/null", "-p", "federation.packages.testing", "--package", "gotong-rice"]
    done = subprocess.run(
        [sys.executable, *words, str(tmp_path)],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert "45 passed" in done.stdout
