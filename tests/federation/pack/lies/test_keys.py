"""Whose section a section is: signatures, the roster, and who vouches for the coordinator."""

from dataclasses import replace

from federation.pack.findings import exit_code
from federation.pack.verify import verify
from federation.vault.identity import fingerprint
from tests.federation.pack.packs import Packed, own, said, section_of


def test_a_section_is_its_countrys_own(honest: Packed) -> None:
    """Given as another country's, or written by whoever has another key, the coordinator's included."""
    swapped = honest.values
    sections = own(swapped)["sections"]
    sections["KHM"], sections["THA"] = sections["THA"], sections["KHM"]
    assert "the section of KHM is not one that the coordinator packed" in said(honest.verified(swapped))
    forged = honest.values
    section_of(forged, "THA")["country"] = "VNM"
    forged["members"] = [forged["members"][0], forged["members"][1]]
    assert "the section of VNM: its signature does not fit" in said(honest.verified(forged))
    forger = replace(honest, keys={**honest.keys, "THA": honest.keys["coordinator"]})
    made = forger.signed(honest.values, "THA", "coordinator")
    assert "the coordinator knows another key of it" in said(honest.verified(made))
    key = fingerprint(honest.keys["coordinator"].public_key().public_bytes_raw())
    own(made)["countries"]["THA"] = key
    findings = honest.verified(forger.signed(made, "coordinator"))
    assert "and the roster has another key of it" in said(findings)
    assert "KHM agreed to a run of KHM, THA, VNM, the pack is of KHM, THA, VNM" not in said(findings)
    assert "KHM knew THA in this run by another key than roster or coordinator now name" in said(findings)


def test_a_number_that_is_changed_later_breaks_the_signature_whoever_wrote_it(honest: Packed) -> None:
    values = honest.values
    section_of(values, "KHM")["software"]["version"] = "1"
    assert "the section of KHM: its signature does not fit" in said(honest.verified(values))
    values = honest.values
    own(values)["model"]["scores"][0]["value"] = 0.0
    assert "the coordinator's section: its signature does not fit" in said(honest.verified(values))


def test_the_coordinators_key_is_the_one_whose_requests_countries_took_or_that_was_read_out(honest: Packed) -> None:
    stranger = replace(honest, keys={**honest.keys, "coordinator": honest.keys["VNM"]})
    findings = honest.verified(stranger.signed(honest.values, "coordinator"))
    assert "KHM, THA, VNM named another key of it" in said(findings)
    assert exit_code(findings) == 1
    key = fingerprint(honest.keys["VNM"].public_key().public_bytes_raw())
    assert exit_code(honest.verified(stranger.signed(honest.values, "coordinator"), key)) == 0
    assert exit_code(honest.verified(honest.values, key)) == 1


def test_one_country_alone_does_not_vouch_for_a_coordinator_against_others(honest: Packed) -> None:
    values = honest.values
    section_of(values, "VNM")["coordinator"]["key"] = fingerprint(honest.keys["THA"].public_key().public_bytes_raw())
    stranger = replace(honest, keys={**honest.keys, "coordinator": honest.keys["THA"]})
    findings = honest.verified(stranger.signed(values, "VNM", "coordinator"))
    assert "missing: the coordinator's section is signed by" in said(findings)
    assert "and KHM, THA named another key of it" in said(findings)


def test_without_a_roster_nothing_is_anybodys(honest: Packed) -> None:
    findings = list(verify(honest.pack, {}))
    assert said(findings).count("the roster has no key of") == 3
    assert "nobody vouches for the coordinator's key" in said(findings)
    assert "holds:" not in said(findings)
    assert exit_code(findings) == 2
    more = list(verify(honest.pack, {**honest.roster, "LAO": "SHA256:x"}))
    assert "note: LAO is on the roster, and by this pack not in the run" in said(more)
    assert exit_code(more) == 0


def test_nothing_holds_by_words_that_are_not_shown_to_be_a_countrys_own(honest: Packed) -> None:
    values = honest.values
    unsigned = next(each for each in values["members"] if each["section"]["country"] == "THA")
    unsigned["key"] = unsigned["signature"] = ""
    findings = honest.verified(honest.signed(values, "coordinator"))
    assert "missing: THA has not signed its section" in said(findings)
    assert "frames left THA, and the same came to the coordinator (by a section that is not shown" in said(findings)
    assert not [each for each in findings if each.kind == "holds" and "THA" in each.text]
    assert exit_code(findings) == 2
