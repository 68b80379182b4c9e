"""`gotong node report run=RUN home=node`: a country's own page of a run, or of an issue, made at home for it alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.node import own_ledger
from federation.deployment.node.own_report import home_report
from federation.errors import ConfigError
from federation.issuing import archive
from federation.issuing.pages import report_in
from federation.pages import bulletin, forecast_page, home_page, run_report
from federation.pages.home_report import text
from federation.pages.words import Words, read_words
from federation.vault import own_results
from federation.verbs.ledgers import no_ledger
from federation.verbs.word_checks import file_of_kind, file_to_write
from tasks.files.atomic import write_atomically

EXAMPLE = "gotong node report run=RUN home=node, or issue=TASK/MONTH/N"


@dataclass  # not frozen: Hydra merges it
class NodeReportSettings:
    """home: of the node. run: one that was tested here; published: report.json of its coordinator, for the region.

    issue: TASK/MONTH/N of the archive, instead of a run. to: FILE.html, and for a run its numbers in FILE.json; of an
    issue also FILE.png, a picture for a bulletin. None: RUN.html in the home. words: a file of the page's words in
    another language.
    """

    home: str = "node"
    run: str | None = None
    published: str | None = None
    issue: str | None = None
    to: str | None = None
    words: str | None = None


def run(words: Sequence[str]) -> None:
    """Write the page, and say where it is."""
    compose("node report", words, NodeReportSettings, _report)


def _report(settings: NodeReportSettings) -> None:
    if (settings.run is None) == (settings.issue is None):
        raise ConfigError(f"say of which run or issue: {EXAMPLE}")
    words = read_words(None if settings.words is None else Path(settings.words))
    home = Path(settings.home)
    for path in _of_issue(settings, home, words) if settings.run is None else _of_run(settings, home, words):
        print(path)


def _of_run(settings: NodeReportSettings, home: Path, words: Words) -> list[Path]:
    """Raises DeploymentError where there is no vault, ConfigError for a run that was not tested here."""
    if not own_ledger.is_home(home):
        raise no_ledger(home)
    to = file_of_kind("to", settings.to or str(home / f"{settings.run}.html"), ".html")
    region = None if settings.published is None else run_report.read(Path(settings.published))
    if region is not None and region.run != settings.run:
        raise ConfigError(f"published={settings.published} is of run {region.run!r}; give that of {settings.run}")
    database = own_ledger.open_own(home)
    report = home_report(database, own_ledger.own_key(home).country, str(settings.run), region)
    if report is None:
        there = ", ".join(own_results.runs(database)) or "none"
        raise ConfigError(f"run={settings.run} was not tested here; there are {there}")
    write_atomically(to.with_suffix(".json"), text(report).encode())
    write_atomically(to, home_page.page(report, words).encode())
    return [to, to.with_suffix(".json")]


def _of_issue(settings: NodeReportSettings, home: Path, words: Words) -> list[Path]:
    """Raises ConfigError for an issue that is not there, or was archived without a page."""
    issue = archive.issue_of(home, str(settings.issue))
    to = file_to_write("to", settings.to or f"{issue.name.replace('/', '-')}.html")
    report = report_in(issue)
    if to.suffix == ".png":
        bulletin.draw(report, words, to)
    else:
        write_atomically(file_of_kind("to", str(to), ".html"), forecast_page.page(report, words).encode())
    return [to]
