"""The catalogue of words, and translations of it."""

from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.pages import run_page
from federation.pages.words import read_words
from tests.federation.pages.reports import usual

MALAY = '[column]\ncountry = "negara"\n[countries]\nTHA = "Siam & co"\nJPN = "Jepun"\n[sure]\nbetter = "ya"'


def test_a_translation_changes_what_it_names_alone(tmp_path: Path) -> None:
    (tmp_path / "ms.toml").write_text(f'language = "ms"\n{MALAY}')
    words = read_words(tmp_path / "ms.toml")
    text = run_page.page(usual(), words)
    assert '<html lang="ms">' in text
    assert ">negara<" in text
    assert "Siam &amp; co" in text
    assert words.name("countries", "JPN") == "Jepun"
    assert words("column.own") == "own model"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[colum]\ncountry = "x"', "there is no key colum.country; did you mean column.country"),
        ('[run]\ntitle = "Jalan"', r"run.title must name \['run'\] in braces, and names \[\]"),
        ('[run]\ntitle = "{run"', "run.title must name"),
        ("x =", "cannot be read"),
    ],
)
def test_a_translation_that_would_break_a_page_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "ms.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_words(tmp_path / "ms.toml")


def test_periods_are_said_as_finely_as_they_are() -> None:
    english, periods = read_words(), ("2008-12", "2008-12-07", "2008")
    assert [english.month(each) for each in periods] == ["December 2008", "7 December 2008", "2008"]
    assert [english.short(each) for each in periods] == ["Dec", "7 Dec", "2008"]
