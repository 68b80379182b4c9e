"""Consent before the first round: every country's public terms beside the run's plan, before anybody trains.

Each vault checks again for itself; this only tells a person early, and of all countries at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from federation.errors import ConfigError, WireError
from federation.settings.schema import Plan
from federation.vault.requests import parameters
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import VERSION, Frame, decode, encode
from tasks.registry import TASKS

PATIENCE = 180.0  # seconds for the terms of all countries: a vault may be busy with another run


@dataclass(frozen=True, kw_only=True)
class Consent:
    """terms: country -> what it said. absent: who did not say anything."""

    terms: Mapping[str, Mapping[str, Any]]
    absent: tuple[str, ...]


def ask(grid: Grid, run: str, nodes: Mapping[str, int], patience: float = PATIENCE) -> Consent:
    """The terms of all countries that answer. Raises ConfigError if one refuses to talk, naming why."""
    data = encode(Frame(kind="terms", header={"run": run}))
    messages = [
        Message(seal(data), dst_node_id=node, message_type="query", group_id="terms", ttl=patience)
        for _, node in sorted(nodes.items())
    ]
    names = {node: country for country, node in nodes.items()}
    terms: dict[str, Mapping[str, Any]] = {}
    objections = []
    for reply in grid.send_and_receive(messages, timeout=patience):
        country = names.get(reply.metadata.src_node_id)
        if country is None:
            continue
        try:
            frame = decode(unseal(reply.content))
        except WireError as error:
            objections.append(f"{country}: {error}")
            continue
        if frame.kind == "terms":
            terms[country] = frame.header
        else:
            objections.append(str(frame.header.get("reason"))[:300])
    if objections:
        raise ConfigError(f"nothing was trained: {'; '.join(sorted(objections))}")
    return Consent(terms=terms, absent=tuple(sorted(set(nodes) - set(terms))))


def check(consent: Consent, plan: Plan) -> None:
    """Raise ConfigError naming every country whose terms this plan breaks, and what it would accept."""
    broken = [
        f"{country} {why}" for country in sorted(consent.terms) for why in objections(consent.terms[country], plan)
    ]
    if broken:
        raise ConfigError(f"nothing was trained: {'; '.join(broken)}")


def objections(terms: Mapping[str, Any], plan: Plan) -> list[str]:
    """Why a country with these terms would not take part."""
    found = []
    tasks = terms.get("tasks")
    if not isinstance(tasks, list) or plan.task.name not in tasks:
        allowed = ", ".join(map(str, tasks)) if isinstance(tasks, list) else "nothing"
        found.append(f"does not take part in task {plan.task.name}; it would in {allowed}")
    size = parameters(TASKS[plan.task.name], plan)
    asked_for = {"maximum_rounds": plan.rounds, "maximum_epochs": plan.training.epochs, "maximum_parameters": size}
    if "maximum_parameters" not in terms:  # a node from before there was such a limit
        del asked_for["maximum_parameters"]
    for key, asked in asked_for.items():
        limit = terms.get(key)
        if not isinstance(limit, int) or asked > limit:
            word = key.removeprefix("maximum_")
            remedy = "a smaller model" if word == "parameters" else f"{word}={limit}"
            found.append(f"allows {limit} {word}, the run asks for {asked}; {remedy} would be accepted")
    accepted = terms.get("accepted")
    if not isinstance(accepted, list) or VERSION not in accepted:
        found.append(f"reads wire versions {accepted}, this coordinator writes {VERSION}; upgrade the older side")
    transports = terms.get("transports", ["float32"])  # a node from before there was a choice
    if not isinstance(transports, list) or plan.transport not in transports:
        found.append(f"reads transports {transports}, the run asks for {plan.transport}; upgrade that node")
    return found
