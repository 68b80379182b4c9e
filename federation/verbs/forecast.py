"""`gotong forecast run=RUN data=DIR country=VNM to=FILE format=FORMAT`: a product from a country's own records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast, get_args

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.forecasting import ForecastRequest, issue
from federation.issuing.archive import issues
from federation.issuing.pages import report_of
from federation.issuing.products import ABOUT
from federation.issuing.vintages import vintages
from federation.pages import bulletin, forecast_page, forecast_report
from federation.pages.words import read_words
from federation.runs import folder as run_folder
from federation.settings.checks import nearest, one_of, within
from federation.verbs.word_checks import file_of_kind, file_to_write, required
from tasks.errors import DataError
from tasks.files.atomic import write_atomically
from tasks.places.countries import problem_with
from tasks.products.about import lines, sidecar
from tasks.products.forecast import Issued
from tasks.products.newest import Late
from tasks.products.replaced import Replaced, read_alert
from tasks.task import Task
from tasks.vintages.provisional import Provisional

EXAMPLE = "gotong forecast run=RUN data=DIR country=VNM to=FILE format=FORMAT"


@dataclass  # not frozen: Hydra merges it
class ForecastSettings:
    """run: a finished run under `runs`. data: the folder that holds one folder a country. to: the file to write.

    origin: YYYY-MM, a forecast as of that month, from records until then alone; None: the newest. largest_age: months
    that records may be old; None: the task's own. late: forecast | leave_out, what becomes of places whose records end
    before those of others. today: YYYY-MM-DD, the day on which an exercise is played; None: today.
    format: hubverse | chap | cap (health), cap | table (disaster), table (agriculture), hubverse | table (prices),
    cap | table (river).
    cost_loss: what acting costs over the loss it prevents; who is warned is forecast at least that probability. None:
    the run's. sender: whose alert it is; replaces: the file of the alert given before (cap). samples, seed: how many
    are drawn and from where on (chap). arm: federated, or another arm of the run, such as issued, from the vault of the
    country's node in home (None: of a simulated run). None: issued or adapted where it is kept, else federated.
    provisional: keep | mask | nowcast, what becomes of counts younger than the reporting delay that the archive in home
    teaches; None: nowcast where it teaches one, else keep.
    weather: the file of the node's own weather forecast, for a run of task=river with task.mode=perfect_weather.
    page: FILE.html, a page of the forecast for people, its numbers in FILE.json; with home it says what changed since
    the last issue there, and what became of the one before. picture: FILE.png of the places with the largest chance,
    for a bulletin. With either, format and to may be left out. words: a file of their words in another language.
    """

    run: str | None = None
    runs: str = "runs"
    data: str | None = None
    country: str | None = None
    to: str | None = None
    format: str | None = None
    cost_loss: float | None = None
    sender: str = "gotong.invalid"
    replaces: str | None = None
    samples: int = 1000
    seed: int = 1
    origin: str | None = None
    largest_age: int | None = None
    late: str = "forecast"
    today: str | None = None
    arm: str | None = None
    home: str | None = None
    provisional: str | None = None
    weather: str | None = None
    page: str | None = None
    picture: str | None = None
    words: str | None = None


def run(words: Sequence[str]) -> None:
    """Write the product, and say what it holds."""
    compose("forecast", words, ForecastSettings, _forecast)


def _forecast(settings: ForecastSettings) -> None:
    alone = (settings.page or settings.picture) is not None and settings.to is None and settings.format is None
    to = None if alone else file_to_write("to", required(settings.to, f"say where it goes: {EXAMPLE}"))
    form = None if alone else required(settings.format, f"say which format: {EXAMPLE}")
    task, issued = issued_of(settings)
    if form is not None and form not in task.products:
        raise ConfigError(f"format={form} is no product of task {task.name}; {nearest(form, task.products)}")
    product = None if form is None else task.products[form](issued)
    written = _pages(settings, task, issued)
    if to is not None and form is not None and product is not None and product.text is not None:
        _write(to, product.text)
        _write(to.with_name(to.name + ABOUT), sidecar(issued, form))
        written.append(to)
    for line in (*lines(issued), *([] if product is None else [product.summary])):
        print(line)
    print("\n".join(map(str, written)) or "nothing is written")


def issued_of(settings: ForecastSettings) -> tuple[Task, Issued]:
    """The forecast that these settings ask for, before it is written in any format.

    Raises ConfigError for settings that are missing or out of range, and as `issue` does.
    """
    name = required(settings.run, f"say which run: {EXAMPLE}")
    data = required(settings.data, f"say where the national files lie: {EXAMPLE}")
    country = required(settings.country, f"say whose forecast: {EXAMPLE}")
    _check(settings, country)
    folder, home = run_folder.existing(settings.runs, name), None if settings.home is None else Path(settings.home)
    sent, played = now_or_played(settings.today), settings.today is not None
    request = ForecastRequest(
        data=Path(data),
        country=country,
        sent=sent,
        origin=settings.origin,
        largest_age=settings.largest_age,
        late=cast(Late, settings.late),
        played=played,
        arm=settings.arm,
        home=home,
        vintages=None if home is None else partial(vintages, home, country, sent=sent, played=played),
        provisional=cast(Provisional | None, settings.provisional),
        weather=None if settings.weather is None else Path(settings.weather),
        sender=settings.sender,
        cost_loss=settings.cost_loss,
        samples=settings.samples,
        seed=settings.seed,
        replaces=None if settings.replaces is None else _alert(Path(settings.replaces)),
    )
    return issue(folder, request)


def _check(settings: ForecastSettings, country: str) -> None:
    if settings.cost_loss is not None:
        within("cost_loss", settings.cost_loss, 0, 1, above=True)
    within("samples", settings.samples, 1, 10_000)
    within("seed", settings.seed, 0, 2**31 - 1)
    if wrong := problem_with(country):
        raise ConfigError(f"country: {wrong}")
    if settings.largest_age is not None:
        within("largest_age", settings.largest_age, 0, 1200)
    if settings.late not in get_args(Late):
        raise ConfigError(f"late={settings.late}: {nearest(settings.late, get_args(Late))}")
    if settings.provisional is not None:
        one_of("provisional", settings.provisional, get_args(Provisional))


def _pages(settings: ForecastSettings, task: Task, issued: Issued) -> list[Path]:
    """Write the page with its numbers, and the picture. Raises ConfigError for a file that is none by its name."""
    page, picture = (
        None if value is None else file_of_kind(key, value, suffix)
        for key, value, suffix in (("page", settings.page, ".html"), ("picture", settings.picture, ".png"))
    )
    if page is None and picture is None:
        return []
    archived = [] if settings.home is None else issues(Path(settings.home), task.name)
    report, words = (
        report_of(task, issued, archived),
        read_words(None if settings.words is None else Path(settings.words)),
    )
    written = []
    if page is not None:
        _write(page.with_suffix(".json"), forecast_report.text(report))
        _write(page, forecast_page.page(report, words))
        written += [page, page.with_suffix(".json")]
    if picture is not None:
        bulletin.draw(report, words, picture)
        written.append(picture)
    return written


def now_or_played(today: str | None) -> datetime:
    """The present, or noon of the day that an exercise is played on. Raises ConfigError for a day to come."""
    now = datetime.now(UTC)
    if today is None:
        return now
    try:
        day = datetime.strptime(today, "%Y-%m-%d").replace(hour=12, tzinfo=UTC)
    except ValueError:
        raise ConfigError(f"today={today} is no day; write it as YYYY-MM-DD, for example {now:%Y-%m-%d}") from None
    if day.date() > now.date():
        raise ConfigError(f"today={today} is yet to come; leave the key out for {now:%Y-%m-%d}")
    return min(day, now)


def _alert(file: Path) -> Replaced:
    try:
        return read_alert(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"replaces={file} cannot be read ({error})") from None
    except DataError as error:
        raise ConfigError(f"replaces={file} {error}") from None


def _write(to: Path, text: str) -> None:
    try:
        write_atomically(to, text.encode())
    except OSError as error:
        raise ConfigError(f"to={to} cannot be written ({error.strerror}); choose another file") from None
