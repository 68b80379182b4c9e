"""What whoever has a pack on its way cannot do to its bytes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from federation.errors import PackError
from federation.pack.canonical import canonical, parse, read_bounded
from federation.pack.findings import exit_code
from federation.pack.sections import from_bytes, to_bytes
from tests.federation.pack.packs import Lie, Packed, Values, own, section_of

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
