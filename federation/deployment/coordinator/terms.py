"""Terms before the first round: every country's public terms are compared with the run's plan before any trains.

Each vault checks every request itself; this check reports all objections at once, before time is spent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from federation.composition.restore import parameter_count
from federation.errors import ConfigError, WireError
from federation.settings.schema import Plan
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import VERSION, Frame, decode, encode

PATIENCE = 180.0  # seconds for the terms of all countries: a vault may be busy with another run


@dataclass(frozen=True, kw_only=True)
class RegionTerms:
    """terms: country -> its terms. absent: countries that did not reply."""

    terms: Mapping[str, Mapping[str, Any]]
    absent: tuple[str, ...]


def request(grid: Grid, run: str, nodes: Mapping[str, int], patience: float = PATIENCE) -> RegionTerms:
    """The terms of all countries that reply. Raises ConfigError with the reasons of those that refuse.

    A node of another wire version is one of these: its reply cannot be read, and the reason says what to install.
    """
    data = encode(Frame(kind="terms", header={"run": run}))
    messages = [
        Message(seal(data), dst_node_id=node, message_type="query", group_id="terms", ttl=patience)
        for _, node in sorted(nodes.items())
    ]
    names = {node: country for country, node in nodes.items()}
    terms: dict[str, Mapping[str, Any]] = {}
    reasons = []
    for reply in grid.send_and_receive(messages, timeout=patience):
        country = names.get(reply.metadata.src_node_id)
        if country is None:
            continue
        try:
            frame = decode(unseal(reply.content))
        except WireError as error:
            reasons.append(f"{country}: {error}")
            continue
        if frame.kind == "terms":
            terms[country] = frame.header
        else:
            reasons.append(str(frame.header.get("reason"))[:300])
    if reasons:
        raise ConfigError(f"nothing was trained: {'; '.join(sorted(reasons))}")
    return RegionTerms(terms=terms, absent=tuple(sorted(set(nodes) - set(terms))))


def check(region: RegionTerms, plan: Plan) -> None:
    """Raise ConfigError naming every country whose terms this plan breaks, and what it would accept."""
    reasons = [
        f"{country} {reason}" for country, terms in sorted(region.terms.items()) for reason in objections(terms, plan)
    ]
    if reasons:
        raise ConfigError(f"nothing was trained: {'; '.join(reasons)}")


def objections(terms: Mapping[str, Any], plan: Plan) -> list[str]:
    """Why a country with these terms would not take part."""
    reasons = []
    tasks = terms.get("tasks")
    if not isinstance(tasks, list) or plan.task.name not in tasks:
        allowed = ", ".join(map(str, tasks)) if isinstance(tasks, list) else "nothing"
        reasons.append(f"does not take part in task {plan.task.name}; its policy allows {allowed}")
    size = parameter_count(plan)
    planned = {"maximum_rounds": plan.rounds, "maximum_parameters": size}
    length = ("epochs", plan.training.epochs) if plan.training.steps is None else ("steps", plan.training.steps)
    planned[f"maximum_{length[0]}"] = length[1] or 0
    if "maximum_parameters" not in terms:  # a node of before this limit existed
        del planned["maximum_parameters"]
    for key, value in planned.items():
        limit = terms.get(key)
        if not isinstance(limit, int) or value > limit:
            word = key.removeprefix("maximum_")
            remedy = {"parameters": "a smaller model", "rounds": f"rounds={limit}"}.get(
                word, f"training.{word}={limit}"
            )
            reasons.append(f"allows {limit} {word}, the run needs {value}; {remedy} would be accepted")
    accepted = terms.get("accepted")
    if not isinstance(accepted, list) or VERSION not in accepted:
        reasons.append(
            f"reads wire versions {accepted}, this coordinator writes {VERSION}; install the same Gotong on both"
        )
    transports = terms.get("transports", ["float32"])  # a node of before there was a choice
    if not isinstance(transports, list) or plan.transport not in transports:
        reasons.append(f"reads transports {transports}, the run uses {plan.transport}; upgrade that node")
    return reasons
