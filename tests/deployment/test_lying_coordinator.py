"""A coordinator with every key of its own asks vaults in processes of their own, over their sockets: what it gets."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Message

from federation.coordinator import rounds
from federation.coordinator.state import Federation
from federation.deployment import certificates, enrolment
from federation.deployment.coordinator import members
from federation.deployment.coordinator.ledger import CoordinatorLedger
from federation.deployment.coordinator.signed_grid import SignedGrid, Signing, Vault
from federation.deployment.node.vault_line import exchange
from federation.deployment.secret_files import private_folder
from federation.policy.file import accept_member, read_policy
from federation.runs.in_process_grid import InProcessGrid
from federation.runs.simulation import Simulation
from federation.settings.values import plain
from federation.training import sequential
from federation.vault.identity import fingerprint
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, encode
from tests.deployment.ledger_trials import Node, running
from tests.federation.attacks.region import ADAM, prepared
from tests.federation.federations import Watching

COUNTRIES = ("KHM", "LAO", "SGP", "VNM")
FIRST_ROUND = 4 * len(COUNTRIES)  # messages of setup, frames and reveals


class StoppedError(Exception):
    """The coordinator stops being honest here."""


class Sockets(InProcessGrid):
    """Carries signed requests to the sockets of vaults."""

    def __init__(self, nodes: dict[int, Node]) -> None:
        super().__init__({}, sequential.run)
        self._nodes = nodes

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        return [
            Message(
                seal(exchange(self._nodes[each.metadata.dst_node_id].line, unseal(each.content), lambda: None)),
                reply_to=each,
            )
            for each in messages
        ]


@dataclass
class Coordinator:
    """Signs whatever it likes. requests, replies: all that passed. stop: after so many messages."""

    federation: Federation
    start: Simulation
    sockets: Sockets
    signing: Signing
    stop: int = FIRST_ROUND
    requests: list[tuple[str, Frame]] = field(default_factory=list)
    replies: list[tuple[str, Frame]] = field(default_factory=list)

    def until_it_stops(self) -> None:
        """An honest run, up to there."""
        with pytest.raises(StoppedError):
            rounds.federate(Recording(self), self.federation, self.start.run.progress, Watching())

    def ask(self, country: str, frame: Frame) -> Frame:
        """One request of its own making, rightly signed."""
        node, signing = self.federation.nodes[country], replace(self.signing, run=frame.header["run"])
        message = Message(
            seal(encode(frame)), dst_node_id=node, message_type="train", group_id=str(frame.header["round"]), ttl=60
        )
        [reply] = SignedGrid(self.sockets, signing).send_and_receive([message])
        return decode(unseal(reply.content))


class Recording(InProcessGrid):
    """What an honest coordinator sends through, until it stops."""

    def __init__(self, coordinator: Coordinator) -> None:
        super().__init__({}, sequential.run)
        self._of, self._names = coordinator, {node: name for name, node in coordinator.federation.nodes.items()}

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        sent = list(messages)
        frames = [(self._names[each.metadata.dst_node_id], decode(unseal(each.content))) for each in sent]
        self._of.requests += frames
        if len(self._of.replies) >= self._of.stop:
            raise StoppedError
        replies = SignedGrid(self._of.sockets, self._of.signing).send_and_receive(sent)
        self._of.replies += [(self._names[each.metadata.src_node_id], decode(unseal(each.content))) for each in replies]
        return replies


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    (tmp_path / "runs").mkdir()
    start = prepared(
        tmp_path / "runs", 1, template="sealed", countries=COUNTRIES, rounds=2, training=replace(ADAM, epochs=1)
    )
    home = private_folder(tmp_path / "coordinator")
    certificates.create(home, ["127.0.0.1"])
    nodes = {country: _node(tmp_path / country, country, home, start.run.folder / "data") for country in COUNTRIES}
    keys = {country: member.verifying_key() for country, member in members.members(home).items()}
    raw = {country: key.public_bytes_raw() for country, key in keys.items()}
    for country, node in nodes.items():
        for other in set(COUNTRIES) - {country}:
            assert node.data is not None
            accept_member(read_policy(node.data, country), other, fingerprint(raw[other]))
    federation = replace(start.run.federation, keys=raw)
    key, certificate = certificates.signer_of(home)
    vaults = {number: Vault(country=country, key=keys[country]) for country, number in federation.nodes.items()}
    ledger = CoordinatorLedger(home, key)
    signing = Signing(run=federation.run, key=key, certificate=certificate, vaults=vaults, ledger=ledger)
    sockets = Sockets({number: nodes[country] for country, number in federation.nodes.items()})
    with ExitStack() as stack:
        for node in nodes.values():
            assert stack.enter_context(running(node)) is not None
        yield Coordinator(federation=federation, start=start, sockets=sockets, signing=signing)


def _node(folder: Path, country: str, home: Path, data: Path) -> Node:
    (folder / "line").mkdir(parents=True)
    (folder / "ca.pem").write_bytes((home / "ca.pem").read_bytes())
    enrolment.create_keys(folder, country)
    members.enrol(home, enrolment.read_enrolment(folder / "courier" / f"{country}.enrolment.json"))
    return Node(folder=folder, older=folder / "older", frames={}, country=country, data=data / country)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_it_gets_no_update_no_score_and_no_round_on_a_model_of_its_own(coordinator: Coordinator) -> None:
    coordinator.until_it_stops()
    assert [frame.kind for _, frame in coordinator.replies].count("sealed_reveal") == len(COUNTRIES)
    for country, frame in coordinator.replies:
        assert set(frame.header) == {"country", "run", "round"}, frame.header
        assert {name.split("/")[0] for name in frame.arrays} <= {"post", "words", "box"}
        assert frame.header["country"] == country
    honest = next(frame for who, frame in coordinator.requests if (who, frame.header["round"]) == ("LAO", 2))
    for reason, frame in lies(coordinator, honest).items():
        reply = coordinator.ask("LAO", frame)
        assert (reply.kind, reason in str(reply.header.get("reason"))) == ("refused", True), (reason, reply.header)
    assert coordinator.ask("LAO", honest).kind == "sealed_round"


def lies(coordinator: Coordinator, honest: Frame) -> dict[str, Frame]:
    """Part of the reason -> what LAO refuses for it. honest: its request of the second round."""
    words, post = honest.arrays["words/KHM"].copy(), honest.arrays["frame/KHM"].copy()
    words[0] ^= 1
    post[-1] ^= 1
    own = next(frame for who, frame in coordinator.requests if (who, frame.kind) == ("LAO", "sealed_round"))
    listed = next(frame for who, frame in coordinator.requests if (who, frame.kind) == ("LAO", "sealed_reveal"))
    alone = {name: value for name, value in listed.arrays.items() if name != "frame/KHM"}
    plan = plain(coordinator.federation.plan)
    model = {f"model/{name}": np.array(value) for name, value in coordinator.start.run.progress.model.items()}
    header = {"run": "run", "round": 2, "last_aggregated": 1}
    first = {"run": "other", "round": 1, "last_aggregated": 0}
    open_plan = {**plan, "protection": "none"}
    return {
        "is not the one it signed": replace(honest, arrays={**honest.arrays, "words/KHM": words}),
        "is not signed by the key on the roster": replace(honest, arrays={**honest.arrays, "frame/KHM": post}),
        "the list lacks KHM": _without(honest, "KHM"),
        "has replied to another sealed_round": replace(own, arrays={**own.arrays, "words/LAO": words}),
        "has replied to another sealed_reveal": replace(listed, arrays=alone),
        "is sealed; its rounds are asked for in another way": Frame(
            kind="train", header={**header, "plan": plan}, arrays=model
        ),
        "with protection=none": Frame(kind="train", header={**first, "plan": open_plan}, arrays=model),
    }


def _without(frame: Frame, country: str) -> Frame:
    return replace(frame, arrays={name: value for name, value in frame.arrays.items() if not name.endswith(country)})
