"""What a lying country cannot do to a pack."""

import pytest

from federation.pack.findings import exit_code
from tests.federation.pack.packs import Lie, Packed, Values, said, section_of


def leave_out_a_release(section: Values) -> None:
    del section["released"][2]


def swap_releases(section: Values) -> None:
    section["released"][1], section["released"][2] = section["released"][2], section["released"][1]


def an_update_of_its_own(section: Values) -> None:
    section["forms"][2]["kind"] = "update"


def a_form_that_is_not_there(section: Values) -> None:
    section["released"][1]["form"] = 99


def other_seals(section: Values) -> None:
    section["released"][3]["seal"] = "4" * 64


def a_shorter_ledger(section: Values) -> None:
    section["head"]["rows"] = 2


def signed_early(section: Values) -> None:
    del section["released"][3:]
    section["head"] = {name: section["released"][2][name] for name in ("rows", "seal")}


def a_spent_budget(section: Values) -> None:
    section["budget"]["run"] = section["budget"]["lifetime"] = 1.5


def another_limit(section: Values) -> None:
    section["budget"]["limit"] = 1


def more_left_than_there_is(section: Values) -> None:
    section["budget"]["left"] = 1e6


def more_spent_than_allowed(section: Values) -> None:
    section["budget"]["lifetime"] = 101


def no_such_policy(section: Values) -> None:
    section["policy"]["maximum_rounds"] = "many"


def a_key_of_policy_less(section: Values) -> None:
    del section["policy"]["minimum_members"]


def a_key_of_policy_more(section: Values) -> None:
    section["policy"]["generous"] = True


def no_model(section: Values) -> None:
    section["model"] = ""


def no_members(section: Values) -> None:
    section["members"] = {}


def another_law(section: Values) -> None:
    section["law"] = "Everything is allowed."


def a_strict_policy(section: Values) -> None:
    section["policy"]["tasks"] = ["health"]


MEMBER: dict[str, tuple[Lie, str]] = {
    "a release left out": (leave_out_a_release, "1 frames of VNM that are not so in VNM's section"),
    "releases in another order": (swap_releases, "rows of its ledger that are not in their order"),
    "an update of its own": (an_update_of_its_own, "VNM released update in a sealed run"),
    "a form that is not there": (a_form_that_is_not_there, "of a form that it does not describe"),
    "other seals than it sent": (other_seals, "and several seals of it are named"),
    "a shorter ledger": (a_shorter_ledger, "of a ledger of 2 rows"),
    "signed before the end": (signed_early, "saw 9 rows of the ledger of VNM, which has 3"),
    "a budget spent on nothing": (a_spent_budget, "spent epsilon 1.50 on a run without differential privacy"),
    "another limit": (another_limit, "by other limits than its policy has"),
    "more left than there is": (more_left_than_there_is, "and has 1e+06"),
    "more spent than allowed": (more_spent_than_allowed, "spent epsilon 101.00, and its policy allows 100"),
    "no policy": (no_such_policy, "the policy in the section of VNM cannot be read: maximum_rounds"),
    "a key of policy less": (a_key_of_policy_less, "missing: what VNM allows by minimum_members"),
    "a key of policy more": (a_key_of_policy_more, "unknown key 'generous'"),
    "members forgotten": (no_members, "missing: VNM no longer knows who the members of the run were"),
    "a model forgotten": (no_model, "missing: VNM did not see the end of the run"),
    "another law": (another_law, "missing: VNM names other rules of law than this version of Gotong knows"),
    "a policy that refuses the run": (a_strict_policy, "missing: why VNM served this plan: by the policy that it"),
}


@pytest.mark.parametrize(("lie", "words"), MEMBER.values(), ids=MEMBER)
def test_a_country_that_signs_a_lie_is_contradicted(honest: Packed, lie: Lie, words: str) -> None:
    values = honest.values
    lie(section_of(values, "VNM"))
    findings = honest.verified(honest.signed(values, "VNM", "coordinator"))
    assert words in said(findings)
    assert exit_code(findings) == (2 if words.startswith("missing") else 1)


def test_two_countries_that_saw_two_ledgers_of_a_third_say_so(honest: Packed) -> None:
    values = honest.values
    section_of(values, "VNM")["coordinator"]["heads"]["THA"]["seal"] = "5" * 64
    findings = honest.verified(honest.signed(values, "VNM", "coordinator"))
    assert "the coordinator to VNM 555555555555" in said(findings)
    assert exit_code(findings) == 1
