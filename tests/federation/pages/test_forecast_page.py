"""A forecast's page: where to look first, chances in words, and every number of its JSON."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from federation.pages import bulletin, forecast_report
from federation.pages.forecast_page import page, second, sentence, tenths
from federation.pages.forecast_report import (
    Came,
    Change,
    Checked,
    ForecastReport,
    Outlooks,
    Since,
    Step,
    certainty,
)
from federation.pages.words import read_words
from federation.settings.values import build
from tests.federation.pages.test_run_page import changed, leaves

EN = read_words()


def step(due: str, chance: float | None, *, coming: bool = True) -> Step:
    return Step(due=due, coming=coming, chance=chance, level=120.0, quantiles=[20.0, 60.0, 90.0, 110.0, 180.0])


def outlook(name: str, *steps: Step) -> Outlooks:
    months = ["2008-10", "2008-11", "2008-12"]
    return Outlooks(
        place=name, name=name, until="2008-12", age=1, steps=list(steps), periods=months, seen=[30, None, 90.0]
    )


def report(*places: Outlooks) -> ForecastReport:
    return ForecastReport(
        country="VNM",
        task="health",
        title="Monthly dengue per province",
        event="a dengue outbreak",
        unit="cases",
        model="spring",
        sent="2009-01-05T12:00+00:00",
        as_of="2008-12",
        records_until="2008-12",
        records_age=2,
        trained_until="2004-12",
        model_age=48,
        act=0.3,
        played=True,
        below=False,
        places=list(places),
        late={"Hue": "2008-10"},
        left_out={"Da Nang": "no record"},
    )


def compared(made: ForecastReport) -> ForecastReport:
    """With what changed since the last one, and what became of one before."""
    change = Change(place="Hanoi", name="Hanoi", due="2009-01", before=0.2, now=0.42)
    came = Came(
        place="Hue", name="Hue", due="2008-12", chance=0.6, happened=True, observed=95, low=9, middle=40, high=80
    )
    sent = {"sent": "2008-12-05T12:00+00:00", "until": "2008-11", "model": "winter"}
    since = Since(**sent, both=5, risen=2, fallen=1, changes=[change])
    checked = Checked(
        **sent,
        n=25,
        within=21,
        banded=24,
        happened=3,
        known=22,
        expected=2.5,
        rows=[came],
    )
    return replace(made, since=since, checked=checked)


HANOI = outlook("Hanoi", step("2008-12", 0.9, coming=False), step("2009-01", 0.42), step("2009-02", 0.04))
HUE = outlook("Hue", step("2009-01", 0.2), step("2009-02", None))


def test_the_first_sentence_names_the_place_and_month_ahead_that_are_most_likely() -> None:
    made = report(HANOI, HUE)
    assert (
        sentence(made, EN)
        == "Vietnam: a dengue outbreak is possible in Hanoi in January 2009, with a chance of 4 in 10."
    )
    assert second(made, EN) == "A chance of 3 in 10 or more: 1 of 2 places; elsewhere it is unlikely."


def test_a_month_that_is_over_is_nobody_s_warning_unless_all_are() -> None:
    over = outlook("Hanoi", step("2008-12", 0.9, coming=False))
    assert "expected in none" in sentence(report(outlook("Hue", step("2009-01", 0.2))), EN)
    assert "is likely in Hanoi in December 2008" in sentence(report(over), EN)


def test_a_forecast_without_a_level_says_so() -> None:
    short = report(outlook("Hue", step("2009-01", None)))
    assert second(short, EN) == "The records are too short to say what a dengue outbreak would be."
    assert "not known" in page(short, EN)


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        *((0.0, "under 1 in 20"), (0.049, "under 1 in 20"), (0.06, "1 in 10"), (0.449, "4 in 10")),
        *(
            (0.949, "9 in 10"),
            (0.95, "19 in 20 or more"),
            (0.26, "under 3 in 10"),
            (0.53, "over 5 in 10"),
            (None, "not known"),
        ),
    ],
)
def test_chances_in_words(chance: float | None, words: str) -> None:
    assert tenths(chance, 0.3, EN) == words


def test_certainty_is_that_of_an_alert() -> None:
    assert [certainty(chance, 0.3) for chance in (0.29, 0.3, 0.5, 0.51)] == [
        "unlikely",
        "possible",
        "possible",
        "likely",
    ]


def test_every_number_of_the_json_is_on_the_page() -> None:
    made = compared(report(HANOI, HUE))
    values = json.loads(forecast_report.text(made))
    shown = page(made, EN)
    for path in leaves(values):
        assert page(build(ForecastReport, changed(values, path), "test"), EN) != shown, f"{path} is not on the page"
    assert page(replace(made, model="<b>x"), EN).count("&lt;b&gt;x") == 1


def test_a_name_of_any_letters_is_drawn_as_it_is(tmp_path: Path) -> None:
    """No formula: matplotlib reads what stands between two dollars as one."""
    named = report(outlook("$\\frac{1}{0$ A", step("2009-01", 0.42)))
    bulletin.draw(named, EN, tmp_path / "bulletin.png")
    assert (tmp_path / "bulletin.png").read_bytes().startswith(b"\x89PNG")
