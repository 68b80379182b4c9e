"""`gotong explore` between machines: each member's vault is asked, and its signed reply left for the submitter."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

from flwr.app import Message
from flwr.serverapp import Grid

from federation.coordinator import sealed_explore
from federation.coordinator.state import Federation
from federation.reporting.explored import Exploration, Explored
from federation.reporting.explored_region import RegionExplored, read_region
from federation.runs import explore
from federation.settings.schema import Settings
from federation.wire.flower_message import seal, unseal
from tasks.files.atomic import write_atomically

REPLIES = "explored.replies.json"  # the frames of those that replied, base64, and why others did not, by country
PATIENCE = 180.0  # seconds for all countries: a vault may be busy with a run


def ask(grid: Grid, settings: Settings, folder: Path, nodes: Mapping[str, int]) -> None:
    """Ask all of them, and leave what they replied in the run's folder."""
    data = explore.request(folder.name, settings)
    messages = [
        Message(seal(data), dst_node_id=node, message_type="query", group_id="explore", ttl=PATIENCE)
        for _, node in sorted(nodes.items())
    ]
    names = {node: country for country, node in nodes.items()}
    replies = {
        names[each.metadata.src_node_id]: b64encode(unseal(each.content)).decode()
        for each in grid.send_and_receive(messages, timeout=PATIENCE)
        if not each.has_error() and each.metadata.src_node_id in names
    }
    online = set(grid.get_node_ids())
    silent = {country: _why_silent(node in online) for country, node in nodes.items() if country not in replies}
    write_atomically(folder / REPLIES, json.dumps({"replies": replies, "silent": silent}).encode())


def _why_silent(connected: bool) -> str:
    state = "connected and did not reply in time" if connected else "enrolled and not connected"
    return f"it is {state}; see `gotong status`"


def ask_sealed(grid: Grid, federation: Federation, folder: Path) -> None:
    """Leave the sums over all countries in the run's folder. Raises ConfigError or QuorumError."""
    explore.write_region(folder, sealed_explore.explore(grid, federation))


def read(settings: Settings, folder: Path) -> Exploration:
    """What the countries replied; of a region, those that are no members or did not reply too."""
    left = json.loads((folder / REPLIES).read_text("utf-8"))
    explored = {country: explore.reply(country, b64decode(text)) for country, text in left["replies"].items()}
    silent = {
        country: Explored(country=country, refusal=left["silent"].get(country, "it is not enrolled"))
        for country in settings.region.countries
        if country not in explored
    }
    return explore.exploration(settings, explored | silent)


def read_sealed(folder: Path) -> RegionExplored:
    """The sums that the coordinator left."""
    return read_region(json.loads((folder / explore.TABLE).read_text("utf-8")))
