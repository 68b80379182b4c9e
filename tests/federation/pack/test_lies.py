"""What a lying coordinator, a lying country and whoever has the file on its way cannot do to a pack."""

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from federation.errors import PackError
from federation.pack import coordinator
from federation.pack.canonical import canonical, digest, parse, read_bounded
from federation.pack.findings import Finding, exit_code
from federation.pack.page import END, START, pack_in, page
from federation.pack.schema import FORMAT
from federation.pack.sections import from_bytes, to_bytes
from federation.pack.verify import verify
from federation.settings.values import plain
from federation.vault.identity import fingerprint
from tasks.registry import TASKS
from tests.federation.pack.packs import HERE, THREE, Lie, Packed, Values, packed, section_of
from tests.federation.toy import TOY


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packed]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, TOY.name, TOY)
        yield packed(tmp_path_factory.mktemp("honest"))


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory, honest: Packed) -> Packed:  # noqa: ARG001  after it: the toy
    """Another run of the same countries with the same keys."""
    return packed(tmp_path_factory.mktemp("earlier"), seed=2)


def said(findings: Iterable[Finding]) -> str:
    return "\n".join(map(str, findings))


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


def own(values: Values) -> Values:
    section: Values = values["coordinator"]["section"]
    return section


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


BROKEN = {
    "a key twice": (b'{"coordinator":', b'{"coordinator":{},"coordinator":'),
    "a key of a section twice": (b'"region":"ASEAN"', b'"region":"EU","region":"ASEAN"'),
    "NaN": (b'"simulated":false', b'"simulated":NaN'),
    "1e400": (b'"simulated":false', b'"simulated":1e400'),
    "a number in another form": (b'"simulated":false', b'"simulated":6.0'),
    "a long number": (b'"simulated":false', b'"simulated":' + b"9" * 400),
    "a longer number": (b'"simulated":false', b'"simulated":' + b"9" * 50_000),
    "a space": (b'"simulated":false', b'"simulated": false'),
    "another order": (b'{"coordinator":', b'{"zebra":1,"coordinator":'),
    "half of a letter": (b'"ASEAN"', b'"\\ud800"'),
    "no UTF-8": (b'"ASEAN"', b'"\xff"'),
    "another format": (b'"format":"gotong pack 1"', b'"format":"gotong pack 9"'),
    "cut short": (b'"region":"ASEAN"', b'"region":"ASE'),
    "deep": (b'"ASEAN"', b"[" * 100_000 + b"]" * 100_000),
    "less deep": (b'"ASEAN"', b"[" * 200 + b"]" * 200),
}


@pytest.mark.parametrize(("before", "after"), BROKEN.values(), ids=BROKEN)
def test_bytes_that_nobody_writes_are_no_pack(honest: Packed, before: bytes, after: bytes) -> None:
    raw = to_bytes(honest.pack)
    assert raw.count(before) == 1
    with pytest.raises(PackError):
        from_bytes(raw.replace(before, after))


MISSHAPEN: dict[str, tuple[Lie, str]] = {
    "a key more": (lambda values: own(values).update(remark="approved"), "does not know the key 'remark'"),
    "a key less": (lambda values: own(values).pop("region"), "missing"),
    "a word for a count": (lambda values: own(values)["model"].update(parameters="6"), "must be int"),
    "true for a count": (lambda values: own(values)["model"].update(parameters=True), "must be int"),
    "a country's score": (lambda values: own(values)["model"]["scores"][0].update(country="VNM"), "the key 'country'"),
    "a colour for the screen": (
        lambda values: own(values)["countries"].update({"\x1b[31m": 1}),
        "it.countries.[31m must be str",
    ),
    "letters that turn others round": (lambda values: own(values).update(region="A\u202eB"), "cannot be seen"),
    "another format": (lambda values: own(values).update(format="x"), "it is not a gotong pack section"),
}


@pytest.mark.parametrize(("lie", "words"), MISSHAPEN.values(), ids=MISSHAPEN)
def test_a_signed_section_of_another_shape_is_none(honest: Packed, lie: Lie, words: str) -> None:
    values = honest.values
    lie(values)
    [finding] = honest.verified(honest.signed(values, "coordinator"))
    assert words in finding.text
    assert finding.kind == "wrong"


ENVELOPES: tuple[Callable[[Values], Values], ...] = (
    lambda values: values,
    lambda values: values["coordinator"],
    lambda values: values["members"][0],
)


@pytest.mark.parametrize("envelope", ENVELOPES, ids=["pack", "coordinator", "member"])
def test_nothing_is_added_around_what_is_signed(honest: Packed, envelope: Callable[[Values], Values]) -> None:
    values = honest.values
    envelope(values)["approved"] = True
    with pytest.raises(PackError, match="does not know the key 'approved'"):
        honest.verified(values)


def test_a_file_is_measured_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pack.json"
    path.write_bytes(b"[" * 100)
    assert read_bounded(path, 100) == b"[" * 100
    with pytest.raises(PackError, match="more than 0 MiB"):
        read_bounded(path, 99)
    with pytest.raises(PackError, match="No such file"):
        read_bounded(tmp_path / "none", 99)
    with pytest.raises(PackError):
        parse(b"[" * 1_000_000)


def test_numbers_that_a_float_cannot_hold_are_text_and_others_come_back(honest: Packed) -> None:
    values = {"count": 2**53, "negative": -(2**60), "large": 1e17, "small": 1e-7, "most": 2**53 - 1, "whole": 2.0}
    raw = canonical(values)
    read = parse(raw)
    assert (read["count"], read["negative"]) == (str(2**53), str(-(2**60)))
    assert {name: read[name] for name in ("large", "small", "most", "whole")} == {
        name: values[name] for name in ("large", "small", "most", "whole")
    }
    many = honest.values
    section_of(many, "VNM")["policy"]["maximum_steps"] = str(2**53)  # as the policy may say
    assert exit_code(honest.verified(honest.signed(many, "VNM", "coordinator"))) == 0
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(PackError):
            canonical({"value": wrong})


def test_a_page_is_of_its_json_and_loads_and_runs_nothing(honest: Packed) -> None:
    raw = page(honest.pack)
    assert pack_in(raw) == from_bytes(to_bytes(honest.pack))
    text = raw.decode()
    assert digest(honest.values) in text
    assert "default-src 'none'" in text
    assert "unsafe" not in text
    visible = text[: text.index(START.decode())]
    assert not any(each in visible for each in ("http:", "https:", "//", "src=", "href=", "<script", "onerror"))
    for country in THREE:
        assert f"<td>{country}</td><td><code>{honest.roster[country]}</code>" in text


def test_a_page_of_another_look_is_one_of_another_format() -> None:
    """A page is verified by making it again: whoever changes its look gives FORMAT another number."""
    looks = [(files("federation.pack") / name).read_bytes() for name in ("page.html", "page.css")]
    assert (FORMAT, sha256(b"".join(looks)).hexdigest()[:16]) == ("gotong pack 1", "08339973658a5743")


TAMPERED = {
    "a number on the page": (b"<h2>The model</h2>", b"<h2>The model, approved</h2>"),
    "its digest": (b"<p>SHA-256 of the pack (JSON): <code>", b"<p>SHA-256 of the pack (JSON): <code>0"),
    "its JSON": (b'"simulated":false', b'"simulated":true'),
    "a second JSON": (b"<body>", b'<body><script type="application/json" id="pack">{}</script>'),
    "something after the end": (b"</html>", b"</html><p>approved</p>"),
    "a script": (b"</head>", b"<script>alert(1)</script></head>"),
    "its protection": (b"default-src 'none'", b"default-src *"),
    "a comment": (b"<h2>Refused</h2>", b"<!--<h2>Refused</h2>-->"),
    "no JSON": (START, b"<script>"),
    "a style": (b"<style>", b"<style>.warn { display: none; } "),
}


@pytest.mark.parametrize(("before", "after"), TAMPERED.values(), ids=TAMPERED)
def test_a_page_of_which_a_letter_differs_is_not_the_packs(honest: Packed, before: bytes, after: bytes) -> None:
    raw = page(honest.pack)
    assert before in raw
    with pytest.raises(PackError):
        pack_in(raw.replace(before, after, 1))


def test_what_a_stranger_wrote_is_text_on_the_page_and_comes_back_from_it(honest: Packed) -> None:
    evil = "</script><script>alert(1)</script><!--<b onclick='x'>&amp; \\u003c \\\\u003c{{ 7*7 }}"
    values = honest.values
    own(values)["refusals"] = [{"country": evil, "round": 1, "kind": "refused", "reason": evil}]
    own(values)["region"] = own(values)["model"]["title"] = evil
    section_of(values, "VNM")["policy"]["tasks"] = [evil]
    section_of(values, "VNM")["forms"][0]["arrays"][evil] = [1]
    section_of(values, "VNM")["software"]["components"] = [evil]
    pack = from_bytes(canonical(honest.signed(values, "VNM", "coordinator")))
    raw = page(pack)
    assert raw.count(b"<script") == 1
    assert raw.count(END) == 1
    assert b"<!--" not in raw
    assert b"onclick='" not in raw[: raw.index(START)]
    assert b"{{ 7*7 }}" in raw
    assert pack_in(raw) == pack


def test_nothing_of_one_country_is_in_the_pack_of_a_sealed_run(honest: Packed) -> None:
    """No score of its own, no count of its examples, and no reason, which may hold a number of it."""
    raw = to_bytes(honest.pack).decode()
    database = next(iter(honest.simulation.vaults.values())).database
    kept = database.execute("SELECT country, value FROM seals WHERE name = 'own results'").fetchall()
    numbers = {repr(value)[:8] for _, rows in kept for row in json.loads(rows)["rows"] for value in row[4:7]}
    numbers -= {repr(value)[:8] for value in (0.0, 1.0, None)}
    assert len(kept) == 3
    assert len(numbers) > 20
    shared = {repr(each["value"])[:8] for each in own(honest.values)["model"]["scores"]}
    assert not [number for number in numbers - shared if number in raw]
    assert not any(f'"{key}"' in raw for key in ("examples", "suppressed", "fingerprint", "loss", "steps"))
    refusing = replace(honest.known.entries[1], contents={"kind": "refused", "reason": "its own of 3.03", "head": None})
    known = replace(honest.known, entries=[refusing])
    section = coordinator.section(honest.simulation.run.folder, known, {}, HERE)
    assert [(each.kind, each.reason) for each in section.refusals] == [("refused", "")]


@pytest.mark.parametrize("policy", [{}, {"required_protection": 5}, {"required_protection": {"sealed": "never"}}])
def test_a_policy_that_is_none_keeps_nobody_from_the_page(honest: Packed, policy: Values) -> None:
    """A country that writes one would else stop the coordinator's pack, and hide in it what a table holds."""
    values = honest.values
    section_of(values, "VNM")["policy"] = policy
    raw = page(from_bytes(canonical(values)))
    assert to_bytes(pack_in(raw)) == canonical(values)
    assert raw.count(b"never") == 2 * str(policy).count("never")  # in the JSON, and in the table
    assert raw.count(b"Asks for") == page(honest.pack).count(b"Asks for")
