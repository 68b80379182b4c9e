"""What a lying coordinator cannot do to a pack."""

import copy

import pytest

from federation.pack import coordinator
from federation.pack.findings import exit_code
from federation.settings.values import plain
from tests.federation.pack.packs import THREE, Lie, Packed, Values, own, said, section_of


def test_an_honest_pack_holds_and_everything_of_it_is_said(honest: Packed) -> None:
    findings = honest.verified(honest.values)
    text = said(findings)
    assert exit_code(findings) == 0, text
    for country in THREE:
        assert f"holds: {country} signed its section on" in text
        assert f"holds: {country} served run run with this plan" in text
        assert f"holds: {country} worked out the same model as the coordinator has" in text
        assert f"frames left {country}, and the same came to the coordinator" in text
        assert f"heads of the ledger of {country}, as named by it and by others" in text
    assert "KHM, THA, VNM named its key" in text


def test_the_plan_is_as_the_version_knew_it_that_began_the_run(honest: Packed) -> None:
    """A key that came later has a default here, and no vault's digest of the plan has it."""
    settings = plain(honest.simulation.run.settings)
    assert coordinator.plan_text(settings) == own(honest.values)["plan"]
    del settings["keep_best"]
    assert "keep_best" not in coordinator.plan_text(settings)


def omit_a_section(values: Values) -> None:
    values["members"] = [each for each in values["members"] if each["section"]["country"] != "THA"]


def omit_a_country(values: Values) -> None:
    omit_a_section(values)
    del own(values)["countries"]["THA"]
    own(values)["replies"] = [each for each in own(values)["replies"] if each["country"] != "THA"]


def two_sections(values: Values) -> None:
    values["members"].append(copy.deepcopy(values["members"][0]))


def another_plan(values: Values) -> None:
    own(values)["plan"] = own(values)["plan"].replace('"rounds": 1', '"rounds": 2')


def another_frame(values: Values) -> None:
    own(values)["replies"][4]["digest"] = "0" * 64


def one_frame_more(values: Values) -> None:
    own(values)["replies"].append({**own(values)["replies"][4], "round": 7, "digest": "1" * 64})


def one_frame_twice(values: Values) -> None:
    """The second time as it was, which must not hide the first."""
    own(values)["replies"].insert(0, {**own(values)["replies"][4], "bytes": 1})


def no_country(values: Values) -> None:
    own(values)["countries"]["Atlantis"] = ""


def another_size(values: Values) -> None:
    own(values)["replies"][4]["bytes"] += 1


def another_seal(values: Values) -> None:
    own(values)["replies"][4]["head"]["seal"] = "2" * 64


def another_last_seal(values: Values) -> None:
    own(values)["heads"]["VNM"]["seal"] = "3" * 64


def another_model(values: Values) -> None:
    own(values)["model"]["digest"] = "6" * 64


def no_model_at_all(values: Values) -> None:
    own(values)["model"]["digest"] = ""


def only_a_simulation(values: Values) -> None:
    own(values)["simulated"] = True


def a_guest(values: Values) -> None:
    own(values)["replies"][4]["country"] = "LAO"


COORDINATOR: dict[str, tuple[Lie, str]] = {
    "a section left out": (omit_a_section, "missing: THA took part, and there is no section of it"),
    "a country left out": (omit_a_country, "KHM agreed to a run of KHM, THA, VNM, the pack is of KHM, VNM"),
    "two sections of one country": (two_sections, "KHM has two sections"),
    "another plan": (another_plan, "KHM knows run run with another plan than the coordinator's"),
    "another frame": (another_frame, "that are not so in"),
    "a frame that never left": (one_frame_more, "that are not so in"),
    "a frame twice": (one_frame_twice, "that are not so in"),
    "no country": (no_country, "Atlantis is no country"),
    "a frame of another size": (another_size, "that are not so in"),
    "another seal in a round": (another_seal, "and several seals of it are named"),
    "another last seal": (another_last_seal, "and several seals of it are named"),
    "another model": (another_model, "KHM ended run run with the model"),
    "no model": (no_model_at_all, "KHM ended run run with the model"),
    "a simulation, it says": (only_a_simulation, "is signed, and says that the run was a simulation"),
    "replies of somebody who took no part": (a_guest, "had replies of LAO"),
}


@pytest.mark.parametrize(("lie", "words"), COORDINATOR.values(), ids=COORDINATOR)
def test_a_coordinator_that_signs_a_lie_is_contradicted(honest: Packed, lie: Lie, words: str) -> None:
    values = honest.values
    lie(values)
    findings = honest.verified(honest.signed(values, "coordinator"))
    assert words in said(findings)
    assert exit_code(findings) == (2 if words.startswith("missing") else 1)
    assert exit_code(honest.verified(values)) == 1, "without its signature it is no better"


def test_sections_of_another_run_are_not_those_of_this_one(honest: Packed, earlier: Packed) -> None:
    replayed = honest.values
    replayed["members"][0] = earlier.values["members"][0]
    findings = honest.verified(honest.signed(replayed, "coordinator"))
    assert "does not hold: KHM knows run run with another plan" in said(findings), "a run of the same name"
    section_of(replayed, "KHM")["run"] = "other"
    findings = honest.verified(honest.signed(replayed, "KHM", "coordinator"))
    assert "the section of KHM is of run other, not of run" in said(findings)
    assert "missing: KHM took part, and there is no section of it" in said(findings)
