"""The issue of a month: a country's forecast and its products, from the champion it holds and the records of today."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from federation import forecasting
from federation.errors import ConfigError
from federation.forecasting import FEDERATED, VAULT, ForecastRequest, Memory, memory_in
from federation.issuing import archive
from federation.issuing.archive import ISSUES, OWN, OWN_MODELS, Content, Forecast, Issue
from federation.issuing.champion_file import ChampionFile, unpack
from federation.issuing.files import keep, kept
from federation.issuing.held import DELIVERED, Held, champion_for, trust_of
from federation.issuing.pages import pages_of
from federation.issuing.products import after, products_of, summaries
from federation.issuing.vintages import vintages
from federation.pack.software import code_digest
from federation.wire.frame import Frame, decode, encode
from tasks.errors import DataError
from tasks.files import load
from tasks.files.folders import country_folder
from tasks.files.load import SYNTHETIC
from tasks.files.reading import SUFFIXES, find, stem_of
from tasks.meaning.accepted import NAME as ACCEPTED
from tasks.products.about import lines
from tasks.products.forecast import Issued, period_of
from tasks.products.newest import Late
from tasks.registry import TASKS
from tasks.task import Task
from tasks.vintages.provisional import Provisional


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which forecast of which country, and how it is handed on; see `ForecastRequest`.

    home: of the node; its archive lies there. data: the folder of countries, or the country's own. sent: the time in
    the products, UTC. champion: a champion's file; None: what the courier brought, else the one that is held.
    ca: None is ca.pem in the home; in a simulated country's home there is none, and champions are not signed.
    delivered: where the courier lays champions; None: in the home. vault: the file of the country's vault, whose own
    arm is preferred; None: that of the home's, which need not be there. to: where products go once they are approved.
    made_before: what was archived later is not read; None: all is.
    """

    home: Path
    country: str
    task: str
    data: Path
    sent: datetime
    champion: Path | None = None
    ca: Path | None = None
    delivered: Path | None = None
    vault: Path | None = None
    origin: str | None = None
    largest_age: int | None = None
    late: Late = "forecast"
    provisional: Provisional | None = None
    made_before: datetime | None = None
    played: bool = False
    arm: str | None = None
    sender: str = "gotong.invalid"
    cost_loss: float | None = None
    samples: int = 1000
    seed: int = 1
    to: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Made:
    """An issue, whether it is new, and what to tell the forecaster."""

    issue: Issue
    new: bool
    said: tuple[str, ...]


def make(wanted: Wanted) -> Made:
    """Forecast, write every product of the task, and archive all of it as a draft; nothing is handed on.

    Where the newest issue of the origin rests on the same records, model, code and settings, that issue is returned and
    nothing is written, so the call may be repeated after a kill. Corrected records make a re-issue with the next
    number; its alert replaces the last one of the origin that was released. No network is used.

    Raises ChampionError where no champion can be used, ConfigError or DataError as `forecasting.issue` does,
    ArchiveError for an archive that was changed, SettingError for a sender that no alert may have.
    """
    folder = country_folder(wanted.data, wanted.country)
    task = TASKS[wanted.task]
    with archive.locked(wanted.home):
        _check_country(wanted)
        held = _held(wanted)
        records = archive.keep_records(wanted.home, national_files(task, folder))
        memory, own = _kept_memory(wanted, held)
        with archive.records_folder(wanted.home, records) as vintage, _in_words_of(folder, vintage):
            issued = forecast_with(held.file, vintage, memory, wanted)
        earlier = archive.issues(wanted.home, wanted.task, _origin(issued))
        issued = after(issued, earlier)
        content = _content(wanted, held, issued, records, own)
        if earlier and _same(earlier[-1].content, content):
            return Made(issue=earlier[-1], new=False, said=held.said)
        products, unwritten = products_of(task, issued)
        content = replace(content, unwritten=unwritten, said=(*content.said, *summaries(task, issued, unwritten)))
        pages = pages_of(task, issued, archive.issues(wanted.home, wanted.task))
        issue = archive.write(wanted.home, content, _forecast(issued), products, pages)
    return Made(issue=issue, new=True, said=held.said)


def forecast_with(file: ChampionFile, data: Path, memory: Memory, wanted: Wanted) -> Issued:
    """The forecast of a champion, from the national files in a folder. memory: of the country's vault, or empty."""
    with TemporaryDirectory(prefix="gotong-champion-") as scratch:
        run = unpack(file, Path(scratch))
        request = ForecastRequest(
            data=data,
            country=wanted.country,
            sent=wanted.sent,
            sender=wanted.sender,
            cost_loss=wanted.cost_loss,
            samples=wanted.samples,
            seed=wanted.seed,
            origin=wanted.origin,
            largest_age=wanted.largest_age,
            late=wanted.late,
            played=wanted.played,
            arm=wanted.arm,
            memory=memory,
            vintages=partial(
                vintages,
                wanted.home,
                wanted.country,
                sent=wanted.sent,
                made_at=wanted.made_before,
                played=wanted.played,
            ),
            provisional=wanted.provisional,
        )
        return forecasting.issue(run, request)[1]


def national_files(task: Task, folder: Path) -> dict[str, Path]:
    """Name -> path of a country's national files of a task, as far as they are there. Raises DataError."""
    stems = {stem_of(Path(name)) for name in (task.file, *task.tables)}
    there = [stem for stem in stems if any((folder / f"{stem}{suffix}").exists() for suffix in SUFFIXES)]
    paths = [find(folder / f"{stem}.csv") for stem in there] if task.tables else [folder / task.file]
    return {path.name: path for path in paths if path.exists()}


def memory_of(issue: Issue) -> Memory:
    """What the vault knew of the run, as the issue was made with; empty for the federated arm."""
    digest = issue.content.digests[OWN]
    if not digest:
        return {}
    raw = kept(issue.home / ISSUES / OWN_MODELS, digest, "the country's own model")
    return {name: torch.from_numpy(value.copy()) for name, value in decode(raw).arrays.items()}


def _check_country(wanted: Wanted) -> None:
    """Raise ConfigError where the archive is another country's."""
    for each in archive.issues(wanted.home, wanted.task)[-1:]:
        if each.content.country != wanted.country:
            raise ConfigError(
                f"home={wanted.home} holds the issues of {each.content.country}; give {wanted.country} a home of "
                f"its own"
            )


def _held(wanted: Wanted) -> Held:
    trust = trust_of(wanted.home, wanted.ca)
    delivered = wanted.home / DELIVERED if wanted.delivered is None else wanted.delivered
    now = datetime.now(UTC)
    return champion_for(
        wanted.home, wanted.task, wanted.country, trust=trust, given=wanted.champion, delivered=delivered, now=now
    )


def _kept_memory(wanted: Wanted, held: Held) -> tuple[Memory, str]:
    """What the vault knows of the champion's run, kept by digest; empty where the federated arm is wanted."""
    file = wanted.home / "vault" / VAULT if wanted.vault is None else wanted.vault
    if wanted.vault is not None and not file.is_file():
        raise ConfigError(f"vault={file} is not there; name the file of the country's vault, or leave the key out")
    memory = {} if wanted.arm == FEDERATED else memory_in(file, wanted.country, held.champion.run)
    if not memory:
        return {}, ""
    arrays = {name: np.asarray(value.numpy()) for name, value in memory.items()}
    return memory, keep(wanted.home / ISSUES / OWN_MODELS, encode(Frame(kind="memory", header={}, arrays=arrays)))


def _content(wanted: Wanted, held: Held, issued: Issued, records: Mapping[str, str], own: str) -> Content:
    champion = held.champion
    federated = issued.model == champion.run
    settings = {
        key: getattr(wanted, key)
        for key in ("origin", "largest_age", "late", "provisional", "played", "arm", "sender", "samples", "seed")
    }
    return Content(
        country=wanted.country,
        task=wanted.task,
        origin=_origin(issued),
        as_of=str(issued.as_of),
        sent=issued.sent.astimezone(UTC).isoformat(timespec="microseconds"),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        run=champion.run,
        version=str(champion.version),
        arm=FEDERATED if federated else issued.model.removeprefix(f"{champion.run}-"),
        digests={
            "champion": held.file.digest,
            "model": champion.model,
            OWN: "" if federated else own,
            "code": code_digest(),
        },
        records=dict(records),
        products={},
        forecast="",
        unwritten={},
        settings={
            **settings,
            "cost_loss": issued.cost_loss,
            "software": version("gotong"),
            "to": "" if wanted.to is None else str(wanted.to.resolve()),
        },
        said=(*lines(issued), *_which_arm(issued, champion.run, federated)),
        replaces="" if issued.replaces is None else issued.replaces.identifier,
    )


def _origin(issued: Issued) -> str:
    return str(period_of(issued.windows.origin.max(), issued.panel.step))


def _which_arm(issued: Issued, run: str, federated: bool) -> Iterator[str]:
    if federated:
        yield f"arm federated: the region's own model of run {run}"
    else:
        yield f"arm {issued.model.removeprefix(f'{run}-')}: made in this country's vault for it alone"


def _same(before: Content, now: Content) -> bool:
    """Whether two issues rest on the same, whenever they were made and whoever signed their champion."""

    def key(content: Content) -> dict[str, Any]:
        values = {name: getattr(content, name) for name in ("as_of", "run", "arm")}
        maps = {name: dict(getattr(content, name)) for name in ("digests", "records", "settings")}
        maps["digests"].pop("champion")
        maps["settings"].pop("to")
        return {**values, **maps}

    return key(before) == key(now)


def _forecast(issued: Issued) -> Forecast:
    windows = issued.windows
    return Forecast(
        places=tuple(issued.place(row) for row in range(len(windows))),
        origin=windows.origin,
        due=windows.due,
        values=issued.forecast,
        levels=issued.levels,
    )


@contextmanager
def _in_words_of(folder: Path, copies: Path) -> Iterator[None]:
    """Errors and warnings about copies of the national files name the files that were copied.

    What silences warnings, which the archive does not keep, lies next to the copies too.
    """
    for each in (folder / ACCEPTED, *folder.glob(SYNTHETIC)):
        if each.exists():
            (copies / each.name).symlink_to(each.resolve())

    def renamed(record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().replace(str(copies), str(folder)), ()
        return True

    reader = logging.getLogger(load.__name__)
    reader.addFilter(renamed)
    try:
        yield
    except (DataError, ConfigError) as error:
        raise type(error)(str(error).replace(str(copies), str(folder))) from None
    finally:
        reader.removeFilter(renamed)
