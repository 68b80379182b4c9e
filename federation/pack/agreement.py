"""Whether countries and coordinator say the same wherever both speak: frames that left and came, and ledger heads."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from federation.pack.findings import Finding, holds, missing, note, wrong
from federation.pack.schema import CoordinatorSection, MemberSection

UNLISTED = ("terms", "refused")  # replies that a vault's ledger need not have
COORDINATOR = "the coordinator"


def findings(own: CoordinatorSection, sections: Mapping[str, MemberSection]) -> Iterator[Finding]:
    """Frames, ledger heads, code."""
    for country in sorted({reply.country for reply in own.replies} - set(own.countries)):
        yield wrong(f"the coordinator had replies of {country[:20]}, of which it says that it did not take part")
    for section in sections.values():
        if not own.simulated:
            yield from _frames(own, section)
    yield from _heads(own, sections)
    yield from _software(own, sections)


def _frames(own: CoordinatorSection, section: MemberSection) -> Iterator[Finding]:
    """A reply that came is a release of the country's ledger; a release that did not come was lost on its way."""
    country = section.country
    forms = {number: form.kind for number, form in enumerate(section.forms)}
    left = {(row.digest, row.round, forms.get(row.form, ""), row.bytes) for row in section.released}
    replies = [reply for reply in own.replies if reply.country == country and reply.kind not in UNLISTED]
    came = {(reply.digest, reply.round, reply.kind, reply.bytes) for reply in replies}
    unlike = sorted(came - left, key=lambda each: each[1])
    if unlike:
        _, round_, kind, size = unlike[0]
        yield wrong(
            f"the coordinator had {len(unlike):,} frames of {country} that are not so in {country}'s section, first a "
            f"{kind[:40]} of round {round_} with {size:,} bytes: one of the two leaves out or changes something, or "
            f"{country} signed before the end of the run"
        )
    lost = {digest for digest, _, kind, _ in left if kind != "refused"} - {digest for digest, *_ in came}
    if lost:
        yield missing(f"{len(lost):,} frames that left {country} and of which the coordinator does not speak")
    if came and not unlike and not lost:
        yield holds(f"{len(came):,} frames left {country}, and the same came to the coordinator", country)


def _heads(own: CoordinatorSection, sections: Mapping[str, MemberSection]) -> Iterator[Finding]:
    """Whoever speaks of the same row of a country's ledger names the same seal."""
    said = _claims(own, sections)
    agreed: dict[str, int] = defaultdict(int)
    for (country, rows), seals in sorted(said.items()):
        if len(seals) > 1:
            who = "; ".join(f"{', '.join(sorted(names))} {seal[:12]}" for seal, names in sorted(seals.items()))
            yield wrong(f"the ledger of {country[:20]} has one row {rows:,}, and several seals of it are named: {who}")
        elif len(next(iter(seals.values()))) > 1:
            agreed[country] += 1
    for country, section in sections.items():
        most = max((reply.head.rows for reply in own.replies if reply.country == country and reply.head), default=0)
        if most > section.head.rows:
            yield wrong(
                f"the coordinator saw {most:,} rows of the ledger of {country}, which has {section.head.rows:,}"
            )
        if agreed[country]:
            yield holds(f"{agreed[country]:,} heads of the ledger of {country}, as named by it and by others", country)
        elif not own.simulated:
            yield missing(f"a row of the ledger of {country} of which it and another speak")


def _claims(
    own: CoordinatorSection, sections: Mapping[str, MemberSection]
) -> dict[tuple[str, int], dict[str, set[str]]]:
    """(country, rows) -> seal -> who names it."""
    said: dict[tuple[str, int], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for country, section in sections.items():
        own_heads = [(row.rows, row.seal) for row in section.released] + [(section.head.rows, section.head.seal)]
        for rows, seal in own_heads:
            said[country, rows][seal].add(country)
        for other, head in (section.coordinator.heads if section.coordinator else {}).items():
            said[other, head.rows][head.seal].add(f"{COORDINATOR} to {country}")
    for reply in own.replies:
        if reply.head is not None:
            said[reply.country, reply.head.rows][reply.head.seal].add(COORDINATOR)
    for country, head in own.heads.items():
        said[country, head.rows][head.seal].add(COORDINATOR)
    return {key: seals for key, seals in said.items() if key[1]}


def _software(own: CoordinatorSection, sections: Mapping[str, MemberSection]) -> Iterator[Finding]:
    for country, section in sections.items():
        if section.software.code != own.software.code:
            yield note(
                f"{country} packed with other code of Gotong ({section.software.version}, "
                f"{section.software.code[:12]}) than the coordinator ({own.software.version}, "
                f"{own.software.code[:12]})"
            )
