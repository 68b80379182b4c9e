"""`gotong forecast run=RUN data=DIR country=VNM to=FILE format=FORMAT`: a product from a country's own records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.forecasting import ForecastRequest, issue
from federation.runs import folder as run_folder
from federation.settings.checks import nearest, within
from federation.verbs.word_checks import required
from tasks.errors import DataError
from tasks.files.atomic import write_atomically
from tasks.places.countries import problem_with
from tasks.products.cap import reference
from tasks.products.forecast import Issued, Product, counted


@dataclass  # not frozen: Hydra merges it
class ForecastSettings:
    """run: a finished run under `runs`. data: the folder that holds one folder a country. to: the file to write.

    format: hubverse | chap | cap (health), cap | table (disaster), table (agriculture).
    cost_loss: what acting costs over the loss it prevents; who is warned is forecast at least that probability. None:
    the run's. sender: whose alert it is; replaces: the file of the alert given before (cap). samples, seed: how many
    are drawn and from where on (chap).
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


def run(words: Sequence[str]) -> None:
    """Write the product, and say what it holds."""
    compose("forecast", words, ForecastSettings, _forecast)


def _forecast(settings: ForecastSettings) -> None:
    example = "gotong forecast run=RUN data=DIR country=VNM to=FILE format=FORMAT"
    name = required(settings.run, f"say which run: {example}")
    data = required(settings.data, f"say where the national files lie: {example}")
    country = required(settings.country, f"say whose forecast: {example}")
    to = Path(required(settings.to, f"say where it goes: {example}"))
    form = required(settings.format, f"say which format: {example}")
    if settings.cost_loss is not None:
        within("cost_loss", settings.cost_loss, 0, 1, above=True)
    within("samples", settings.samples, 1, 10_000)
    within("seed", settings.seed, 0, 2**31 - 1)
    if wrong := problem_with(country):
        raise ConfigError(f"country: {wrong}")
    folder = run_folder.existing(settings.runs, name)
    request = ForecastRequest(
        data=Path(data),
        country=country,
        sent=datetime.now(UTC),
        sender=settings.sender,
        cost_loss=settings.cost_loss,
        samples=settings.samples,
        seed=settings.seed,
        replaces="" if settings.replaces is None else _reference(Path(settings.replaces)),
    )
    task, issued = issue(folder, request)
    if form not in task.products:
        raise ConfigError(f"format={form} is no product of task {task.name}; {nearest(form, task.products)}")
    product = task.products[form](issued)
    if product.text is not None:
        _write(to, product.text)
    for line in _summary(issued, product, to):
        print(line)


def _reference(file: Path) -> str:
    try:
        return reference(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"replaces={file} cannot be read ({error})") from None
    except DataError as error:
        raise ConfigError(f"replaces={file} {error}") from None


def _write(to: Path, text: str) -> None:
    try:
        write_atomically(to, text.encode())
    except OSError as error:
        raise ConfigError(f"to={to} cannot be written ({error.strerror}); choose another file") from None


def _summary(issued: Issued, product: Product, to: Path) -> list[str]:
    """What was forecast for whom, who is left out, and where it lies."""
    windows = issued.windows
    chosen = {issued.place(row) for row in range(len(windows))}
    lines = [
        f"{issued.panel.country}: {counted(len(chosen), 'place')}, after {issued.origin}, until {windows.due.max()}",
        product.summary,
    ]
    without = [place for place in issued.panel.places if place not in chosen]
    if without:
        names = ", ".join(without[:5]) + (" ..." if len(without) > 5 else "")
        lines.append(
            f"no forecast for {counted(len(without), 'place')} whose records end earlier or are too short: {names}"
        )
    return [*lines, f"{to}" if product.text is not None else "nothing is written"]
