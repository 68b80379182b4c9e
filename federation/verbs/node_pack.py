"""`gotong node pack run=RUN`: this country's section of a compliance pack, signed with its vault's key."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.node import own_ledger, own_pack
from federation.pack.sections import signed_by, to_bytes
from federation.verbs.ledgers import no_ledger
from federation.verbs.word_checks import file_to_write, required
from tasks.files.atomic import write_atomically

SAY = "say which run and whose policy: gotong node pack run=RUN policy=FILE"


@dataclass  # not frozen: Hydra merges it
class NodePackSettings:
    """run: that is over. policy: this node's policy file. to: the file; none: RUN.COUNTRY.section.json.

    ca: the coordinator's certificate; none: ca.pem in home.
    """

    run: str | None = None
    policy: str | None = None
    home: str = "node"
    to: str | None = None
    ca: str | None = None


def run(words: Sequence[str]) -> None:
    """Write it."""
    compose("node pack", words, NodePackSettings, _pack)


def _pack(settings: NodePackSettings) -> None:
    """Raises DeploymentError where there is no vault, LedgerError for a ledger that is not whole, ConfigError."""
    name, policy, home = required(settings.run, SAY), required(settings.policy, SAY), Path(settings.home)
    if not own_ledger.is_home(home):
        raise no_ledger(home)
    authority = home / "ca.pem" if settings.ca is None else Path(settings.ca)
    signed = own_pack.signed_section(home, policy, name, authority)
    country = own_ledger.own_key(home).country
    to = file_to_write("to", settings.to or f"{name}.{country}.section.json")
    write_atomically(to, to_bytes(signed))
    print(f"{to}: {len(signed.section['released']):,} frames of run {name}")
    print(f"signed with {country}'s key {signed_by(signed)}: read it out to whoever verifies the pack")
