"""The champion that a node holds: which file it takes, and when it keeps the one before.

A node takes a file that its coordinator signed, of the region and task that it holds, signed later than the one it
holds, and of a later version unless the file says that the held version was taken back. So neither a carrier who plays
an old file again nor a stranger changes what a country forecasts with. A country that the file names in `keep` keeps
what it holds. What was taken is verified again at every use: its digest, its signature, and the list of revoked keys.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from federation.deployment import certificates
from federation.deployment.enrolment import COURIER_KEY, VAULT_KEY
from federation.deployment.revocation import FILE as REVOKED
from federation.deployment.revocation import RevokedKeys, read_list
from federation.errors import ChampionError, GotongError, one_line
from federation.issuing.archive import CHAMPIONS, ISSUES
from federation.issuing.champion_file import SUFFIX, Champion, ChampionFile, opened, read
from federation.issuing.files import keep, kept
from federation.pack.canonical import read_bounded
from tasks.files.atomic import write_atomically

HELD, DELIVERED = "held", "delivered"
MOST_DELIVERED = 16  # files that are looked at
ASKED = "asked.json"  # of the courier, in DELIVERED: when it last asked the coordinator


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose signature a node believes; `authority` None: in a simulation, whose champions nobody signs."""

    authority: x509.Certificate | None
    revoked: RevokedKeys | None


@dataclass(frozen=True, kw_only=True)
class Held:
    """A champion's file that was taken, and when (UTC). said: lines for the forecaster."""

    file: ChampionFile
    taken_at: datetime
    said: tuple[str, ...] = ()

    @property
    def champion(self) -> Champion:
        return self.file.champion


def trust_of(home: Path, ca: Path | None) -> Trust:
    """Of a node. ca: the certificate of its coordinator's authority; None: ca.pem in its home.

    Raises ChampionError for a deployed node without one.
    """
    path = home / "ca.pem" if ca is None else ca
    deployed = (home / "courier" / COURIER_KEY).exists() or (home / "vault" / VAULT_KEY).exists()
    if not path.exists() and (deployed or ca is not None):
        raise ChampionError(f"{path} is not there, so nobody's champion can be verified; give ca=FILE")
    if not path.exists():
        return Trust(authority=None, revoked=None)
    authority = certificates.certificate_of(path)
    return Trust(authority=authority, revoked=read_list(path.with_name(REVOKED), authority))


def champion_for(
    home: Path, task: str, country: str, *, trust: Trust, given: Path | None, delivered: Path, now: datetime
) -> Held:
    """The champion to forecast with: the one given or delivered where it may be taken, else the one held.

    given: a file that a person named, whose faults are errors; those of a delivered one are said, and the held champion
    is used. now: UTC, by the clock. Call it in `archive.locked`. Raises ChampionError.
    """
    held = _held(home, task, trust)
    if given is not None:
        return _saying(_taken(home, given, held, task, country, trust, now), now)
    said = []
    for path in sorted(delivered.glob(f"*{SUFFIX}"))[:MOST_DELIVERED]:
        try:
            if trust.authority is None:
                raise ChampionError(f"{path}: without a ca.pem it cannot be verified; give ca=FILE")
            if read(path).champion.task == task:
                held = _taken(home, path, held, task, country, trust, now)
        except GotongError as error:
            said.append(f"not taken: {one_line(error)}")
    if held is None:
        why = f" ({said[0]})" if said else ""
        raise ChampionError(
            f"{home} holds no champion of task {task}, and none was delivered to {delivered}{why}; give champion=FILE"
        )
    return _saying(held, now, *said, _asked(delivered, now))


def _saying(held: Held, now: datetime, *said: str) -> Held:
    """With the lines for the forecaster: which champion it is and how old, and what else there is to say."""
    champion, decided = held.champion, datetime.fromisoformat(held.champion.decided_at).astimezone(UTC)
    line = (
        f"champion of {champion.region}: version {champion.version}, run {champion.run}, decided {decided:%Y-%m-%d}, "
        f"{max((now - decided).days, 0)} days ago"
    )
    return Held(file=held.file, taken_at=held.taken_at, said=(line, *held.said, *said))


def _taken(home: Path, path: Path, held: Held | None, task: str, country: str, trust: Trust, now: datetime) -> Held:
    """The champion to use after a file was looked at: its own, or the held one. Raises ChampionError."""
    file = read(path)
    if held is not None and file.digest == held.file.digest:
        return held
    try:
        _verify(file, trust, now)
        _check_place(file.champion, held, task, now)
        if country in file.champion.keep:
            return _kept(file.champion, held, country)
        _check_order(file.champion, held)
    except GotongError as error:
        raise ChampionError(f"{path}: {error}") from None
    keep(home / ISSUES / CHAMPIONS, file.content)
    pointer = {"digest": file.digest, "taken_at": now.isoformat(timespec="seconds")}
    write_atomically(_pointer(home, task), json.dumps(pointer).encode())
    return Held(file=file, taken_at=now)


def _held(home: Path, task: str, trust: Trust) -> Held | None:
    """What was taken before, verified again as of then. Raises ChampionError or ArchiveError."""
    pointer = _pointer(home, task)
    if not pointer.exists():
        return None
    try:
        values = json.loads(pointer.read_bytes())
        digest, taken_at = str(values["digest"]), datetime.fromisoformat(values["taken_at"])
    except (ValueError, TypeError, KeyError) as error:
        raise ChampionError(f"{pointer} is damaged ({error}); remove it, and give champion=FILE") from None
    file = opened(kept(home / ISSUES / CHAMPIONS, digest, "the champion"))
    try:
        _verify(file, trust, taken_at)
    except GotongError as error:
        raise ChampionError(f"the champion that {pointer} names: {error}") from None
    return Held(file=file, taken_at=taken_at)


def _verify(file: ChampionFile, trust: Trust, at: datetime) -> None:
    if trust.authority is not None:
        file.verify(trust.authority, trust.revoked, at)
    elif file.is_signed:
        raise ChampionError("it is signed, and there is no ca.pem to verify it with; give ca=FILE")


def _check_place(champion: Champion, held: Held | None, task: str, now: datetime) -> None:
    """Raise ChampionError for a champion of another task or region, or one of the future."""
    if champion.task != task:
        raise ChampionError(f"it is a champion of task {champion.task}, not of {task}")
    if held is not None and champion.region != held.champion.region:
        raise ChampionError(f"it is a champion of {champion.region}, and this node holds one of {held.champion.region}")
    if datetime.fromisoformat(champion.signed_at).astimezone(UTC) > now + certificates.CLOCK:
        raise ChampionError(f"it was signed on {champion.signed_at[:10]}, which lies ahead; set the clock")


def _check_order(champion: Champion, held: Held | None) -> None:
    """Raise ChampionError for one that is older than the held one, or was taken back."""
    if held is None:
        return
    before = held.champion
    if datetime.fromisoformat(champion.signed_at) <= datetime.fromisoformat(before.signed_at):
        raise ChampionError(
            f"version {champion.version} was signed {champion.signed_at[:16]}, before the file that this node holds "
            f"({before.signed_at[:16]}); an old file was sent again, ask the coordinator for the newest"
        )
    if champion.version < before.version and before.version not in champion.rolled_back:
        raise ChampionError(
            f"version {champion.version} is older than version {before.version}, which this node holds, and the file "
            f"does not say that it was taken back; the coordinator runs `gotong champion rollback` and exports again"
        )


def _kept(champion: Champion, held: Held | None, country: str) -> Held:
    if held is None:
        raise ChampionError(
            f"{country} keeps the champion before version {champion.version}, and this node holds none; let the "
            f"coordinator write that one: gotong champion export alias=previous"
        )
    said = f"{country} keeps version {held.champion.version}: version {champion.version} is worse for it for certain"
    return Held(file=held.file, taken_at=held.taken_at, said=(said,))


def _asked(delivered: Path, now: datetime) -> str:
    """Whether the coordinator was reached of late, by the word of the courier."""
    try:
        at = datetime.fromisoformat(json.loads(_regular(delivered / ASKED, 1000))["at"]).astimezone(UTC)
    except (GotongError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return "offline: no courier has asked the coordinator for a newer champion; this is the one that is held here"
    days = (now - at).days
    if days >= 2:
        return f"offline: the coordinator was last asked for a newer champion on {at:%Y-%m-%d}, {days} days ago"
    return f"the coordinator was asked for a newer champion on {at:%Y-%m-%d}"


def _regular(path: Path, most: int) -> bytes:
    """The bytes of a file that the courier wrote. Raises ChampionError for a pipe, which would be waited for."""
    if not path.is_file():
        raise ChampionError(f"{path} is not there, or no file")
    return read_bounded(path, most)


def _pointer(home: Path, task: str) -> Path:
    return home / ISSUES / HELD / f"{task}.json"
