"""The containers of docs/operate.md as operators start them: every machine a checkout and a Compose project of its own.

One Docker stands for all machines; a line from each country's network to the coordinator's container stands for the
internet. The image `gotong` of that Docker is built anew, and nothing else of it is left behind.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.deployment.walk.between import COUNTRIES, give_records
from tests.deployment.walk.walker import Step, Walker

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
CHECKOUT = ("LICENSE", "README.md", "configs", "constraints.txt", "federation", "pyproject.toml", "tasks", "deploy")
COMPOSE = "docker-compose --file deploy/compose.yaml"
VAULT_KEY = f"{COMPOSE} run --rm vault keys node country=VNM part=vault home=/var/lib/gotong-vault"
VAULT_UP = f"{COMPOSE} up --detach vault"
HANDED = f"{COMPOSE} exec -T vault cat /var/lib/gotong-vault/vault/VNM.vault.json > VNM.vault.json"
NODE_KEY = (
    f"{COMPOSE} run --rm -T courier keys node country=VNM part=courier vault=/dev/stdin home=/var/lib/gotong-courier "
    f"< VNM.vault.json"
)
UP = f"{COMPOSE} up --detach vault courier"
ENROLMENT = f"{COMPOSE} exec -T courier cat /var/lib/gotong-courier/courier/VNM.enrolment.json > VNM.enrolment.json"
ENROL = f"{COMPOSE} exec -T coordinator gotong keys enrol from=/dev/stdin home=coordinator < VNM.enrolment.json"
STATUS = f"{COMPOSE} exec -T coordinator gotong status home=coordinator"
SWITCH, VAULTS_HOME = f"{COMPOSE} exec -T vault gotong node", "home=/var/lib/gotong-vault"
SUBMIT = f"{COMPOSE} exec -T coordinator gotong submit task=health rounds=12 quorum=3 name=harbour home=coordinator"
KILLED = (("VNM", "vault"), ("KHM", "courier"))
# What a program inside a container can do, as JSON.
ATTEMPTS = """
import errno, json, os, socket, sys

def attempt(do):
    try:
        do()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"

def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(path)

status = dict(line.split(":", 1) for line in open("/proc/1/status"))
print(json.dumps({
    "coordinator": attempt(lambda: socket.create_connection((sys.argv[1], 9440), 10).close()),
    "records": attempt(lambda: os.listdir("/data")),
    "change records": attempt(lambda: create("/data/new")),
    "change the system": attempt(lambda: create("/usr/new")),
    "the vault's home": attempt(lambda: os.listdir("/var/lib/gotong-vault")),
    "the courier's home": attempt(lambda: os.listdir("/var/lib/gotong-courier")),
    "change the line": attempt(lambda: create("/run/gotong-line/new")),
    "processes": os.readlink("/proc/self/ns/pid"),
    "capabilities": int(status["CapBnd"], 16),
    "may become another": status["NoNewPrivs"].strip() == "0",
}))
"""


class Containers(Walker):
    """Commands through a shell, for they redirect, and within the machine's own Compose project."""

    def project(self, at: str) -> str:
        return f"gotong-{os.getpid()}-{at.lower()}"

    def container(self, at: str, service: str) -> str:
        """Its name for docker."""
        return self.run(at, f"{COMPOSE} ps -q {service}").strip()

    def inspect(self, at: str, service: str, what: str) -> str:
        """Of docker, by a template."""
        return _docker("inspect", "--format", what, self.container(at, service)).strip()

    def attempts(self, at: str, service: str) -> dict[str, str | int]:
        """What a program can do that runs where the service runs."""
        address = self.inspect("coordinator", "coordinator", _address(self.project("VNM")))
        attempts = _docker("exec", "-i", self.container(at, service), "python", "-", address, given=ATTEMPTS)
        results: dict[str, str | int] = json.loads(attempts)
        return results

    def kill(self, at: str, service: str) -> None:
        """As the kernel does it that runs out of memory."""
        process = self.inspect(at, service, "{{.State.Pid}}")
        _docker(
            "run", "--rm", "--pid", "host", "--user", "0", "--entrypoint", "sh", "gotong", "-c", f"kill -9 {process}"
        )

    def close(self) -> None:
        super().close()
        for at in ("coordinator", *COUNTRIES):  # networks that others are on go last
            if at == "coordinator":
                _docker("rm", "--force", self.container(at, "coordinator"))
            self.run(at, f"{COMPOSE} down --volumes --remove-orphans")

    def _words(self, at: str, command: str) -> list[str]:
        live = "PYTHONUNBUFFERED=1"  # docker-compose 1, in Python, passes lines on as they come to a terminal alone
        return ["env", live, f"COMPOSE_PROJECT_NAME={self.project(at)}", "sh", "-c", command]


def _docker(*words: str, given: str = "") -> str:
    done = subprocess.run(["docker", *words], input=given, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def _address(project: str) -> str:
    """Template for a container's address in a project's network."""
    return f'{{{{(index .NetworkSettings.Networks "{project}_default").IPAddress}}}}'


def _settle(walker: Containers, country: str = "VNM") -> None:
    """What the page requires before a country's first command; and a way to the coordinator."""
    shutil.copy(walker.at("coordinator") / "ca.pem", walker.at(country))
    give_records(walker, country)
    subprocess.run(["chmod", "-R", "a+rX", walker.at(country) / "records"], check=True)
    values = {
        "COUNTRY": country,
        "DATA": walker.at(country) / "records",
        "COORDINATOR": "federation.example:9440",
        "CA": walker.at(country) / "ca.pem",
    }
    lines = [f"{key}={value}\n" for key, value in values.items()]
    (walker.at(country) / "deploy" / ".env").write_text("".join(lines))


def _line(walker: Containers, country: str = "VNM") -> None:
    network, container = f"{walker.project(country)}_default", walker.container("coordinator", "coordinator")
    _docker("network", "connect", "--alias", "federation.example", network, container)


def _send(walker: Containers, country: str = "VNM") -> None:
    name = f"{country}.enrolment.json"
    shutil.copy(walker.at(country) / name, walker.at("coordinator"))


def _the_others_too(walker: Containers) -> None:
    for country in COUNTRIES[1:]:
        _settle(walker, country)
        for command in (VAULT_KEY, VAULT_UP, HANDED, NODE_KEY):
            walker.run(country, command.replace("VNM", country))
        _line(walker, country)
        walker.run(country, UP)
        walker.run(country, ENROLMENT.replace("VNM", country))
        _send(walker, country)
        walker.run("coordinator", ENROL.replace("VNM", country))
    for country in COUNTRIES:
        connected = f"{country}          connected"
        walker.wait(connected, lambda line=connected: line in walker.run("coordinator", STATUS))  # type: ignore[misc]


def _isolated(walker: Containers) -> None:
    """The vault has the records and no network, the courier the reverse; neither can change what it runs on."""
    every = {"change the system": "EROFS", "capabilities": 0, "may become another": False}
    vault, courier = walker.attempts("VNM", "vault"), walker.attempts("VNM", "courier")
    assert vault.pop("processes") != courier.pop("processes")  # neither sees the other's
    assert vault == every | {
        "coordinator": "ENETUNREACH",
        "records": "allowed",
        "change records": "EROFS",
        "the vault's home": "allowed",
        "the courier's home": "EACCES",
        "change the line": "allowed",
    }
    assert courier == every | {
        "coordinator": "allowed",
        "records": "ENOENT",
        "change records": "ENOENT",
        "the vault's home": "EACCES",
        "the courier's home": "allowed",
        "change the line": "EROFS",
    }


def _two_die(walker: Containers) -> None:
    """Docker starts them again, and the run, which waits for all three, completes."""
    walker.wait("round 2", lambda: "round 2/12  3 of 3" in walker.log("coordinator", SUBMIT))
    for at, service in KILLED:
        walker.kill(at, service)
    assert "round 12/12" not in walker.log("coordinator", SUBMIT)
    for at, service in KILLED:
        again = partial(walker.inspect, at, service, "{{.RestartCount}} {{.State.Running}}")
        walker.wait(f"{at}'s {service}", lambda again=again: again() == "1 true")  # type: ignore[misc]
    assert walker.end("coordinator", SUBMIT) == 0
    log = walker.log("coordinator", SUBMIT)
    assert "round 12/12  3 of 3 countries" in log
    for country in COUNTRIES:
        assert f"│ {country} " in log


def _results_are_out(walker: Containers) -> None:
    assert json.loads((walker.at("coordinator") / "runs" / "harbour" / "results.json").read_text())


def _gone(walker: Containers) -> None:
    walker.wait("VNM's absence", lambda: "VNM          was connected" in walker.run("coordinator", STATUS))


WALK = (
    Step(at="coordinator", command=f"{COMPOSE} build coordinator"),
    Step(
        at="coordinator",
        command=f"{COMPOSE} run --rm coordinator keys coordinator home=coordinator names=[federation.example,10.1.2.3]",
    ),
    Step(at="coordinator", command=f"{COMPOSE} up --detach coordinator"),
    Step(at="coordinator", command=f"{COMPOSE} exec -T coordinator cat coordinator/ca.pem > ca.pem", then=_settle),
    Step(
        at="VNM",
        command=f"{COMPOSE} run --rm vault node preview country=VNM data=/data task=health",
        says=("update: ", "scores: ", "bytes"),
    ),
    Step(at="VNM", command=VAULT_KEY),
    Step(at="VNM", command=VAULT_UP),
    Step(at="VNM", command=HANDED),
    Step(at="VNM", command=NODE_KEY, says=("same fingerprints",), then=_line),
    Step(at="VNM", command=UP),
    Step(at="VNM", command=ENROLMENT, then=_send),
    Step(at="coordinator", command=ENROL, says=("VNM is enrolled",), then=_the_others_too),
    Step(at="coordinator", command=STATUS, says=("VNM          connected",), then=_isolated),
    Step(at="coordinator", command=SUBMIT, how="follow", then=_two_die),
    Step(at="coordinator", command=f"{COMPOSE} exec -T coordinator tar -c runs | tar -x", then=_results_are_out),
    Step(at="VNM", command=f"{SWITCH} pause {VAULTS_HOME}", says=("paused",)),
    Step(at="VNM", command=f"{SWITCH} resume {VAULTS_HOME}", says=("serving again",)),
    Step(at="VNM", command=f"{SWITCH} withdraw {VAULTS_HOME}", says=("withdrawn for good",)),
    Step(at="VNM", command=f"{COMPOSE} exec -T courier rm /var/lib/gotong-courier/courier/node.key"),
    Step(at="VNM", command=f"{COMPOSE} stop vault courier", then=_gone),
)


@pytest.fixture
def walker(tmp_path: Path) -> Iterator[Containers]:
    if shutil.which("docker-compose") is None or shutil.which("docker") is None:
        pytest.skip("docker or docker-compose is not installed")
    if subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("no Docker daemon replies here")
    [base] = re.findall(r"^FROM (\S+)", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    if 0 not in (
        subprocess.run(["docker", *how, base], capture_output=True).returncode
        for how in (["image", "inspect"], ["pull"])
    ):
        pytest.skip(f"this Docker neither has {base} nor can pull it")
    for at in ("coordinator", *COUNTRIES):
        (tmp_path / at).mkdir()
        for each in CHECKOUT:
            copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
            copy(ROOT / each, tmp_path / at / each)
    walker = Containers(folder=tmp_path, machines={})
    try:
        yield walker
    finally:
        walker.close()


@pytest.mark.timeout(2400)  # an image is built
def test_containers_started_as_the_page_says_train_together_and_keep_to_themselves(walker: Containers) -> None:
    for step in WALK:
        walker.take(step)
