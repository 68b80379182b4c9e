"""What a country issued, as it was: an archive at its node that grows and never changes.

HOME/issues/TASK/ORIGIN/N/          one issue; N = 1, 2 ... are re-issues for the same month
  issue.json                        what it rests on, with the digests of everything; read-only, like all files here
  forecast.gotong                   the forecast of every place
  *.csv, *.xml                      the products
  page.html, page.json              the page of the forecast, for the country alone; no product
  decisions/0001.json ...           what was decided about it, by whom and when, one file a decision
HOME/issues/records/SHA256          national files, models and own models, each kept once by its digest
HOME/issues/champions/SHA256
HOME/issues/own_models/SHA256

An issue is written into a folder of another name, made durable and renamed: it is there whole, or not at all.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np

from federation.errors import ArchiveError, ConfigError, PackError, WireError
from federation.issuing.files import keep, kept, sync, verified, write_read_only
from federation.pack.canonical import canonical, parse
from federation.wire.frame import Frame, decode, encode
from tasks.data import Array
from tasks.files.locking import lock

ISSUES, RECORDS, CHAMPIONS, OWN_MODELS = "issues", "records", "champions", "own_models"
OWN = "own"  # among the digests: of what the vault knew of the run
HEAD, FORECAST, DECISIONS = "issue.json", "forecast.gotong", "decisions"
DRAFT, APPROVED, HELD, RELEASED = "draft", "approved", "held", "released"
APPROVE, HOLD, ANNOTATE, RELEASE = "approve", "hold", "annotate", "release"
STATES = {
    APPROVE: APPROVED,
    HOLD: HELD,
    RELEASE: RELEASED,
}  # decision -> the state it leaves; a note leaves it as it is
FROM = {
    APPROVE: (DRAFT, HELD),
    HOLD: (DRAFT, APPROVED),
    RELEASE: (APPROVED,),
}  # decision -> states in which it is taken


@dataclass(frozen=True, kw_only=True)
class Content:
    """What an issue is, written once.

    origin, as_of: YYYY-MM, or of weeks and days YYYY-MM-DD, the last period on record and the one at
    whose end it was made. sent: the time in the
    products, made_at: by the clock; both UTC, ISO 8601, and the same but in exercises on old records.
    run, version, arm: whose model, the number of its champion file ("" where it had none), and which arm.
    digests: `champion` (its file), `model` (its weights), `own` (what the vault knew of the run; "" for the federated
    arm), `code`. records: national file -> digest. products: file in the issue's folder -> digest. forecast: digest.
    unwritten: format -> why it is not among the products. settings: what the forecaster chose. said: lines for her.
    pages: file -> digest, of the page of the forecast; it shows the country's own records, and is never handed on.
    replaces: identifier of the alert that its alert replaces, "" for none. nonce: random, so that the digest of
    issue.json, which is handed on, tells nothing of the records; "" before it was written.
    """

    country: str
    task: str
    origin: str
    as_of: str
    sent: str
    made_at: str
    run: str
    version: str
    arm: str
    digests: Mapping[str, str]
    records: Mapping[str, str]
    products: Mapping[str, str]
    forecast: str
    unwritten: Mapping[str, str]
    settings: Mapping[str, Any]
    said: tuple[str, ...]
    pages: Mapping[str, str] = field(default_factory=dict)
    replaces: str = ""
    nonce: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """do: approve | hold | annotate | release. at: UTC, ISO 8601.

    issue: digest of the issue.json that it is about. before: of the decision before it, "" for the first.
    """

    do: str
    by: str
    at: str
    reason: str
    issue: str
    before: str


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One issue in the archive. digest: of its issue.json."""

    folder: Path
    number: int
    digest: str
    content: Content
    decisions: tuple[Decision, ...]

    @property
    def name(self) -> str:
        """TASK/ORIGIN/N."""
        return f"{self.content.task}/{self.content.origin}/{self.number}"

    @property
    def home(self) -> Path:
        """Of the node."""
        return self.folder.parents[3]

    @property
    def state(self) -> str:
        """draft, approved, held or released."""
        states = [STATES[each.do] for each in self.decisions if each.do in STATES]
        return states[-1] if states else DRAFT


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """places: (N,) ids. origin: (N,), due: (N, H), months or dates. values: (N, H, K) in natural units.

    levels: (K,) quantile levels, or () where K = 1 is a probability.
    """

    places: tuple[str, ...]
    origin: Array
    due: Array
    values: Array
    levels: tuple[float, ...]


def issues(home: Path, task: str | None = None, origin: str | None = None) -> list[Issue]:
    """Every issue of a node, by task, origin and number. Raises ArchiveError as `read` does."""
    found = [
        (path.parent.parent.name, path.parent.name, int(path.name), path)
        for path in (home / ISSUES).glob(f"{task or '*'}/{origin or '*'}/*")
        if path.name.isdecimal()
    ]
    return [read(path) for *_, path in sorted(found)]


def issue_of(home: Path, name: str) -> Issue:
    """The issue TASK/ORIGIN/N. Raises ConfigError, naming those there are, ArchiveError as `read` does."""
    parts = name.split("/")
    if len(parts) == 3 and parts[2].isdecimal() and all(part and not part.startswith(".") for part in parts):
        folder = home / ISSUES / name
        if folder.is_dir():
            return read(folder)
    there = ", ".join(each.name for each in issues(home)[-5:])
    raise ConfigError(f"no issue {name!r} in {home / ISSUES}; {f'the last are {there}' if there else 'there is none'}")


def read(folder: Path) -> Issue:
    """An issue from its folder. Raises ArchiveError where a file of it is missing or was changed."""
    raw = _bytes(folder / HEAD)
    content = _content(folder / HEAD, raw)
    digest = sha256(raw).hexdigest()
    return Issue(
        folder=folder, number=int(folder.name), digest=digest, content=content, decisions=_decisions(folder, digest)
    )


def write(
    home: Path,
    content: Content,
    forecast: Forecast,
    products: Mapping[str, bytes],
    pages: Mapping[str, bytes] = MappingProxyType({}),
) -> Issue:
    """Archive a new issue, numbered after those of its origin. products, pages: file name -> bytes.

    Call it in `locked`. digests of forecast, products and pages are set here. Raises OSError where the disk refuses.
    """
    origin = home / ISSUES / content.task / content.origin
    origin.mkdir(parents=True, exist_ok=True)
    numbers = [int(path.name) for path in origin.iterdir() if path.name.isdecimal()]
    folder = origin / str(max(numbers, default=0) + 1)
    temp_path = origin / f".{folder.name}.new"  # of one that was killed, too: nobody else is in `locked`
    shutil.rmtree(temp_path, ignore_errors=True)
    (temp_path / DECISIONS).mkdir(parents=True)
    files = {**products, **pages, FORECAST: _packed(forecast)}
    digests = {name: sha256(each).hexdigest() for name, each in files.items()}
    values = asdict(content) | {"forecast": digests.pop(FORECAST), "nonce": token_hex(32)}
    values["pages"] = {name: digests.pop(name) for name in pages}
    values["products"] = digests
    for name, each in (*files.items(), (HEAD, canonical(values))):
        write_read_only(temp_path / name, each)
    temp_path.rename(folder)
    for path in (origin, origin.parent, home / ISSUES):
        sync(path)
    return read(folder)


def decide(issue: Issue, do: str, *, by: str, reason: str = "", at: datetime | None = None) -> Issue:
    """Note a decision and return the issue with it; one that was noted already is not noted again.

    Call it in `locked`. Raises ConfigError for a decision that the issue's state does not allow.
    """
    issue = read(issue.folder)
    if do in STATES and issue.state == STATES[do]:
        return issue
    if do in FROM and issue.state not in FROM[do]:
        raise ConfigError(f"issue={issue.name} is {issue.state}, and {do} takes one that is {' or '.join(FROM[do])}")
    moment = (at or datetime.now(UTC)).isoformat(timespec="seconds")
    before = _decision_digest(issue.decisions[-1]) if issue.decisions else ""
    decision = Decision(do=do, by=by, at=moment, reason=reason, issue=issue.digest, before=before)
    write_read_only(issue.folder / DECISIONS / f"{len(issue.decisions) + 1:04d}.json", canonical(asdict(decision)))
    return read(issue.folder)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """One process at a time writes into a node's archive; others wait.

    Raises ConfigError where this user may not write there.
    """
    folder = home / ISSUES
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / ".lock").open("w") as file:
            lock(file)
            yield
    except PermissionError as error:
        raise ConfigError(
            f"{error.filename}: {error.strerror}; run it as the vault's user, who owns {folder}"
        ) from None


def forecast_of(issue: Issue) -> Forecast:
    """The forecast itself. Raises ArchiveError where it was changed."""
    path = issue.folder / FORECAST
    try:
        frame = decode(verified(path, issue.content.forecast, "the forecast"))
    except WireError as error:
        raise ArchiveError(f"{path}: {error}") from None
    unit = frame.header.get("unit", "M")
    return Forecast(
        places=tuple(frame.header["places"]),
        origin=frame.arrays["origin"].astype(f"datetime64[{unit}]"),
        due=frame.arrays["due"].astype(f"datetime64[{unit}]"),
        values=frame.arrays["values"].copy(),
        levels=tuple(frame.header["levels"]),
    )


def product_of(issue: Issue, name: str) -> bytes:
    """A product's bytes by the name of its file. Raises ArchiveError where it was changed."""
    return verified(issue.folder / name, issue.content.products[name], "the product")


def page_of(issue: Issue, name: str) -> bytes:
    """A file of the page. Raises ConfigError where the issue has none, ArchiveError where it was changed."""
    if name not in issue.content.pages:
        raise ConfigError(f"issue={issue.name} was archived without a page: {name}")
    return verified(issue.folder / name, issue.content.pages[name], "the page")


def keep_records(home: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """Keep copies of national files; name -> digest. Raises OSError."""
    return {name: keep(home / ISSUES / RECORDS, path.read_bytes()) for name, path in sorted(files.items())}


@contextmanager
def records_of(issue: Issue) -> Iterator[Path]:
    """A folder with the country's national files as the issue read them, which is gone after the block.

    Raises ArchiveError where one is missing or was changed.
    """
    with records_folder(issue.home, issue.content.records) as folder:
        yield folder


@contextmanager
def records_folder(home: Path, records: Mapping[str, str]) -> Iterator[Path]:
    """The same of any kept files, name -> digest."""
    with TemporaryDirectory(prefix="gotong-records-") as scratch:
        for name, digest in records.items():
            content = kept(home / ISSUES / RECORDS, digest, "the national file")
            (Path(scratch) / Path(name).name).write_bytes(content)
        yield Path(scratch)


def _packed(forecast: Forecast) -> bytes:
    header: dict[str, Any] = {"places": list(forecast.places), "levels": list(forecast.levels)}
    unit = np.datetime_data(forecast.due.dtype)[0]
    if unit != "M":
        header["unit"] = unit
    periods = {name: getattr(forecast, name).astype(np.int64) for name in ("origin", "due")}
    values = np.asarray(forecast.values, np.float64)
    return encode(Frame(kind="forecast", header=header, arrays={**periods, "values": values}))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror}; restore it from a backup") from None


def _content(path: Path, raw: bytes) -> Content:
    try:
        values = parse(raw)
        content = Content(**{**values, "said": tuple(values["said"])})
        for at in (content.sent, content.made_at):
            datetime.fromisoformat(at).astimezone(UTC)
        for maps in (content.digests, content.records, content.products, content.pages, content.settings):
            maps.keys()
        return content
    except (PackError, TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        raise ArchiveError(f"{path} is not as it was written ({error}); restore it from a backup") from None


def _decisions(folder: Path, issue: str) -> tuple[Decision, ...]:
    decisions: list[Decision] = []
    for number, path in enumerate(sorted((folder / DECISIONS).glob("[0-9]*.json")), start=1):
        try:
            decision = Decision(**parse(_bytes(path)))
        except (PackError, TypeError) as error:
            raise ArchiveError(f"{path} is not as it was written ({error}); restore it from a backup") from None
        before = _decision_digest(decisions[-1]) if decisions else ""
        expected = (f"{number:04d}.json", issue, before)
        if (path.name, decision.issue, decision.before) != expected or decision.do not in (*STATES, ANNOTATE):
            raise ArchiveError(f"{path} does not follow what is here before it; restore it from a backup")
        decisions.append(decision)
    return tuple(decisions)


def _decision_digest(decision: Decision) -> str:
    return sha256(canonical(asdict(decision))).hexdigest()
