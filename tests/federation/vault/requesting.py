"""A coordinator's requests to a vault and the vault's replies, in the few lines that tests need."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.policy.file import open_policy
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.strategies.strategy import public
from federation.training import sequential
from federation.training.jobs import Job, Result
from federation.vault.database import open_database
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.wire.frame import Frame, decode, encode
from tests.federation.federations import GRADIENT, records_in
from tests.federation.toy import Line, ToySettings

Arrays = Mapping[str, NDArray[Any]]


def plan_of(strategy: str = "fedavg", **rest: Any) -> Plan:
    values: dict[str, Any] = {"rounds": 3, "keep_best": 0, "training": GRADIENT, "task": ToySettings()} | rest
    return Plan(strategy=STRATEGIES[strategy].settings(), **values)


def model_of(plan: Plan, add: float = 0.0) -> dict[str, NDArray[Any]]:
    """The weights that travel before the first round, all of them moved by `add`."""
    drawn = {name: value.detach().numpy() + np.float32(add) for name, value in Line(plan.seed).named_parameters()}
    return public(drawn, plan.strategy.private)


def request_bytes(
    kind: str,
    round_: int,
    plan: Plan,
    *,
    add: float = 0.0,
    arrays: Arrays | None = None,
    run: str = "r",
    last_aggregated: int = 0,
    **more: Any,
) -> bytes:
    """A request's bytes. arrays: instead of those that the plan's model and strategy have; more: of the header."""
    if arrays is None:
        model = model_of(plan, add)
        shared = STRATEGIES[plan.strategy.name].shared(model)
        arrays = {f"model/{name}": value for name, value in model.items()}
        arrays |= {f"shared/{name}": value for name, value in shared.items()}
    header = {"run": run, "round": round_, "last_aggregated": last_aggregated, "plan": plain(plan), **more}
    return encode(Frame(kind=kind, header=header, arrays=arrays))


def vault_in(
    folder: Path, country: str = "VNM", *, key: bytes = b"k" * 32, database: sqlite3.Connection | None = None
) -> Vault:
    """A vault over synthetic records in folder/COUNTRY, with the policy that lies there."""
    home = folder / country
    if not home.exists():
        records_in(folder, [country], ToySettings())
    return Vault(
        country=country,
        folder=home,
        policy=open_policy(home, country),
        database=database or open_database(folder / "vault.sqlite"),
        key=key,
    )


def reply_frame(vault: Vault, request: bytes) -> Frame:
    return decode(reply_bytes(vault, request))


def reply_bytes(vault: Vault, request: bytes) -> bytes:
    return serve([(vault, request)], sequential.run)[0]


def refusal(vault: Vault, request: bytes) -> str:
    """Why the vault refuses, with nothing released, trained or remembered on the way."""
    before = [vault.database.execute(f"SELECT * FROM {table}").fetchall() for table in ("ledger", "state")]
    trained: list[Job] = []

    def train(jobs: Sequence[Job]) -> list[Result]:
        trained.extend(jobs)
        return sequential.run(jobs)

    reply = decode(serve([(vault, request)], train)[0])
    assert not trained, "nothing should be trained here"
    assert [vault.database.execute(f"SELECT * FROM {table}").fetchall() for table in ("ledger", "state")] == before
    assert (reply.kind, set(reply.header), dict(reply.arrays)) == ("refused", {"reason"}, {})
    reason = reply.header["reason"]
    assert "\n" not in reason
    return str(reason)
