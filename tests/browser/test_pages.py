"""Pages in a real browser: nothing asked of anybody, no error, readable on a phone, on paper and by a screen reader."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.pages import comparison_page, forecast_page, home_page, run_page
from federation.pages.home_report import HomeReport, Left, OwnScore
from federation.pages.run_report import Gain
from federation.pages.words import read_words
from tests.browser.test_mlflow_ui import CHROMIUM
from tests.federation.pages.reports import place, report, usual
from tests.federation.pages.test_comparison_page import report as comparison_of
from tests.federation.pages.test_forecast_page import HANOI, HUE, compared
from tests.federation.pages.test_forecast_page import report as forecast_of

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}: install Debian's chromium for this test"),
]
WORST = ("serious", "critical")  # of axe's four impacts, those that lock somebody out
PHONE = 360  # pixels


def run() -> str:
    return run_page.page(usual(), read_words())


def sealed_run() -> str:
    made = report(place("ASEAN", 5.0), place("THA", state="sealed"), protection="sealed")
    return run_page.page(made, read_words())


def forecast() -> str:
    return forecast_page.page(compared(forecast_of(HANOI, HUE)), read_words())


def home() -> str:
    scores = [OwnScore(score="log_wis", arm=arm, value=0.3, low=0.2, high=0.4, n=24) for arm in ("federated", "local")]
    made = HomeReport(
        country="THA",
        run="spring",
        title="Monthly dengue per province",
        score="log_wis",
        better="smaller",
        unit="percent",
        gain=Gain(value=4.0, low=-1.0, high=9.0),
        scores=scores,
        left=[Left(kind="update", messages=12, bytes=1_850_000)],
        refused=1,
        region=report(place("ASEAN", 5.0), place("THA", 4.0), place("VNM", state="sealed"), protection="sealed"),
        arms=["federated", "local"],
    )
    return home_page.page(made, read_words())


def comparison() -> str:
    return comparison_page.page(comparison_of(), read_words())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("made", [run, sealed_run, forecast, comparison, home])
def test_a_page_is_for_everybody(made: Callable[[], str], browser: Any, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "page.html"
    file.write_text(made(), encoding="utf-8")
    said: list[str] = []
    asked: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 900}, bypass_csp=True)  # axe is a script
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    for width in (1200, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in WORST] == []
    page.emulate_media(media="print")
    assert page.locator("h1").is_visible()
    assert len(page.pdf(format="A4")) > 10_000
    assert (said, asked) == ([], [file.as_uri()])
    context.close()


def test_the_page_s_own_rules_let_nothing_else_in(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(run().replace("</main>", "<script>document.title = 'changed'</script></main>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    assert page.title() == "Run spring"
    assert page.locator("h1").evaluate("each => getComputedStyle(each).maxWidth") != "none", "its own style is refused"
    page.close()
