"""Verification of a pack by whoever has the file and a roster of keys: who signed what, and whether it is of one run.

Neither the coordinator nor a country is believed. A section counts as a country's own where its signature fits and the
roster has the key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from federation.errors import PackError
from federation.pack import agreement, terms_check
from federation.pack.findings import Finding, holds, missing, note, weighed, wrong
from federation.pack.schema import CoordinatorSection, MemberSection, Pack, Signed
from federation.pack.sections import coordinator_section, digest_of, member_section, signed_by

ASK = "ask by a number you knew before"


@dataclass(kw_only=True)
class Known:
    """What verification has come to know. sections: of this run. authentic: countries whose own they are. vouched: keys
    of the coordinator by these countries -> who says so."""

    own: CoordinatorSection
    roster: Mapping[str, str]
    sections: dict[str, MemberSection] = field(default_factory=dict)
    authentic: set[str] = field(default_factory=set)
    vouched: dict[str, list[str]] = field(default_factory=dict)


def verify(pack: Pack, roster: Mapping[str, str], coordinator: str = "") -> Iterator[Finding]:
    """All findings. roster: country -> fingerprint. coordinator: fingerprint of its key, as somebody read it out."""
    try:
        known = Known(own=coordinator_section(pack.coordinator), roster=roster)
    except PackError as error:
        yield wrong(f"the coordinator's section: {error}")
        return
    yield note(f"run {known.own.run} of {_named(known.own.countries)}, packed on {known.own.at[:10]}")
    if known.own.simulated:
        yield missing("this run was a simulation on one machine: no country took part, and none can sign")
    if not known.own.model.digest:
        yield missing("the run has not ended: there is no model of it")
    for signed in pack.members:
        for finding in _member(known, signed):
            yield weighed(finding, known.authentic)
    yield from _absent(known, [str(signed.section.get("country")) for signed in pack.members])
    yield from _coordinator(known, pack.coordinator, coordinator)
    for check in (terms_check.findings, agreement.findings):
        for finding in check(known.own, known.sections):
            yield weighed(finding, known.authentic)


def _member(known: Known, signed: Signed) -> Iterator[Finding]:
    """Whose section it is, and that it is of this run."""
    try:
        section = member_section(signed)
    except PackError as error:
        yield wrong(f"the section of {str(signed.section.get('country'))[:20]!r}: {error}")
        return
    country, own = section.country, known.own
    if country not in own.countries or own.sections.get(country) != digest_of(signed):
        yield wrong(f"the section of {country} is not one that the coordinator packed")
    if section.run != own.run:
        yield wrong(f"the section of {country} is of run {section.run}, not of {own.run}")
        return
    if country in known.sections:
        yield wrong(f"{country} has two sections")
        return
    known.sections[country] = section
    yield from _signature(known, signed, section)
    yield _plan(own, section)
    if section.members and set(section.members) != set(own.countries):
        yield wrong(f"{country} agreed to a run of {_named(section.members)}, the pack is of {_named(own.countries)}")
    elif other := [name for name, key in section.members.items() if _has_another(known, name, key)]:
        yield missing(
            f"{country} knew {_named(other)} in this run by another key than roster or coordinator now name: it was "
            f"rotated since, or somebody else took part; {ASK}"
        )


def _has_another(known: Known, name: str, key: str) -> bool:
    """Whether the roster, or the coordinator of a run that was no simulation, names another key of a member."""
    named = [known.roster.get(name, key), known.own.countries[name] or key]
    return any(each != key for each in named)


def _signature(known: Known, signed: Signed, section: MemberSection) -> Iterator[Finding]:
    country, own = section.country, known.own
    try:
        key = signed_by(signed)
    except PackError as error:
        yield wrong(f"the section of {country}: {error}")
        return
    if key is None:
        yield missing(f"{country} has not signed its section")
    elif own.countries.get(country, key) != key:
        yield wrong(f"the section of {country} is signed by {key}, and the coordinator knows another key of it")
    elif country not in known.roster:
        yield missing(f"the roster has no key of {country}; its section is signed by {key}: {ASK}")
    elif known.roster[country] != key:
        yield wrong(f"the section of {country} is signed by {key}, and the roster has another key of it")
    else:
        yield holds(f"{country} signed its section on {section.at[:10]}, with the key on the roster")
        known.authentic.add(country)
        if section.coordinator is not None:
            known.vouched.setdefault(section.coordinator.key, []).append(country)


def _plan(own: CoordinatorSection, section: MemberSection) -> Finding:
    if not section.plan:
        return missing(f"{section.country} has no plan of the run: it forgot it after `keep_days`, or never began")
    if section.plan != sha256(own.plan.encode()).hexdigest():
        return wrong(f"{section.country} knows run {own.run} with another plan than the coordinator's")
    return holds(f"{section.country} served run {own.run} with this plan", section.country)


def _absent(known: Known, named: list[str]) -> Iterator[Finding]:
    """named: whose sections the pack has, of this run or another."""
    own = known.own
    for country in sorted(set(own.countries) - set(known.sections)):
        if country in own.sections and country not in named:
            yield wrong(f"the coordinator packed a section of {country}, and it is not here")
        else:
            yield missing(f"{country} took part, and there is no section of it")
    for country in sorted(set(known.roster) - set(own.countries) - set(known.sections)):
        yield note(f"{country} is on the roster, and by this pack not in the run")


def _coordinator(known: Known, signed: Signed, given: str) -> Iterator[Finding]:
    try:
        key = signed_by(signed)
    except PackError as error:
        yield wrong(f"the coordinator's section: {error}")
        return
    if key is None:
        yield missing("the coordinator has not signed its section")
    elif known.own.simulated:
        yield wrong("the coordinator's section is signed, and says that the run was a simulation")
    else:
        yield _vouched(known, key, {given: ["you"]} if given else known.vouched)


def _vouched(known: Known, key: str, trusted: Mapping[str, list[str]]) -> Finding:
    """Whether those who name a key of the coordinator name this one. trusted: key -> who."""
    others = [name for each, names in trusted.items() if each != key for name in names]
    if not trusted:
        return missing(f"nobody vouches for the coordinator's key {key}: {ASK}, then give it as coordinator=")
    if not others:
        day = known.own.at[:10]
        return holds(f"the coordinator signed its section on {day}; {_named(trusted[key])} named its key")
    why = (
        f"the coordinator's section is signed by {key}, and {_named(others)} named another key of it: it was rotated "
        f"since, or somebody else signed; {ASK}, and give coordinator= as it is read out"
    )
    return missing(why) if key in trusted else wrong(why)


def _named(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(sorted(names))
