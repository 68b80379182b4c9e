"""A pack's page is of its JSON alone, and holds nothing of one country."""

import json
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files

import pytest

from federation.errors import PackError
from federation.pack import coordinator
from federation.pack.canonical import canonical, digest
from federation.pack.page import END, START, pack_in, page
from federation.pack.schema import FORMAT
from federation.pack.sections import from_bytes, to_bytes
from tests.federation.pack.packs import HERE, THREE, Packed, Values, own, section_of


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
