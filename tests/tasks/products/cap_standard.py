"""The Common Alerting Protocol 1.2 as a check, written from the text of the standard and not from what we write.

Source: https://docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2-os.html, sections 3.2 and 3.3
"""

import re
from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree as ET

SPACE = "{urn:oasis:names:tc:emergency:cap:1.2}"
MANY = 10**6
Table = dict[str, tuple[int, int]]  # name -> fewest, most; in the order of the standard
ALERT: Table = {
    "identifier": (1, 1),
    "sender": (1, 1),
    "sent": (1, 1),
    "status": (1, 1),
    "msgType": (1, 1),
    "source": (0, 1),
    "scope": (1, 1),
    "restriction": (0, 1),
    "addresses": (0, 1),
    "code": (0, MANY),
    "note": (0, 1),
    "references": (0, 1),
    "incidents": (0, 1),
    "info": (0, MANY),
}
INFO: Table = {
    "language": (0, 1),
    "category": (1, MANY),
    "event": (1, 1),
    "responseType": (0, MANY),
    "urgency": (1, 1),
    "severity": (1, 1),
    "certainty": (1, 1),
    "audience": (0, 1),
    "eventCode": (0, MANY),
    "effective": (0, 1),
    "onset": (0, 1),
    "expires": (0, 1),
    "senderName": (0, 1),
    "headline": (0, 1),
    "description": (0, 1),
    "instruction": (0, 1),
    "web": (0, 1),
    "contact": (0, 1),
    "parameter": (0, MANY),
    "resource": (0, MANY),
    "area": (0, MANY),
}
AREA: Table = {
    "areaDesc": (1, 1),
    "polygon": (0, MANY),
    "circle": (0, MANY),
    "geocode": (0, MANY),
    "altitude": (0, 1),
    "ceiling": (0, 1),
}
PAIR: Table = {"valueName": (1, 1), "value": (1, 1)}
CHILDREN = {"alert": ALERT, "info": INFO, "area": AREA, "parameter": PAIR, "geocode": PAIR, "eventCode": PAIR}
WORDS = {
    "status": "Actual Exercise System Test Draft",
    "msgType": "Alert Update Cancel Ack Error",
    "scope": "Public Restricted Private",
    "category": "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other",
    "responseType": "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None",
    "urgency": "Immediate Expected Future Past Unknown",
    "severity": "Extreme Severe Moderate Minor Unknown",
    "certainty": "Observed Likely Possible Unlikely Unknown",
}
TIMES = ("sent", "effective", "onset", "expires")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
NAME = re.compile(r"[^\s,<&]+")


def problems(text: str) -> list[str]:
    """What the standard finds wrong with an alert; nothing, if it is one."""
    return list(_of(ET.fromstring(text)))


def _of(alert: ET.Element) -> Iterator[str]:
    if alert.tag != f"{SPACE}alert":
        yield f"the root is {alert.tag}"
        return
    yield from _structure(alert)
    said = {each: alert.findtext(f"{SPACE}{each}", "") for each in ALERT}
    for name in ("identifier", "sender"):
        if not NAME.fullmatch(said[name]):
            yield f"{name} {said[name]!r} holds what it must not"
    if (said["scope"] == "Restricted") != bool(said["restriction"]):
        yield "a restriction goes with the scope Restricted, and with no other"
    if said["msgType"] in ("Update", "Cancel", "Ack", "Error") and not said["references"]:
        yield f"{said['msgType']} refers to nothing"
    for reference in said["references"].split():
        if len(reference.split(",")) != 3 or not TIME.fullmatch(reference.split(",")[2]):
            yield f"reference {reference} is not sender,identifier,sent"


def _structure(element: ET.Element) -> Iterator[str]:
    name = element.tag.removeprefix(SPACE)
    if name not in CHILDREN:
        yield from _value(name, element)
        return
    names = [child.tag.removeprefix(SPACE) for child in element]
    table = CHILDREN[name]
    order = list(table)
    for child in names:
        if child not in table:
            yield f"{name} holds {child}"
    known = [order.index(child) for child in names if child in table]
    if known != sorted(known):
        yield f"{name} has its parts in another order"
    for child, (fewest, most) in table.items():
        if not fewest <= names.count(child) <= most:
            yield f"{name} has {names.count(child)} of {child}"
    for each in element:
        yield from _structure(each)


def _value(name: str, element: ET.Element) -> Iterator[str]:
    text = element.text or ""
    if len(element) or not text.strip():
        yield f"{name} holds no text"
    if name in WORDS and text not in WORDS[name].split():
        yield f"{name} is {text}"
    if name in TIMES and not (TIME.fullmatch(text) and datetime.fromisoformat(text)):
        yield f"{name} is {text}"
    if name == "polygon":
        yield from _polygon(text)


def _polygon(text: str) -> Iterator[str]:
    points = [tuple(map(float, point.split(","))) for point in text.split(" ")]
    if len(points) < 4 or points[0] != points[-1]:
        yield "a polygon is not closed"
    if any(len(point) != 2 or not (-90 <= point[0] <= 90 and -180 <= point[1] <= 180) for point in points):
        yield "a polygon's points are not latitude,longitude"
