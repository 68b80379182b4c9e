"""A coordinator and one country's vault with all their signatures and ledgers, and no process, model or network."""

import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path

from flwr.app import Message
from flwr.supercore.task_identity import TaskIdentity

from federation.deployment import certificates, enrolment
from federation.deployment.coordinator import members
from federation.deployment.coordinator.ledger import CoordinatorLedger
from federation.deployment.coordinator.signed_grid import SignedGrid, Signing, Vault
from federation.deployment.node import own_ledger
from federation.deployment.node.revocations import Revocations
from federation.deployment.node.signed_replies import SignedReplies, read_authority
from federation.deployment.node.vault_ledger import VaultLedger
from federation.deployment.revocation import FILE as REVOKED
from federation.deployment.revocation import read_list
from federation.runs.in_process_grid import InProcessGrid
from federation.training import sequential
from federation.vault import ledger
from federation.vault.database import open_database, transaction
from federation.vault.ledger import Entry
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, digest, encode
from tests.deployment.signing import Signer, signer_in

NODE = 7
FRAME = encode(Frame(kind="train", header={"run": "r", "round": 9}))
Serve = Callable[[bytes], bytes]


class Courier(InProcessGrid):
    """A grid of one node, whose courier hands over what `reply` makes of a request."""

    def __init__(self, reply: Serve) -> None:
        super().__init__({}, sequential.run)
        self.reply = reply

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        return [Message(seal(self.reply(unseal(each.content))), reply_to=each) for each in messages]


class Country:
    """A vault that releases an update for every frame that reaches it; `served` has these frames."""

    def __init__(self, folder: Path, code: str = "VNM", *, signer: Signer | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.code, self.folder, self.served = code, folder, []  # type: tuple[str, Path, list[bytes]]
        self.signer = signer_in(folder, code) if signer is None else signer
        self.start()

    def start(self) -> None:
        """The vault's process, again."""
        key = enrolment.read_vault_key(self.folder / "vault" / enrolment.VAULT_KEY)
        self.database = open_database(self.folder / "vault" / "vault.sqlite")
        authority = read_authority(self.folder / "ca.pem", None)
        self.replies = SignedReplies(
            country=self.code,
            key=key,
            authority=authority,
            revocations=Revocations(self.database, authority, self.folder / "revoked.crl"),
            ledger=VaultLedger(self.database, self.code, self.folder / "vault", key),
            respond=self._respond,
        )

    def stop(self) -> None:
        self.database.close()

    def _respond(self, frame: bytes) -> bytes:
        self.served.append(frame)
        header = decode(frame).header
        update = encode(Frame(kind="update", header=dict(header)))
        entry = Entry(
            country=self.code,
            run=str(header["run"]),
            round=int(header["round"]),
            kind="update",
            digest=digest(update),
            bytes=len(update),
            contents={},
        )
        with transaction(self.database):
            ledger.enter(self.database, entry)
        return update

    def refusal(self, request: bytes) -> str:
        """Why it refuses; nothing reached the vault."""
        frame = decode(self.signer.frame(self.replies.serve(request)))
        assert (frame.kind, self.served) == ("refused", [])
        return str(frame.header["reason"])


class Coordinator:
    """The coordinator of one run of one country, whose courier is `reply` (the vault itself, if it is honest)."""

    def __init__(self, country: Country, run: str = "r") -> None:
        self.country = country
        self._begin(country.signer.home, country.folder, country.code, run)

    @classmethod
    def of_node(cls, home: Path, node: Path, code: str) -> "Coordinator":
        """Of a country whose vault is a process of its own."""
        made = cls.__new__(cls)
        made._begin(home, node, code, "r")
        return made

    def _begin(self, home: Path, node: Path, code: str, run: str) -> None:
        TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1  # Flower creates messages for a task only
        self.home, self.run, self.round = home, run, 0
        if not (home / "members" / f"{code}.json").exists():
            members.enrol(home, enrolment.read_enrolment(node / "courier" / f"{code}.enrolment.json"))
        key, certificate = certificates.signer_of(home)
        self.ledger = CoordinatorLedger(home, key)
        vault = Vault(country=code, key=members.members(home)[code].verifying_key())
        revoked = read_list(home / REVOKED, certificates.certificate_of(home / "ca.pem"))
        self.signing = Signing(
            run=run,
            key=key,
            certificate=certificate,
            vaults={NODE: vault},
            ledger=self.ledger,
            revoked="" if revoked is None else b64encode(revoked.raw).decode(),
        )

    def ask(self, reply: Serve | None = None, round_: int | None = None, frame: bytes | None = None) -> Frame:
        """What it reads of the reply to the next round's request."""
        self.round = self.round + 1 if round_ is None else round_
        frame = frame or encode(Frame(kind="train", header={"run": self.run, "round": self.round}))
        grid = SignedGrid(Courier(reply or self.country.replies.serve), self.signing)
        message = Message(seal(frame), dst_node_id=NODE, message_type="train", group_id=str(self.round), ttl=60)
        [received] = grid.send_and_receive([message])
        return decode(unseal(received.content))

    def refusal(self, reply: Serve | None = None) -> str:
        """Why the next round's reply does not count."""
        frame = self.ask(reply)
        assert frame.kind == "refused", frame
        return str(frame.header["reason"])


def cut_last_row(path: Path) -> None:
    """As somebody does it who knows SQL, and the trigger that keeps the last seal."""
    database = sqlite3.connect(path, isolation_level=None)
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {name}")
    database.execute("DELETE FROM ledger WHERE number = (SELECT max(number) FROM ledger)")
    database.execute("DELETE FROM heads WHERE country NOT IN (SELECT country FROM ledger)")
    database.execute(
        "UPDATE heads SET seal = (SELECT seal FROM ledger WHERE country = heads.country ORDER BY number DESC LIMIT 1)"
    )
    database.close()


def verified(country: Country) -> str:
    """What the country's own ledger says of itself; raises where it is not whole."""
    return "\n".join(own_ledger.verify(country.folder, country.folder / "ca.pem"))
