"""docs/operate.md as an operator follows it: its commands as they stand there, each on the machine it is for."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from federation.deployment.coordinator import members
from federation.deployment.node.settings import SOCKET
from federation.deployment.node.vault_line import exchange
from federation.vault.identity import fingerprint
from federation.wire.frame import Frame, decode, encode
from tasks.registry import TASKS
from tests.deployment.namespaces import Machine
from tests.deployment.signing import Signer

COUNTRIES = ("VNM", "KHM", "LAO")  # the page writes of the first
PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
PATIENCE = 300.0  # seconds for something to come about on a busy machine


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command as the page writes it. how: to its end, until it is stopped, or with an eye on how it ends.

    says: words of what it prints. then: what a person does, or waits for, before the next one.
    """

    at: str
    command: str
    how: Literal["run", "serve", "follow"] = "run"
    says: tuple[str, ...] = ()
    then: Callable[[Any], None] | None = None  # what takes the step is given


@dataclass
class Walker:
    """Machines with a folder each under `folder`. processes: command lines that serve, by machine and number."""

    folder: Path
    machines: Mapping[str, Machine]
    processes: dict[tuple[str, str], "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def at(self, machine: str) -> Path:
        """The folder in which commands are typed on that machine."""
        path = self.folder / machine
        path.mkdir(exist_ok=True)
        return path

    def take(self, step: Step) -> None:
        """One step, and what it should have said."""
        if step.how == "run":
            printed = self.run(step.at, step.command)
            for words in step.says:
                assert words in printed, f"{step.command}\n{printed}\n{self.logs()}"
        else:
            self.start(step.at, step.command)
        if step.then is not None:
            step.then(self)

    def run(self, at: str, command: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            self._words(at, command), cwd=self.at(at), env=_environment(), capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout

    def start(self, at: str, command: str) -> None:
        """A command in the background, with its log next to the machine's folder."""
        with self._log(at, command).open("wb") as log:
            self.processes[at, command] = subprocess.Popen(
                self._words(at, command),
                cwd=self.at(at),
                env=_environment(),
                stdout=log,
                stderr=log,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
            )

    def stop(self, at: str, command: str, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        process = self.processes.pop((at, command))
        process.send_signal(number)
        return process.wait(120)

    def end(self, at: str, command: str) -> int:
        """The exit code of a command that ends by itself."""
        return self.processes.pop((at, command)).wait(300)

    def log(self, at: str, command: str) -> str:
        """What a command in the background has printed."""
        return self._log(at, command).read_text(errors="replace")

    def logs(self) -> str:
        """The last words of all of them."""
        return "\n".join(f"--- {at}: {command}\n{self.log(at, command)[-1500:]}" for at, command in self.processes)

    def wait(self, what: str, true: Callable[[], bool]) -> None:
        """Until something came about."""
        until = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < until, f"{what} did not come about\n{self.logs()}"
            time.sleep(0.2)

    def close(self) -> None:
        """Stop what is left."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(60)

    def _words(self, at: str, command: str) -> list[str]:
        return [*self.machines[at].prefix, *command.split()]

    def _log(self, at: str, command: str) -> Path:
        return self.folder / f"{at}-{re.sub('[^a-z]+', '-', command.lower())[:60]}.log"


def _environment() -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}  # people have no such variable
    return {**own, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


NODE = "gotong node country=VNM data=records coordinator=federation.example:9440 home=node"
SPRING = "gotong submit task=health rounds=12 quorum=3 deadline=600 name=spring home=coordinator"
THIN = "gotong submit task=health rounds=12 quorum=3 transport=int8 name=thin home=coordinator"
COORDINATOR = "gotong coordinator home=coordinator names=[federation.example,10.1.2.3] host=0.0.0.0 port=9440"
MAKE_KEY = "gotong keys node country=VNM home=node policy=records/policy.toml"
ENROL_ALL = "gotong keys enrol from=[VNM.enrolment.json,KHM.enrolment.json,LAO.enrolment.json] home=coordinator"
ENROL = "gotong keys enrol from=VNM.enrolment.json home=coordinator"
STATUS = "gotong status home=coordinator"
SIGN = "gotong node pack run=monsoon policy=records/policy.toml home=node"
STOP = "gotong stop run=spring home=coordinator"


def _gateway_open(walker: Walker) -> None:
    """From another machine, under the name of the page."""
    command = ("openssl", "s_client", "-connect", "federation.example:9440")
    words = [*walker.machines["VNM"].prefix, *command]
    walker.wait("the gateway", lambda: subprocess.run(words, capture_output=True, input=b"").returncode == 0)


def _send(walker: Walker, country: str = "VNM") -> None:
    node, coordinator = walker.at(country) / "node", walker.at("coordinator")
    shutil.copy(node / "courier" / f"{country}.enrolment.json", coordinator)
    shutil.copy(coordinator / "coordinator" / "ca.pem", node / "ca.pem")


def give_records(walker: Walker, country: str = "VNM") -> None:
    """Records, and the policy that the page shows; the first country has the one that came with its keys."""
    task, records = TASKS["health"], walker.at(country) / "records"
    records.mkdir(exist_ok=True)
    task.synthesize(records, country, 3, task.settings())
    [policy] = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    if country != COUNTRIES[0]:
        (records / "policy.toml").write_text(policy)


def _all_keys(walker: Walker) -> None:
    """The other countries make theirs too, and all send them."""
    _send(walker)
    for country in COUNTRIES[1:]:
        give_records(walker, country)
        walker.run(country, MAKE_KEY.replace("VNM", country))
        _send(walker, country)


def _the_others_too(walker: Walker) -> None:
    for country in COUNTRIES[1:]:
        walker.start(country, NODE.replace("VNM", country))
    for country in COUNTRIES:
        log = (country, NODE.replace("VNM", country))
        walker.wait(f"{country}'s node", lambda log=log: "connected to federation.example" in walker.log(*log))  # type: ignore[misc]
        walker.wait(f"{country}'s vault", lambda log=log: " serves " in walker.log(*log))  # type: ignore[misc]


def _some_rounds(walker: Walker) -> None:
    walker.wait("round 2", lambda: "round 2/12  3 of 3" in walker.log("coordinator", SPRING))


def _submission_failed(walker: Walker) -> None:
    assert walker.end("coordinator", SPRING) == 1


def _completed(walker: Walker) -> None:
    """The run's folder is handed over to a node."""
    assert "spring: completed" in walker.run("coordinator", STATUS)
    shutil.copytree(walker.at("coordinator") / "runs" / "spring", walker.at("VNM") / "spring")


def _accept_the_real_keys(walker: Walker) -> None:
    """Every operator those of the others; the page's fingerprint is nobody's."""
    known = members.members(walker.at("coordinator") / "coordinator")
    for country in COUNTRIES:
        for member in set(COUNTRIES) - {country}:
            key = fingerprint(known[member].verifying_key().public_bytes_raw())
            said = f"gotong node roster accept country={member} fingerprint={key} policy=records/policy.toml anew=true"
            assert key in walker.run(country, said)


def _send_all_sections(walker: Walker) -> None:
    """The other countries sign theirs, and all send them; VNM's operator puts its own key on its roster, too."""
    sections = walker.at("coordinator") / "sections"
    sections.mkdir()
    for country in COUNTRIES:
        if country != "VNM":
            walker.run(country, SIGN)
        name = f"monsoon.{country}.section.json"
        shutil.copy(walker.at(country) / name, sections / name)
    member = members.members(walker.at("coordinator") / "coordinator")["VNM"]
    key = fingerprint(member.verifying_key().public_bytes_raw())
    walker.run("VNM", f"gotong node roster accept country=VNM fingerprint={key} policy=records/policy.toml")


def _hand_out_the_pack(walker: Walker) -> None:
    shutil.copy(walker.at("coordinator") / "packs" / "monsoon.pack.html", walker.at("VNM"))


def _leave_it_going(walker: Walker) -> None:
    """Ctrl-C ends the submission and not the run."""
    walker.wait("round 1", lambda: "round 1/12  3 of 3" in walker.log("coordinator", THIN))
    assert walker.stop("coordinator", THIN, signal.SIGINT) == 130
    assert "thin: in progress" in walker.run("coordinator", STATUS)
    walker.run("coordinator", STOP.replace("spring", "thin"))


def _restart(walker: Walker) -> None:
    walker.stop("coordinator", COORDINATOR)
    walker.start("coordinator", COORDINATOR)
    _gateway_open(walker)


def _stopped(walker: Walker) -> None:
    walker.stop("VNM", NODE)


def _rotated(walker: Walker) -> None:
    """Enrolled without a call, and connected with the new keys."""
    _send(walker)
    assert "VNM has new keys, which its old ones signed" in walker.run("coordinator", ENROL)
    walker.start("VNM", NODE)
    walker.wait("the rotated node", lambda: "VNM          connected" in walker.run("coordinator", STATUS))


def _new_key(walker: Walker) -> None:
    walker.stop("VNM", NODE)
    for key in ("courier/node.key", "vault/vault.key"):
        path = walker.at("VNM") / "node" / key
        path.rename(path.with_name(f"{path.name}.old"))
    walker.run("VNM", MAKE_KEY)
    _send(walker)
    walker.run("coordinator", ENROL)
    walker.start("VNM", NODE)
    walker.wait("the new key's node", lambda: "VNM          connected" in walker.run("coordinator", STATUS))


def _kind(walker: Walker) -> str:
    """The kind of KHM's reply to the coordinator's request for its terms."""
    node = walker.at("KHM") / "node"
    signer = Signer(walker.at("coordinator") / "coordinator", node / "vault", "KHM")
    request = signer.request(encode(Frame(kind="terms", header={})))
    return decode(signer.frame(exchange(node / "line" / SOCKET, request, lambda: None))).kind


def _refuses(walker: Walker, word: str = "paused") -> None:
    """And the coordinator shows it, without a request."""
    assert _kind(walker) == "refused"
    walker.wait(f"the word {word}", lambda: f"KHM          {word}" in walker.run("coordinator", STATUS))


def _replies_with_terms(walker: Walker) -> None:
    assert _kind(walker) == "terms"
    walker.wait("the resumed node", lambda: "KHM          connected" in walker.run("coordinator", STATUS))


def _gone(walker: Walker) -> None:
    _refuses(walker, "withdrawn")
    assert not (walker.at("KHM") / "node" / "courier" / "node.key").exists()


WALK = (
    Step(at="coordinator", command=COORDINATOR, how="serve", then=_gateway_open),
    Step(at="VNM", command=MAKE_KEY, says=("records/policy.toml", "same fingerprints"), then=_all_keys),
    Step(at="coordinator", command=ENROL_ALL, says=("VNM is enrolled", "LAO is enrolled")),
    Step(at="coordinator", command=ENROL, says=("VNM was enrolled already",), then=give_records),
    Step(
        at="coordinator",
        command="gotong keys coordinator home=authority names=[federation.example,10.1.2.3]",
        says=("SHA-256",),
    ),
    Step(
        at="VNM",
        command="gotong policy template name=open country=VNM to=draft/policy.toml",
        says=("draft/policy.toml",),
    ),
    Step(at="VNM", command="gotong policy explain policy=records/policy.toml", says=("largest_step = 0.25",)),
    Step(
        at="VNM",
        command="gotong policy check policy=records/policy.toml task=health rounds=12",
        says=("serves this run",),
    ),
    Step(
        at="VNM",
        command="gotong node check country=VNM data=records coordinator=federation.example:9440 home=node",
        says=(
            "--  privacy budget   nothing is spent: epsilon 8 at delta 1e-05 is left",
            "ok  health ",
            "ok  coordinator",
            "ok  clock",
            "ok  disk",
            "ok  key",
            "ok  flower",
            "device",
            "KiB as float32",
        ),
    ),
    Step(at="VNM", command="gotong node train country=VNM data=records task=health", says=("│ VNM ", " local ┃")),
    Step(
        at="VNM",
        command="gotong node preview country=VNM data=records task=health",
        says=("update: ", "scores: ", "float32", "bytes"),
    ),
    Step(at="VNM", command=NODE, how="serve", then=_the_others_too),
    Step(at="coordinator", command=SPRING, how="follow", then=_some_rounds),
    Step(
        at="coordinator",
        command=STATUS,
        says=("certificate  good until", "VNM          connected", "spring: in progress"),
    ),
    Step(at="coordinator", command=STOP, says=("is stopped",), then=_submission_failed),
    Step(
        at="coordinator",
        command="gotong submit resume=spring home=coordinator",
        says=("round 12/12  3 of 3 countries",),
        then=_completed,
    ),
    Step(
        at="coordinator",
        command="gotong explore task=health home=coordinator",
        says=("KHM, LAO, VNM cannot train, validate, test: each says nothing of its records: its policy",),
    ),
    Step(
        at="VNM",
        command="gotong node accept model=spring policy=records/policy.toml",
        says=("runs may begin with these weights here",),
    ),
    Step(at="coordinator", command=THIN, how="follow", then=_leave_it_going),
    Step(at="VNM", command="gotong ledger show home=node run=spring", says=("round   12  update ", " of 1 runs, ")),
    Step(at="VNM", command="gotong ledger verify home=node", says=("each as it was written", "the coordinator signed")),
    Step(
        at="VNM",
        command="gotong node budget country=VNM policy=records/policy.toml home=node",
        says=("epsilon: epsilon 0.00 of 8 is spent at delta 1e-05; a run may cost ",),
    ),
    Step(
        at="VNM",
        command="gotong node roster accept country=KHM "
        "fingerprint=SHA256:YSBrZXkgdGhhdCBub2JvZHkgaGFzLCBmb3IgdGhlIHB policy=records/policy.toml",
        says=("sealed runs with KHM",),
    ),
    Step(
        at="VNM",
        command="gotong node roster show policy=records/policy.toml",
        says=("KHM  SHA256:",),
        then=_accept_the_real_keys,
    ),
    Step(
        at="coordinator",
        command="gotong submit protection=sealed task=health rounds=2 name=monsoon region.countries=[KHM,LAO,VNM] "
        "home=coordinator",
        says=("round 2/2  3 of 3 countries", "the scores of single countries are sealed"),
    ),
    Step(at="VNM", command="gotong node results run=monsoon home=node", says=("log_wis",)),
    Step(at="VNM", command=SIGN, says=("frames of run monsoon", "signed with VNM's key"), then=_send_all_sections),
    Step(
        at="coordinator",
        command="gotong pack run=monsoon from=sections to=packs home=coordinator",
        says=("signed by this coordinator's key", "and by KHM, LAO, VNM"),
        then=_hand_out_the_pack,
    ),
    Step(
        at="VNM",
        command="gotong pack verify monsoon.pack.html roster=records/roster.txt",
        says=(
            "holds: LAO signed its section",
            "frames left KHM, and the same came to the coordinator",
            "named its key",
        ),
    ),
    Step(at="VNM", command="gotong ledger export home=node to=ledger.csv", says=("rows in ledger.csv",)),
    Step(at="coordinator", command="gotong ledger show home=coordinator run=spring", says=("request to VNM",)),
    Step(at="coordinator", command="gotong ledger verify home=coordinator", says=("VNM: its vault signed on",)),
    Step(
        at="coordinator",
        command="gotong keys rotate home=coordinator",
        says=("new certificate for federation.example",),
        then=_restart,
    ),
    Step(
        at="VNM",
        command="gotong ledger backup home=node to=backup",
        says=("nothing of a run's memory",),
        then=_stopped,
    ),
    Step(
        at="VNM",
        command="gotong keys rotate country=VNM home=node",
        says=("the old keys signed it",),
        then=_rotated,
    ),
    Step(
        at="coordinator",
        command="gotong keys revoke country=VNM home=coordinator",
        says=("cannot come back",),
        then=_new_key,
    ),
    Step(at="KHM", command="gotong node pause home=node", says=("paused",), then=_refuses),
    Step(at="KHM", command="gotong node resume home=node", says=("serving again",), then=_replies_with_terms),
    Step(at="KHM", command="gotong node withdraw home=node", says=("withdrawn for good",), then=_gone),
)
