"""Who may hold how many connections to the gateway, by address and by class.

A connection is a stranger's until a call on it has succeeded, which takes an enrolled node's key; from then on it is a
member's. The two classes have places of their own, so strangers cannot take a member's. A class that is full makes room
for a newcomer at the expense of the address that holds most: who opens thousands of connections only replaces his own.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from math import inf
from socket import SHUT_RDWR, socket
from time import monotonic

from federation.settings.checks import within

STRANGERS_SECONDS = 30.0  # in which a call of a new connection must succeed
IDLE = 75.0  # seconds between two requests of a member
CONFIRMED = 30.0  # seconds after a node's call in which it is served files of the gateway's own
MINUTE = 60.0
KNOWN = 4096  # addresses of members that are remembered
SUCCESS, REFUSED = 200, (401, 412)  # HTTP status of a call of an enrolled node, and of a key that is unknown
HIGHEST_CONNECTIONS = 10_000


@dataclass
class Limits:
    """What the gateway holds at most. Not frozen: Hydra merges it. Strangers and members each have their places.

    strangers, members: connections. per_address: connections of strangers from one address (IPv6: one /64 network); of
    members it is four times as many. per_minute: new connections from one address. bodies: MiB of large request bodies
    that are being received, all together; one address may hold a quarter.
    """

    strangers: int = 128
    members: int = 256
    per_address: int = 16
    per_minute: int = 240
    bodies: int = 64

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        for name, low in (("strangers", 8), ("members", 8), ("per_address", 1), ("per_minute", 1), ("bodies", 64)):
            within(f"limits.{name}", getattr(self, name), low, HIGHEST_CONNECTIONS)


@dataclass(eq=False, kw_only=True)
class Connection:
    """One connection. used: when its last request arrived or was replied to. busy: a request is being served.

    confirmed: when a call on it last succeeded.
    """

    line: socket
    address: str
    opened: float
    used: float
    member: bool = False
    busy: bool = False
    confirmed: float = -inf

    @property
    def is_enrolled_node(self) -> bool:
        """Whether an enrolled key was used on it within the last seconds: a member whose key was revoked loses that."""
        return self.member and monotonic() - self.confirmed <= CONFIRMED

    @contextmanager
    def serving(self) -> Iterator[None]:
        """While a request on it is served."""
        self.busy, self.used = True, monotonic()
        try:
            yield
        finally:
            self.busy, self.used = False, monotonic()

    def close(self) -> None:
        """End it, whatever it is in the middle of; its protocol sees that the peer is gone."""
        with suppress(OSError):
            self.line.shutdown(SHUT_RDWR)


@dataclass
class Connections:
    """All open connections."""

    limits: Limits
    _open: dict[tuple[str, int], Connection] = field(default_factory=dict)
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict)  # addresses of members, the latest last
    _recent: Counter[str] = field(default_factory=Counter)  # new connections by address in this minute
    _minute: float = 0.0

    def admit(self, line: socket, peer: tuple[str, int]) -> Connection | None:
        """A new connection, for which another may have been closed; None if its address opens too many a minute."""
        address, now = group(peer[0]), monotonic()
        if now - self._minute >= MINUTE:
            self._minute, self._recent = now, Counter()
        self._recent[address] += 1
        if self._recent[address] > self.limits.per_minute:
            return None
        self._make_room(address, member=False, places=self.limits.strangers, each=self.limits.per_address)
        connection = Connection(line=line, address=address, opened=now, used=now)
        self._open[peer] = connection
        return connection

    def of(self, peer: tuple[str, int]) -> Connection | None:
        """The connection of this peer, unless it has just been closed."""
        return self._open.get(peer)

    def forget(self, peer: tuple[str, int], connection: Connection) -> None:
        """It has ended."""
        if self._open.get(peer) is connection:
            del self._open[peer]

    def learn(self, connection: Connection, status: int) -> None:
        """From the SuperLink's reply to a node's call whether the connection is a member's."""
        if status in REFUSED:  # its key was revoked
            connection.member = False
        elif status == SUCCESS:
            connection.confirmed = monotonic()
            self._known[connection.address] = None
            self._known.move_to_end(connection.address)
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
            if not connection.member:
                each = 4 * self.limits.per_address
                self._make_room(connection.address, member=True, places=self.limits.members, each=each)
                connection.member = True

    def knows(self, connection: Connection) -> bool:
        """Whether a member called from its address before."""
        return connection.member or connection.address in self._known

    def close_overdue(self) -> None:
        """Close strangers that had their time, and members that have been silent for long."""
        now = monotonic()
        for each in self._open.values():
            silent = not each.busy and now - each.used > IDLE
            if silent if each.member else now - each.opened > STRANGERS_SECONDS:
                each.close()

    def counts(self) -> tuple[int, int]:
        """Strangers and members."""
        members = sum(each.member for each in self._open.values())
        return len(self._open) - members, members

    def _make_room(self, address: str, *, member: bool, places: int, each: int) -> None:
        """Close one connection of a class if it is full, or if the address holds all that it may."""
        rivals = {peer: line for peer, line in self._open.items() if line.member is member}
        by_address = Counter(line.address for line in rivals.values())
        if by_address[address] >= each:
            rivals = {peer: line for peer, line in rivals.items() if line.address == address}
        elif len(rivals) < places:
            return
        loser = max(rivals, key=lambda peer: self._weight(rivals[peer], by_address))
        self._open.pop(loser).close()

    def _weight(self, connection: Connection, by_address: Counter[str]) -> tuple[bool, int, float]:
        """The larger, the sooner it is closed: those of unknown addresses, of addresses that have many, the oldest."""
        since = connection.used if connection.member else connection.opened
        return connection.address not in self._known, by_address[connection.address], -since


def group(host: str) -> str:
    """An address as it is counted: IPv6 by its /64 network, of which one line has all."""
    address = ip_address(host.partition("%")[0])
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))


def files_needed(limits: Limits) -> int:
    """File descriptors: one a connection, one to the SuperLink for each, and some for the process itself."""
    return 2 * (limits.strangers + limits.members) + 64


def fitting(limits: Limits, files: int) -> Limits:
    """These limits, or smaller ones of the same proportion for which so many file descriptors suffice."""
    share = min(1.0, (files - 64) / (files_needed(limits) - 64))
    return Limits(**{**vars(limits), **{name: int(share * getattr(limits, name)) for name in ("strangers", "members")}})
