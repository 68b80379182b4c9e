"""The page of an issue, archived with its products and never handed on: it shows the country's own records.

It says what changed since the last issue and what became of the one before, from the pages that are archived there.
"""

from collections.abc import Sequence
from datetime import datetime

from federation.issuing.archive import HELD, Issue, page_of
from federation.pages import forecast_page, forecast_report
from federation.pages.forecast_facts import report_of as facts_of
from federation.pages.forecast_report import ForecastReport
from federation.pages.forecast_since import Earlier, with_earlier
from federation.pages.words import read_words
from tasks.products.forecast import Issued, period_of
from tasks.task import Task

PAGE, FACTS = "page.html", "page.json"


def pages_of(task: Task, issued: Issued, archived: Sequence[Issue]) -> dict[str, bytes]:
    """File -> bytes; none of a task that draws no page. archived: the country's issues of the task."""
    if task.outlook is None or task.event is None:
        return {}
    report = report_of(task, issued, archived)
    page = forecast_page.page(report, read_words())
    return {PAGE: page.encode(), FACTS: forecast_report.text(report).encode()}


def report_of(task: Task, issued: Issued, archived: Sequence[Issue]) -> ForecastReport:
    """With what changed since the last issue. Raises ConfigError for a task that draws no page, ArchiveError."""
    earlier = [each for each in archived if FACTS in each.content.pages and _precedes(each, issued)]
    earlier.sort(key=lambda each: datetime.fromisoformat(each.content.sent))
    period = str(period_of(issued.windows.origin.max(), issued.panel.step))
    before = [each for each in earlier if each.content.origin < period]
    reports = Earlier(
        last=report_in(earlier[-1]) if earlier else None,
        before=report_in(before[-1]) if before else None,
    )
    return with_earlier(facts_of(task, issued), reports, task, issued)


def report_in(issue: Issue) -> ForecastReport:
    """The report that was archived with an issue. Raises ConfigError or ArchiveError."""
    return forecast_report.read(page_of(issue, FACTS), str(issue.folder / FACTS))


def _precedes(issue: Issue, issued: Issued) -> bool:
    """Whether people saw it before: of the country, sent earlier, not held back, and an exercise as this one is."""
    content = issue.content
    real = bool(content.settings["played"]) == issued.played
    earlier = datetime.fromisoformat(content.sent) < issued.sent
    return content.country == issued.panel.country and real and earlier and issue.state != HELD
