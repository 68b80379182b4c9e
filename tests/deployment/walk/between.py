"""Between the commands of docs/operate.md: what people do, wait for and look at."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

from federation.deployment.coordinator import members
from federation.deployment.node.settings import SOCKET
from federation.deployment.node.vault_line import exchange
from federation.vault.identity import fingerprint
from federation.wire.frame import Frame, decode, encode
from tasks.registry import TASKS
from tests.deployment.signing import Signer
from tests.deployment.walk.walker import Walker

COUNTRIES = ("VNM", "KHM", "LAO")  # the page writes of the first
PAGE = Path(__file__).parents[3] / "docs" / "operate.md"
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


def gateway_open(walker: Walker) -> None:
    """From another machine, under the name of the page."""
    command = ("openssl", "s_client", "-connect", "federation.example:9440")
    words = [*walker.machines["VNM"].prefix, *command]
    walker.wait("the gateway", lambda: subprocess.run(words, capture_output=True, input=b"").returncode == 0)


def send(walker: Walker, country: str = "VNM") -> None:
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


def all_keys(walker: Walker) -> None:
    """The other countries make theirs too, and all send them."""
    send(walker)
    for country in COUNTRIES[1:]:
        give_records(walker, country)
        walker.run(country, MAKE_KEY.replace("VNM", country))
        send(walker, country)


def the_others_too(walker: Walker) -> None:
    for country in COUNTRIES[1:]:
        walker.start(country, NODE.replace("VNM", country))
    for country in COUNTRIES:
        log = (country, NODE.replace("VNM", country))
        walker.wait(f"{country}'s node", lambda log=log: "connected to federation.example" in walker.log(*log))  # type: ignore[misc]
        walker.wait(f"{country}'s vault", lambda log=log: " serves " in walker.log(*log))  # type: ignore[misc]


def some_rounds(walker: Walker) -> None:
    walker.wait("round 2", lambda: "round 2/12  3 of 3" in walker.log("coordinator", SPRING))


def submission_failed(walker: Walker) -> None:
    assert walker.end("coordinator", SPRING) == 1


def completed(walker: Walker) -> None:
    """The run's folder is handed over to a node."""
    assert "spring: completed" in walker.run("coordinator", STATUS)
    shutil.copytree(walker.at("coordinator") / "runs" / "spring", walker.at("VNM") / "spring")


def accept_the_real_keys(walker: Walker) -> None:
    """Every operator those of the others; the page's fingerprint is nobody's."""
    known = members.members(walker.at("coordinator") / "coordinator")
    for country in COUNTRIES:
        for member in set(COUNTRIES) - {country}:
            key = fingerprint(known[member].verifying_key().public_bytes_raw())
            said = f"gotong node roster accept country={member} fingerprint={key} policy=records/policy.toml anew=true"
            assert key in walker.run(country, said)


def send_all_sections(walker: Walker) -> None:
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


def hand_out_the_pack(walker: Walker) -> None:
    shutil.copy(walker.at("coordinator") / "packs" / "monsoon.pack.html", walker.at("VNM"))


def leave_it_going(walker: Walker) -> None:
    """Ctrl-C ends the submission and not the run."""
    walker.wait("round 1", lambda: "round 1/12  3 of 3" in walker.log("coordinator", THIN))
    assert walker.stop("coordinator", THIN, signal.SIGINT) == 130
    assert "thin: in progress" in walker.run("coordinator", STATUS)
    walker.run("coordinator", STOP.replace("spring", "thin"))


def restart(walker: Walker) -> None:
    walker.stop("coordinator", COORDINATOR)
    walker.start("coordinator", COORDINATOR)
    gateway_open(walker)


def stopped(walker: Walker) -> None:
    walker.stop("VNM", NODE)


def rotated(walker: Walker) -> None:
    """Enrolled without a call, and connected with the new keys."""
    send(walker)
    assert "VNM has new keys, which its old ones signed" in walker.run("coordinator", ENROL)
    walker.start("VNM", NODE)
    walker.wait("the rotated node", lambda: "VNM          connected" in walker.run("coordinator", STATUS))


def new_key(walker: Walker) -> None:
    walker.stop("VNM", NODE)
    for key in ("courier/node.key", "vault/vault.key"):
        path = walker.at("VNM") / "node" / key
        path.rename(path.with_name(f"{path.name}.old"))
    walker.run("VNM", MAKE_KEY)
    send(walker)
    walker.run("coordinator", ENROL)
    walker.start("VNM", NODE)
    walker.wait("the new key's node", lambda: "VNM          connected" in walker.run("coordinator", STATUS))


def kind(walker: Walker) -> str:
    """The kind of KHM's reply to the coordinator's request for its terms."""
    node = walker.at("KHM") / "node"
    signer = Signer(walker.at("coordinator") / "coordinator", node / "vault", "KHM")
    request = signer.request(encode(Frame(kind="terms", header={})))
    return decode(signer.frame(exchange(node / "line" / SOCKET, request, lambda: None))).kind


def refuses(walker: Walker, word: str = "paused") -> None:
    """And the coordinator shows it, without a request."""
    assert kind(walker) == "refused"
    walker.wait(f"the word {word}", lambda: f"KHM          {word}" in walker.run("coordinator", STATUS))


def replies_with_terms(walker: Walker) -> None:
    assert kind(walker) == "terms"
    walker.wait("the resumed node", lambda: "KHM          connected" in walker.run("coordinator", STATUS))


def gone(walker: Walker) -> None:
    refuses(walker, "withdrawn")
    assert not (walker.at("KHM") / "node" / "courier" / "node.key").exists()
