"""The alert that a later one replaces: of the same sender, country, event and area, and no other."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tasks.errors import DataError

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
NAME = re.compile(r"[^\s,<&]+")  # what a sender and an identifier may hold


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """An alert of this program. country: ISO 3166-1 alpha-3. kind: its msgType. places: ids of all its areas."""

    sender: str
    identifier: str
    sent: str
    kind: str
    status: str
    country: str
    events: frozenset[str]
    places: frozenset[str]

    @property
    def reference(self) -> str:
        """How a later alert refers to it."""
        return f"{self.sender},{self.identifier},{self.sent}"


def read_alert(text: str) -> Replaced:
    """The alert in a file. Raises DataError for a text that is no alert of this program."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise DataError(f"is not XML ({error}); give the alert that is replaced") from None

    def said(path: str) -> list[str]:
        return [
            each.text or "" for each in root.iterfind("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/")))
        ]

    names = {name: (said(name) or [""])[0] for name in ("sender", "identifier", "sent", "msgType", "status")}
    parts = names["identifier"].rsplit(".", 3)  # RUN.COUNTRY.ORIGIN.TIME, and a run's name may hold points
    if root.tag != f"{{{NAMESPACE}}}alert" or not all(map(NAME.fullmatch, names.values())) or len(parts) < 4:
        raise DataError("is not a CAP 1.2 alert of gotong forecast; give the alert that is replaced")
    return Replaced(
        sender=names["sender"],
        identifier=names["identifier"],
        sent=names["sent"],
        kind=names["msgType"],
        status=names["status"],
        country=parts[1],
        events=frozenset(said("info/event")),
        places=frozenset(said("info/area/geocode/value")),
    )


def mismatch(old: Replaced, *, sender: str, country: str, event: str, places: Collection[str]) -> str | None:
    """Why an alert cannot replace the old one, or None. places: all that the new one could name."""
    elsewhere = sorted(old.places - set(places))
    if old.sender != sender:
        return f"is an alert of sender {old.sender}, not of {sender}"
    if old.country != country:
        return f"is an alert of {old.country}, not of {country}"
    if old.kind == "Cancel":
        return "is a cancellation, after which nothing is left to replace"
    if old.status != "Exercise":
        return f"has the status {old.status}, and an exercise replaces exercises alone"
    if other := sorted(old.events - {event}):
        return f"is an alert of {', '.join(other)}, not of {event}"
    if elsewhere:
        return f"names {', '.join(elsewhere[:3])}, which is no place of these records"
    return None
