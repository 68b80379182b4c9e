"""A coordinator's part of a compliance pack: what its ledger has of a run, and the sections that countries sent."""

from collections.abc import Mapping
from pathlib import Path

from federation.deployment import certificates
from federation.deployment.coordinator import ledger as own_ledger
from federation.deployment.coordinator import members
from federation.errors import PackError
from federation.pack.coordinator import Known
from federation.pack.schema import Signed
from federation.pack.sections import member_section, read_section, signed_by
from federation.vault import ledger
from federation.vault.identity import fingerprint


def known(home: Path, run: str) -> Known:
    """What a coordinator knows of a run. Raises LedgerError for a ledger that is not whole, DeploymentError."""
    for _ in own_ledger.verify_own(home):
        pass
    database = own_ledger.open_own(home)
    keys = {
        country: fingerprint(member.verifying_key().public_bytes_raw())
        for country, member in members.members(home).items()
        if member.vault_key
    }
    return Known(
        key=certificates.signer_of(home)[0],
        entries=ledger.entries(database, run),
        keys=keys,
        heads=own_ledger.seen_heads(database),
        head=ledger.head(database, own_ledger.OWNER),
    )


def sections_in(folder: Path, run: str, keys: Mapping[str, str]) -> dict[str, Signed]:
    """Country -> its section, of all JSON files in a folder.

    Raises PackError for one of another run, or that its country's enrolled key did not sign.
    """
    sections: dict[str, Signed] = {}
    for path in sorted(folder.glob("*.json")):
        signed = read_section(path)
        try:
            section, key = member_section(signed), signed_by(signed)
        except PackError as error:
            raise PackError(f"{path}: {error}; ask its country for it again") from None
        if section.run != run:
            raise PackError(f"{path} is of run {section.run}, not of {run}; take it out of the folder")
        if section.country in sections or key is None or key != keys.get(section.country):
            raise PackError(
                f"{path} is not what {section.country} signed with the key that is enrolled here, or is its second "
                f"section; take it out of the folder, or ask {section.country} for it again"
            )
        sections[section.country] = signed
    return sections
