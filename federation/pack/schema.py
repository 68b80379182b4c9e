"""What a pack holds: a section a country, written and signed by its own vault, and one of the coordinator.

Every field is required and no other is known, so that nothing can be left out or slipped in. Neither an example count
nor a suppressed row of a ledger is copied, nor any score but the region's.
"""

from dataclasses import dataclass
from typing import Any

from federation.wire.signature import Head

FORMAT = "gotong pack 1"  # of the whole file, its page included; another form has another number
MEMBER, COORDINATOR = "gotong pack section of a country 1", "gotong pack section of the coordinator 1"


@dataclass(frozen=True, kw_only=True)
class Form:
    """What frames of one kind hold. arrays: name -> shape. scores: names of sums."""

    kind: str
    arrays: dict[str, list[int]]
    scores: list[str]


@dataclass(frozen=True, kw_only=True)
class Release:
    """A row of a vault's ledger. form: its number among the section's. digest: SHA-256 of the frame that left.

    rows, seal: where the ledger stood with this row in it. at: UTC, ISO 8601, to the second.
    """

    round: int
    form: int
    bytes: int
    digest: str
    at: str
    rows: int
    seal: str


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Epsilon, at this delta: of this run, of all runs ever, what the policy allows in all, what one more may cost."""

    delta: float
    run: float
    lifetime: float
    limit: float
    left: float


@dataclass(frozen=True, kw_only=True)
class Software:
    """What wrote a section. code: digest of Gotong's files; components: all packages, of which sbom is the digest."""

    version: str
    code: str
    sbom: str
    components: list[str]


@dataclass(frozen=True, kw_only=True)
class Countersigned:
    """What the coordinator signed to a vault last. key: fingerprint of the key. heads: of all members' ledgers."""

    key: str
    at: str
    heads: dict[str, Head]


@dataclass(frozen=True, kw_only=True)
class MemberSection:
    """A country's own words. plan: digest of the run's; empty where its vault has none (any more).

    model: digest of the one with which a sealed run ended, as this vault worked it out; empty of other runs.
    members: of a sealed run, country -> fingerprint of the key that its setup named. policy: as it is when signed.
    law: rules on data that leave the country. coordinator: none in a simulation, and before the first request.
    """

    format: str
    run: str
    country: str
    at: str
    plan: str
    model: str
    members: dict[str, str]
    policy: dict[str, Any]
    law: str
    forms: list[Form]
    released: list[Release]
    budget: Budget
    head: Head
    coordinator: Countersigned | None
    software: Software


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A signed reply as it came to the coordinator. head: where the country's ledger stood by it."""

    country: str
    round: int
    kind: str
    bytes: int
    digest: str
    head: Head | None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A request that was refused, a reply that was not read (`rejected`), or a ledger that went back (`flagged`).

    reason: empty in a run under seals or differential privacy, where it may hold a number of one country.
    """

    country: str
    round: int
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Score:
    """Of the region, in the test. Numbers are None where too few records stand behind them."""

    arm: str
    score: str
    horizon: str
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """digest: of the final model, as `gotong node accept` writes it; empty where the run has not ended.

    arrays: name -> shape. limits: not for what.
    """

    title: str
    tested: str
    digest: str
    parameters: int
    arrays: dict[str, list[int]]
    scores: list[Score]
    limits: list[str]


@dataclass(frozen=True, kw_only=True)
class CoordinatorSection:
    """The coordinator's words. plan: its JSON as text, of which every vault knows the SHA-256.

    countries: who took part -> fingerprint of the vault's key, empty in a simulation. asked: requests a country was
    sent. heads: where each country's ledger was seen last. sections: country -> digest of the section that it sent.
    """

    format: str
    run: str
    at: str
    simulated: bool
    region: str
    plan: str
    countries: dict[str, str]
    asked: dict[str, int]
    replies: list[Reply]
    refusals: list[Refusal]
    heads: dict[str, Head]
    head: Head | None
    model: ModelCard
    sections: dict[str, str]
    software: Software


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A section with its signature. key: public Ed25519 key, hexadecimal, as the signature; empty where unsigned."""

    section: dict[str, Any]
    key: str
    signature: str


@dataclass(frozen=True, kw_only=True)
class Pack:
    """The file. members: in alphabetical order of countries."""

    format: str
    coordinator: Signed
    members: list[Signed]
