"""Sections of a simulated run: from the vaults of this machine, and unsigned, for it holds the keys of all of them."""

from contextlib import closing
from pathlib import Path

from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.pack import member
from federation.pack.schema import Signed
from federation.pack.sections import sign
from federation.pack.software import software
from federation.policy.file import open_policy
from federation.settings.schema import Settings
from federation.vault import ledger
from federation.vault.database import open_database
from federation.vault.noised import budget


def sections(folder: Path, vaults: Path) -> dict[str, Signed]:
    """Country -> its section, without a signature. vaults: the file of all of them.

    Raises LedgerError for a ledger that is not whole.
    """
    header = checkpoint.read_header(folder / checkpoint.FILE)
    settings = restore(Settings, header["settings"], "checkpoint")
    records = folder / "data" if settings.data is None else Path(settings.data)
    made, here = {}, software()
    with closing(open_database(vaults)) as database:
        ledger.verify(database)
        budget.verify(database)
        for country in header["countries"]:
            policy = open_policy(records / country, country)
            made[country] = sign(member.section(database, policy, folder.name, None, here), None)
    return made
