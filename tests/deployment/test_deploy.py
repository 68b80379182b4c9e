"""The units and containers in deploy/: what they start exists, and the tools they are written for find no fault."""

import os
import re
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from federation.cli import main
from tests.deployment.test_operate import commands

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
TIMERS = sorted(DEPLOY.glob("*.timer"))
COMPOSE, DOCKERFILE = DEPLOY / "compose.yaml", DEPLOY / "Dockerfile"
SERVICES = ("coordinator", "vault", "courier", "cycle", "issue", "monitor")
SET = {"COUNTRY": "VNM", "DATA": "/srv/records", "COORDINATOR": "federation.example:9440", "CA": "/srv/ca.pem"}


def _composes(words: list[str], capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    given = [re.sub(r"\$\{\w+-\}|\$\{COUNTRY\}", "VNM", word) for word in words]
    given = [re.sub(r"\$\{TASK(:-\w+)?\}", "health", word) for word in given]
    given = [re.sub(r"\$\{QUORUM(:-\w+)?\}", "2", word) for word in given]
    main([*given, "--cfg", "job"])  # checks every key, does nothing
    composed = yaml.safe_load(capsys.readouterr().out)
    pairs = [word.split("=", 1) for word in given if "=" in word]
    assert pairs
    for key, value in pairs:
        actual = composed[key.replace("from", "file")]
        assert (actual["name"] if isinstance(actual, dict) else actual) == yaml.safe_load(value), key
    assert not list(folder.iterdir())


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_calls_a_verb_with_keys_that_exist(
    unit: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    program, *words = line.removeprefix("ExecStart=").split()
    assert program == "/opt/gotong/bin/gotong"
    _composes(words, capsys, tmp_path)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemds_own_tool_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    assert (len(UNITS), len(TIMERS)) == (6, 3)
    assert {timer.stem for timer in TIMERS} <= {unit.stem for unit in UNITS}
    for unit in (*UNITS, *TIMERS):  # the tool wants the program to be there
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/gotong/bin/gotong", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_calls_a_verb_with_keys_that_exist(
    service: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _composes(yaml.safe_load(COMPOSE.read_text())["services"][service]["command"].split(), capsys, tmp_path)


DOCUMENTED = [command for command in commands() if command.startswith("docker-compose ")]


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("command", DOCUMENTED)
def test_docker_compose_knows_what_the_page_asks_of_it(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, file, path, verb, *rest = re.sub(r" [<>|] .*", "", command).split()
    assert (program, file, DEPLOY.parent / path) == ("docker-compose", "--file", COMPOSE)
    done = subprocess.run([program, verb, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    options = list(takewhile(lambda word: word.startswith("-"), rest))
    assert all(re.search(rf"(^|[ ,]){option}\b", done.stdout) for option in options), done.stdout
    first, *more = rest[len(options) :]
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    assert first in services
    monkeypatch.chdir(tmp_path)
    if verb == "run" or more[:1] == ["gotong"]:
        _composes([word for word in more if word != "gotong"], capsys, tmp_path)
    elif verb != "exec":
        assert set(more) <= set(services)


def test_the_image_takes_nothing_that_may_lie_in_a_checkout_with_the_program() -> None:
    """What is copied into a layer stays there, also if a later one removes it."""
    lines = [line for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    programs = {f"!{folder}/**/*.py" for folder in ("configs", "federation", "tasks")}
    programs |= {
        "!configs/**/*.yaml",
        "!federation/deployment/bundle/pyproject.toml",
    }
    programs |= {"!deploy/requirements.txt"}
    assert set(lines[1:]) == programs | {"!LICENSE", "!README.md", "!constraints.txt", "!pyproject.toml"}


def test_an_image_installs_only_files_whose_hashes_are_written_down_with_the_pins_of_the_tests() -> None:
    text = (DEPLOY / "requirements.txt").read_text()
    locked = dict(re.findall(r"^(\S+)==(\S+?)(?: ;.*)? \\$", text, re.MULTILINE))
    hashed = re.findall(r"^\S+==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(locked) == len(hashed) > 100
    pinned = dict(line.split("==") for line in (DEPLOY.parent / "constraints.txt").read_text().split() if "==" in line)
    same = {name.lower(): version for name, version in pinned.items() if name.lower() in locked}
    assert len(same) > 80
    assert same == {name: locked[name] for name in same}
    assert "--require-hashes -r /src/deploy/requirements.txt" in DOCKERFILE.read_text()


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_bounds_what_its_processes_may_call_and_take(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    for wanted in ("SystemCallFilter=@system-service", "SystemCallArchitectures=native", "CapabilityBoundingSet="):
        assert wanted in lines
    assert any(re.fullmatch(r"MemoryMax=\d+G", line) for line in lines)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The compose file as docker-compose understands it."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    done = subprocess.run(
        ["docker-compose", "--file", COMPOSE, "config"],
        env={**os.environ, **SET},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    services: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return services


def test_every_container_is_a_user_of_its_own_with_a_system_that_it_cannot_change(services: dict[str, Any]) -> None:
    assert set(services) == set(SERVICES)
    made = DOCKERFILE.read_text()
    for service in services.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert re.search(rf"useradd .*{service['user']} ", made)
    assert len({services[name]["user"] for name in ("coordinator", "vault", "courier")}) == 3
    # of a month: as the user of that part, once
    for timed, part in (("cycle", "coordinator"), ("issue", "vault"), ("monitor", "vault")):
        assert services[timed]["user"] == services[part]["user"]
        assert (services[timed]["restart"], services[timed]["profiles"]) == ("no", ["timer"])
    assert {services[name]["network_mode"] for name in ("issue", "monitor")} == {"none"}


def test_the_vaults_container_has_the_data_and_no_network_and_the_couriers_the_reverse(
    services: dict[str, Any],
) -> None:
    vault, courier = services["vault"], services["courier"]
    assert vault["network_mode"] == "none"
    assert "network_mode" not in courier
    data, authority, *volumes = vault["volumes"]
    assert (authority["source"], authority["read_only"]) == ("/srv/ca.pem", True)
    assert (data["source"], data["target"], data["read_only"]) == ("/srv/records", "/data", True)
    assert volumes == [
        "vault:/var/lib/gotong-vault:rw",
        "line:/run/gotong-line:rw",
        "delivered:/var/cache/gotong-delivered:ro",
    ]
    assert {mount if isinstance(mount, str) else mount["source"] for mount in courier["volumes"]} == {
        "/srv/ca.pem",
        "courier:/var/lib/gotong-courier:rw",
        "line:/run/gotong-line:ro",
        "delivered:/var/cache/gotong-delivered:rw",
    }
    assert "ports" not in vault
    assert "ports" not in courier
