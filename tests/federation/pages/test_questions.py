"""Five questions of each reader, answered from a page alone: the text of the page holds the answer."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.pages import comparison_page, forecast_page, run_page
from federation.pages.words import read_words
from tests.federation.pages.reports import usual
from tests.federation.pages.test_comparison_page import report as comparison_of
from tests.federation.pages.test_forecast_page import HANOI, HUE, compared
from tests.federation.pages.test_forecast_page import report as forecast_of

EN = read_words()
ROOT = Path(__file__).parents[3]
READERS = ("a forecaster", "a coordinator", "a minister's adviser")


def run() -> str:
    return run_page.page(usual(), EN)


def forecast() -> str:
    return forecast_page.page(compared(forecast_of(HANOI, HUE)), EN)


def comparison() -> str:
    return comparison_page.page(comparison_of(), EN)


ANSWERS: dict[str, tuple[Callable[[], str], str]] = {
    "Where do I look first, and when?": (forecast, r"possible in Hanoi in January 2009, with a chance of 4 in 10"),
    "How likely is it in a place that is not among the first?": (forecast, r"Hue – 2 in 10 \(0\.20\)"),
    "What changed since last month?": (forecast, r"Hanoi, January 2009: more likely, from 0\.20 to 0\.42"),
    "Was the last forecast any good?": (forecast, r"3 events in 22 places and months; its chances add up to 2\.5"),
    "How old are the records and the model?": (forecast, r"December 2008, 2 months old; model .* 48 months before"),
    "Which run is best, and for whom?": (comparison, r"\w+ is best in the region"),
    "What was set differently?": (comparison, r"What was set differently setting \w+ \w+"),
    "Who refused, who withholds, who has no records?": (
        run,
        r"Singapore: withheld.* Myanmar: refused the test\. Timor-Leste: no records",
    ),
    "Whose updates helped the model?": (run, r"Cambodia \+14\.2 % \+31\.0 ± 2\.5 %"),
    "How is this run made again?": (run, r"Strategy fedavg, 12 rounds, seed 7, Gotong 0\.2\.0, code abc1234"),
    "Did training together help, and how sure is that?": (run, r"forecast was 7\.5 % better .* and that is clear"),
    "Did it help my country, and is that clear?": (run, r"Laos .*−9\.0 % .* yes, worse"),
    "Is a simple forecast as good?": (
        run,
        r"No simple forecast was as good.*Against simple forecasts trained together 0\.279 .* usual year 0\.354",
    ),
    "Did records of ours leave the country?": (run, r"No record left a country"),
    "What did it cost, in time, energy and carbon?": (run, r"0\.42 Wh.* 0\.2 g of CO2 .* It took 15 s"),
}


def text(html: str) -> str:
    """What a reader sees, without the styles; cells and lines by a space between."""
    seen = re.sub(r"<(style|title)\b.*?</\1>", " ", html, flags=re.DOTALL)
    seen = re.sub(r"<[^>]+>", " ", seen).replace("&#39;", "'").replace("\u00a0", " ")
    return " ".join(seen.split())


@pytest.mark.parametrize("question", ANSWERS)
def test_the_page_has_the_answer(question: str) -> None:
    page, answer = ANSWERS[question]
    assert re.search(answer, text(page())), text(page())


def test_the_questions_are_those_of_the_documents_five_of_each_reader() -> None:
    said = (ROOT / "docs" / "reading.md").read_text("utf-8")
    section = said.split("## Five questions")[1].split("\n## ")[0]
    lists = re.findall(r"^\*\*As (.+?)\*\*\n\n((?:\|.*\n)+)", section, flags=re.MULTILINE)
    assert [reader for reader, _ in lists] == list(READERS)
    listed = [[row.split("|")[1].strip() for row in table.splitlines()[2:]] for _, table in lists]
    assert [len(each) for each in listed] == [5, 5, 5]
    assert [question for each in listed for question in each] == list(ANSWERS)
