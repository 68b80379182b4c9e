"""The coordinator's section, from its ledger and a run's folder, and the pack with all sections in it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.pack.member import now
from federation.pack.schema import (
    COORDINATOR,
    FORMAT,
    CoordinatorSection,
    ModelCard,
    Pack,
    Refusal,
    Reply,
    Score,
    Signed,
    Software,
)
from federation.pack.sections import digest_of, sign
from federation.reporting import rows as table_rows
from federation.reporting.rows import Row
from federation.settings.plan import POOLED, Plan
from federation.settings.schema import Settings
from federation.vault.ledger import Entry
from federation.wire.model import model_digest
from federation.wire.signature import Head
from tasks.registry import TASKS

LIMITS = (
    "Not for a decision about one person, one household or one holding: it forecasts sums over places.",
    "Not for places, periods or countries other than those of the test without a test of their own.",
    "Not in the place of a country's own model or warning service where its own records say that it is worse: a score "
    "of the region is not one of any country.",
    "Not as evidence of a cause, or of what a measure would change.",
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a coordinator has of a run besides the run's folder; nothing of it in a simulation.

    entries: its ledger's rows of the run. keys: country -> fingerprint. heads: where ledgers were seen last.
    """

    key: Ed25519PrivateKey | None = None
    entries: Sequence[Entry] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    heads: Mapping[str, Head] = field(default_factory=dict)
    head: Head | None = None


def pack(folder: Path, known: Known, sections: Mapping[str, Signed], software: Software) -> Pack:
    """The pack of a run. sections: country -> its own. Raises CheckpointError or DataError for damaged files."""
    members = [sections[country] for country in sorted(sections)]
    own = section(folder, known, {country: digest_of(each) for country, each in sections.items()}, software)
    return Pack(format=FORMAT, coordinator=sign(own, known.key), members=members)


def section(folder: Path, known: Known, sections: Mapping[str, str], software: Software) -> CoordinatorSection:
    """The coordinator's own. sections: country -> digest. Raises CheckpointError or DataError for damaged files."""
    header = checkpoint.read_header(folder / checkpoint.FILE)
    settings = restore(Settings, header["settings"], "checkpoint")
    plan, countries = settings.plan(), sorted(header["countries"])
    hidden = plan.protection != "none"
    return CoordinatorSection(
        format=COORDINATOR,
        run=folder.name,
        at=now(),
        simulated=known.key is None,
        region=settings.region.name,
        plan=plan_text(header["settings"]),
        countries={country: known.keys.get(country, "") for country in countries},
        asked=_asked(known.entries),
        replies=[reply for entry in known.entries for reply in _reply(entry)],
        refusals=[refusal for entry in known.entries for refusal in _refusal(entry, hidden)],
        heads={country: head for country, head in known.heads.items() if country in countries},
        head=known.head,
        model=_card(folder, plan, settings.region.name),
        sections=dict(sections),
        software=software,
    )


def plan_text(settings: Mapping[str, Any]) -> str:
    """The plan's JSON as every vault received it. settings: as the checkpoint has them.

    A key of a later version is not in it: its digest is that of the version which began the run.
    """
    known = {each.name: settings[each.name] for each in fields(Plan) if each.name in settings}
    return json.dumps({**known, "arms": [arm for arm in settings["arms"] if arm != POOLED]}, sort_keys=True)


def _asked(entries: Iterable[Entry]) -> dict[str, int]:
    words = [entry.kind.split() for entry in entries]
    asked = [word[-1] for word in words if word[:2] == ["request", "to"]]
    return {country: asked.count(country) for country in sorted(set(asked))}


def _reply(entry: Entry) -> list[Reply]:
    what, _, country = entry.kind.rpartition(" ")
    if what != "reply of":
        return []
    head = entry.contents.get("head")
    return [
        Reply(
            country=country,
            round=entry.round,
            kind=entry.contents["kind"],
            bytes=entry.bytes,
            digest=entry.digest,
            head=None if head is None else Head(rows=head[0], seal=head[1]),
        )
    ]


def _refusal(entry: Entry, hidden: bool) -> list[Refusal]:
    """hidden: reasons stay at the coordinator, for they may hold a number of one country."""
    what, _, country = entry.kind.rpartition(" ")
    kinds = {"rejected from": "rejected", "flagged": "flagged", "reply of": entry.contents.get("kind")}
    kind = kinds.get(what)
    if kind not in ("rejected", "flagged", "refused"):
        return []
    reason = "" if hidden else "".join(each for each in str(entry.contents.get("reason")) if each.isprintable())
    return [Refusal(country=country, round=entry.round, kind=kind, reason=reason)]


def _card(folder: Path, plan: Plan, region: str) -> ModelCard:
    ended = (folder / checkpoint.MODEL).exists()
    model = checkpoint.load_model(folder) if ended else {}
    rows = table_rows.of_test(table_rows.read_json(folder / table_rows.RESULTS)) if ended else ()
    return ModelCard(
        title=TASKS[plan.task.name].title(plan.task),
        tested=plan.task.calendar.tested(),
        digest=model_digest(model) if ended else "",
        parameters=sum(int(np.size(value)) for value in model.values()),
        arrays={name: list(np.shape(value)) for name, value in model.items()},
        scores=[_score(row) for row in rows if row.country == region and row.part != "validation"],
        limits=[*LIMITS, *_held_out(plan)],
    )


def _held_out(plan: Plan) -> list[str]:
    if not plan.hold_out:
        return []
    return [f"Not trained on {', '.join(plan.hold_out)}, whose records were held out."]


def _score(row: Row) -> Score:
    values = table_rows.plain(row)
    return Score(**{name: values[name] for name in ("arm", "score", "horizon", "value", "low", "high", "n")})
