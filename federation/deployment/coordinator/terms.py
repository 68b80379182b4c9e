"""Terms before the first round: what every country says to the run's plan, and the corridor that all of them allow.

Each vault checks every request itself; this check reports all objections at once, before time is spent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from federation.coordinator.claims import Claim
from federation.errors import ConfigError, WireError
from federation.policy.file import FILE
from federation.policy.keys import Policy, complete
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import VERSION, Frame, decode, encode
from tasks.time_step import STEPS

PATIENCE = 180.0  # seconds for the terms of all countries: a vault may be busy with another run
SAME = "install the same version of Gotong on both sides"
LONGEST = 300  # letters of a reason that a country gives


@dataclass(frozen=True, kw_only=True)
class Terms:
    """One country's. objections: why it would not serve the run. claim: the largest counts of its replies."""

    policy: Policy
    objections: tuple[str, ...]
    claim: Claim | None


@dataclass(frozen=True, kw_only=True)
class RegionTerms:
    """terms: country -> its terms. absent: countries that did not reply."""

    terms: Mapping[str, Terms]
    absent: tuple[str, ...]

    @property
    def claims(self) -> dict[str, Claim]:
        """Country -> the largest counts that its replies may claim."""
        return {country: terms.claim for country, terms in self.terms.items() if terms.claim is not None}

    @property
    def ends(self) -> dict[str, str]:
        """Country -> the last period of its records, of those that say it."""
        return {country: claim.end for country, claim in self.claims.items() if claim.end}


def request(grid: Grid, run: str, plan: Plan, nodes: Mapping[str, int], patience: float = PATIENCE) -> RegionTerms:
    """The terms of all countries that reply. Raises ConfigError with the reasons of those that refuse.

    A node of another wire version is one of these: its reply cannot be read, and the reason says what to install.
    """
    data = encode(Frame(kind="terms", header={"run": run, "plan": plain(plan)}))
    messages = [
        Message(seal(data), dst_node_id=node, message_type="query", group_id="terms", ttl=patience)
        for _, node in sorted(nodes.items())
    ]
    names = {node: country for country, node in nodes.items()}
    terms: dict[str, Terms] = {}
    reasons = []
    for reply in grid.send_and_receive(messages, timeout=patience):
        country = names.get(reply.metadata.src_node_id)
        if country is None:
            continue
        try:
            frame = decode(unseal(reply.content))
            if frame.kind == "terms":
                terms[country] = read(country, frame.header)
            else:
                reasons.append(_words(frame.header.get("reason")))
        except WireError as error:
            reasons.append(f"{country}: {error}")
    _refuse(reasons)
    return RegionTerms(terms=terms, absent=tuple(sorted(set(nodes) - set(terms))))


def read(country: str, header: Mapping[str, Any]) -> Terms:
    """Terms as a country sent them. Raises WireError for what this version does not understand."""
    accepted, policy, claim = (header.get(key) for key in ("accepted", "policy", "claim"))
    if not isinstance(accepted, list) or VERSION not in accepted:
        raise WireError(f"it reads wire versions {_words(accepted)}, this coordinator writes {VERSION}; {SAME}")
    try:
        policy = Policy(country=country, path=Path(FILE), **complete(policy))
        counts = None if claim is None else _claim(claim)
        objections = tuple(_objection(*each) for each in header["objections"])
    except (ValueError, TypeError, KeyError) as error:
        raise WireError(f"its terms cannot be read ({_words(error)}); {SAME}") from None
    return Terms(policy=policy, objections=objections, claim=counts)


def check(region: RegionTerms) -> None:
    """Raise ConfigError naming every country that would not serve the plan, why, and what it would accept."""
    _refuse([f"{country} {reason}" for country, terms in region.terms.items() for reason in terms.objections])


def _refuse(reasons: list[str]) -> None:
    if reasons:
        raise ConfigError(f"nothing was trained: {'; '.join(sorted(reasons))}")


def _count(number: Any) -> int:
    """Raises ValueError for what is no count."""
    if type(number) is not int or number < 0:
        raise ValueError(f"{_words(number)} is no count")
    return number


def _claim(claim: Mapping[str, Any]) -> Claim:
    """Raises ValueError, TypeError or KeyError for what is none."""
    end = claim.get("end", "")
    if end:
        STEPS["month" if len(end) == len("2024-06") else "day"].last(end)
    return Claim(examples=_count(claim["examples"]), scored=_count(claim["scored"]), end=end)


def _objection(reason: Any, remedy: Any) -> str:
    said, change = _words(reason), _words(remedy)
    return f"{said}; {change} would be accepted" if change else said


def _words(text: Any) -> str:
    """What a country wrote, fit for one line of a screen."""
    return "".join(letter for letter in " ".join(str(text)[:LONGEST].split()) if letter.isprintable())
