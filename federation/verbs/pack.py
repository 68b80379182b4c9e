"""`gotong pack run=RUN`: a run for an auditor, who took part and what left: JSON, and a page of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.composition.written import written
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator import own_pack
from federation.errors import ConfigError, PackError
from federation.pack import coordinator, simulated
from federation.pack.coordinator import Known
from federation.pack.page import page
from federation.pack.schema import Pack
from federation.pack.sections import LARGEST_PACK, digest_of, signed_by, to_bytes
from federation.pack.software import software
from federation.runs import folder as run_folder
from federation.runs.simulation import LEDGER
from federation.verbs.ledgers import no_ledger
from federation.verbs.word_checks import required
from tasks.files.atomic import write_atomically


@dataclass  # not frozen: Hydra merges it
class PackSettings:
    """run: by its name. to: the folder of the two files; none: the run's own.

    source (written from=): the folder with the countries' sections. home: of the coordinator. runs: where runs lie.
    """

    run: str | None = None
    to: str | None = None
    source: str | None = written("from")
    home: str = "coordinator"
    runs: str = "runs"


def run(words: Sequence[str]) -> None:
    """Write it."""
    compose("pack", words, PackSettings, _pack)


def _pack(settings: PackSettings) -> None:
    """Raises ConfigError, CheckpointError for a damaged run, PackError for a section that is none."""
    name = required(settings.run, "say which: gotong pack run=RUN")
    folder = run_folder.existing(settings.runs, name)
    made = _simulated(folder, settings) if (folder / LEDGER).exists() else _deployed(folder, settings)
    data = to_bytes(made)
    if len(data) > LARGEST_PACK:
        raise PackError(f"the pack of {name} has {len(data):,} bytes, and nobody reads more than {LARGEST_PACK:,}")
    to = folder if settings.to is None else Path(settings.to)
    write_atomically(to / f"{name}.pack.json", data)
    write_atomically(to / f"{name}.pack.html", page(made))
    print(f"{to / f'{name}.pack.json'} and .html, SHA-256 {digest_of(made)}")
    _say_who_signed(made)


def _simulated(folder: Path, settings: PackSettings) -> Pack:
    if settings.source is not None:
        raise ConfigError(
            f"from={settings.source}: {folder.name} is a simulation, in which no country signs; leave it out"
        )
    return coordinator.pack(folder, Known(), simulated.sections(folder, folder / LEDGER), software())


def _deployed(folder: Path, settings: PackSettings) -> Pack:
    home = Path(settings.home)
    if not coordinator_ledger.is_home(home):
        raise no_ledger(home)
    known = own_pack.known(home, folder.name)
    sections = {}
    if settings.source is not None:
        if not Path(settings.source).is_dir():
            raise ConfigError(f"from={settings.source} is no folder; give the one with the countries' sections")
        sections = own_pack.sections_in(Path(settings.source), folder.name, known.keys)
    return coordinator.pack(folder, known, sections, software())


def _say_who_signed(pack: Pack) -> None:
    signed = [each.section["country"] for each in pack.members if each.key]
    absent = sorted(set(pack.coordinator.section["countries"]) - set(signed))
    if (key := signed_by(pack.coordinator)) is None:
        print("a simulation: no country signed, and the pack says so")
        return
    print(f"signed by this coordinator's key {key}, and by {', '.join(signed) or 'no country'}")
    if absent:
        print(f"not signed: {', '.join(absent)}; they run `gotong node pack run={pack.coordinator.section['run']}`")
