"""`flwr run .`: the same federation through Flower's own simulation engine, on Ray; the same vaults inside.

The run config has one key, `gotong`, which holds the words of `gotong simulate`. Flower starts processes in folders of
its own, so `runs` and `data` must be absolute. On a Ray cluster both must lie on a disk that all machines share.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from federation.composition.compose import settings_of
from federation.composition.restore import check
from federation.coordinator import checkpoint
from federation.coordinator.rounds import federate
from federation.coordinator.state import Outcome, Watch
from federation.errors import ConfigError
from federation.packages.load import load_all
from federation.runs import folder as run_folder
from federation.runs import simulation
from federation.runs.run import Run
from federation.runs.session import conduct
from federation.runs.simulation import Simulation
from federation.settings.schema import STUDY, Settings
from federation.training import sequential
from federation.vault.database import open_database
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import decode

PLACE = "gotong"  # the record in which a node reports its country's place in the alphabet

server_app = ServerApp()
client_app = ClientApp()


@dataclass(frozen=True, kw_only=True)
class OnFlower:
    """A simulation whose messages Flower's engine carries; its vaults are opened again in Flower's processes."""

    simulation: Simulation
    grid: Grid

    @property
    def run(self) -> Run:
        """What every run has."""
        return self.simulation.run

    def rounds(self, watch: Watch) -> Outcome:
        """All rounds, then the test."""
        federation = replace(self.run.federation, nodes=_nodes(self.grid, sorted(self.run.federation.nodes)))
        return federate(self.grid, federation, self.run.progress, watch)

    def with_regional_rows(self, outcome: Outcome) -> Outcome:
        """As in every simulation."""
        return self.simulation.with_regional_rows(outcome)


@server_app.main()
def main(grid: Grid, context: Context) -> None:
    """All of one run. Raises GotongError or TaskError, which ends the Flower run as failed."""
    settings = _settings(context.run_config)
    folder = run_folder.create(settings)
    with run_folder.removed_without_checkpoint(folder), run_folder.locked(folder):
        conduct(lambda: OnFlower(simulation=simulation.prepare(settings, folder), grid=grid), settings.out)


@client_app.train()
def train(message: Message, context: Context) -> Message:
    """One country's reply, from its own vault."""
    torch.set_num_threads(1)
    frame = unseal(message.content)
    vault = _vault(str(context.run_config["gotong"]), str(decode(frame).header["run"]), _place(context))
    return Message(seal(serve([(vault, frame)], sequential.run)[0]), reply_to=message)


@client_app.query()
def place(message: Message, context: Context) -> Message:
    """The country's place in the alphabet, for Flower numbers its simulated nodes at random."""
    return Message(RecordDict({PLACE: ConfigRecord({"place": _place(context)})}), reply_to=message)


def _settings(config: Mapping[str, Any]) -> Settings:
    load_all()
    settings = settings_of(shlex.split(str(config["gotong"])))
    check(settings)
    if settings.purpose != STUDY:
        raise ConfigError("flwr run does one run, purpose=operational is two; start it with gotong simulate")
    if (settings.device, settings.precision) != ("cpu", "float32"):
        raise ConfigError("flwr run trains on CPUs in float32; for device= and precision= use gotong simulate")
    for key, path in (("runs", settings.runs), ("data", settings.data)):
        if path is not None and not Path(path).is_absolute():
            raise ConfigError(f"{key}={path} must be an absolute path under flwr run, for example {key}=/srv/{path}")
    return settings


def _nodes(grid: Grid, countries: Sequence[str]) -> dict[str, int]:
    """country -> node, by the place that each node reports: in a simulation a node is this program too."""
    nodes = list(grid.get_node_ids())
    if len(nodes) != len(countries):
        raise ConfigError(
            f"Flower simulates {len(nodes)} nodes and {len(countries)} countries take part; "
            f"set num-supernodes to {len(countries)}"
        )
    queries = [Message(RecordDict(), dst_node_id=node, message_type=MessageType.QUERY) for node in nodes]
    node_at = {
        int(reply.content.config_records[PLACE]["place"]): reply.metadata.src_node_id  # type: ignore[arg-type]
        for reply in grid.send_and_receive(queries)
    }
    return {country: node_at[place] for place, country in enumerate(countries)}


@cache  # a worker keeps its vaults warm: records are read once a process, not once a message
def _vault(words: str, run: str, place: int) -> Vault:
    load_all()  # in every process of Ray
    settings = settings_of(shlex.split(words))
    folder = run_folder.existing(settings.runs, run)
    header = checkpoint.read_header(folder / checkpoint.FILE)
    database = open_database(folder / simulation.LEDGER)
    return simulation.open_vault(settings, folder, sorted(header["countries"])[place], database)


def _place(context: Context) -> int:
    return int(context.node_config["partition-id"])
