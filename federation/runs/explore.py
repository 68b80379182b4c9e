"""Looking before learning: what every country's records look like, asked of its vault as a run asks for a round."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from federation.composition.restore import check
from federation.coordinator import sealed_explore
from federation.coordinator.state import Federation
from federation.errors import WireError
from federation.pages import explored_page
from federation.reporting.explored import Exploration, Explored, of_reply, words
from federation.reporting.explored_region import RegionExplored
from federation.runs.in_process_grid import COORDINATOR, InProcessGrid
from federation.runs.simulation import LEDGER, open_vault, with_records
from federation.settings.schema import Settings
from federation.settings.values import plain
from federation.vault.database import open_database
from federation.vault.round import serve
from federation.wire.frame import Frame, decode, encode
from tasks.files.atomic import write_atomically
from tasks.registry import TASKS

TABLE, PAGE = "explored.json", "explored.html"


def request(run: str, settings: Settings) -> bytes:
    """The frame that asks."""
    return encode(Frame(kind="explore", header={"run": run, "plan": plain(settings.plan())}))


def reply(country: str, data: bytes) -> Explored:
    """What a country said: its summary, or why it says nothing."""
    try:
        frame = decode(data)
        if frame.kind != "explored":
            return Explored(country=country, refusal=_reason(country, frame.header.get("reason")))
        return of_reply(country, frame.header)
    except (WireError, ValueError, TypeError, KeyError, AttributeError) as error:
        return Explored(country=country, refusal=f"its reply cannot be read ({words(error)})")


def _reason(country: str, text: object) -> str:
    """A refusal within a sentence about its country."""
    said = words(text).removeprefix(f"{country}: ").rstrip(".")
    return f"it {said.removeprefix(f'{country} ')}" if said.startswith(f"{country} ") else said


def exploration(settings: Settings, countries: Mapping[str, Explored]) -> Exploration:
    """All of them, by country."""
    task, calendar = TASKS[settings.task.name], settings.task.calendar
    return Exploration(
        task=task.name,
        title=task.title(settings.task),
        unit=task.unit,
        cuts=(calendar.train_until, calendar.validate_until, calendar.test_until),
        countries=tuple(countries[country] for country in sorted(countries)),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def simulated(settings: Settings, folder: Path) -> Exploration:
    """Of all countries on this machine, each by its own policy and on one ledger, in a run's folder.

    Raises GotongError or TaskError.
    """
    check(settings)
    countries = with_records(settings, folder)
    database = open_database(folder / LEDGER)
    vaults = [open_vault(settings, folder, country, database) for country in countries]
    data = request(folder.name, settings)
    replies = {vault.country: reply(vault.country, serve([(vault, data)], lambda _: [])[0]) for vault in vaults}
    missing = {
        country: Explored(country=country, refusal=f"it has no {TASKS[settings.task.name].file}")
        for country in settings.region.clients()
        if country not in replies
    }
    return exploration(settings, replies | missing)


def sealed(settings: Settings, folder: Path) -> RegionExplored:
    """The sums over all countries on this machine, as `simulated`. Raises GotongError or TaskError."""
    check(settings)
    database = open_database(folder / LEDGER)
    nodes = {country: node for node, country in enumerate(with_records(settings, folder), COORDINATOR + 1)}
    vaults = {node: open_vault(settings, folder, country, database) for country, node in nodes.items()}
    keys = {vault.country: vault.identity.public for vault in vaults.values() if vault.identity is not None}
    return sealed_explore.explore(InProcessGrid(vaults, lambda _: []), together(settings, folder, nodes, keys))


def together(settings: Settings, folder: Path, nodes: Mapping[str, int], keys: Mapping[str, bytes]) -> Federation:
    """The countries of a sealed exploration. keys: of their vaults."""
    return Federation(
        run=folder.name, plan=settings.plan(), settings=settings, nodes=nodes, checkpoint=folder / TABLE, keys=keys
    )


def write_region(folder: Path, explored: RegionExplored) -> tuple[Path, ...]:
    """The sums as JSON. Raises OSError."""
    write_atomically(folder / TABLE, json.dumps(asdict(explored), indent=1, allow_nan=False).encode())
    return (folder / TABLE,)


def write(folder: Path, explored: Exploration) -> tuple[Path, Path]:
    """The numbers as JSON, and a page with a picture of them. Raises OSError."""
    table, page = folder / TABLE, folder / PAGE
    write_atomically(table, json.dumps(asdict(explored), indent=1, allow_nan=False).encode())
    write_atomically(page, explored_page.page(explored).encode())
    return table, page
