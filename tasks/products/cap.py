"""Warnings as the Common Alerting Protocol 1.2: one alert, one block a period and certainty, one area a group.

The status is always Exercise: only an authority decides whether a forecast becomes a warning.

Source: https://docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2-os.html
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from tasks.errors import SettingError
from tasks.products.forecast import Issued, Product, counted
from tasks.products.replaced import NAME, NAMESPACE, mismatch

LIKELY = 0.5  # the standard's own bound: "Likely" is more than about 50 %


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """The event of a warning. category, response, severity: words of the standard."""

    event: str
    category: str
    response: str
    severity: str
    meaning: str
    instruction: str


@dataclass(frozen=True, kw_only=True)
class Warned:
    """A place and period whose probability is high enough. polygon: 'latitude,longitude ...', closed, or none.

    group: places of one group make one area of the alert. code: what `place` is an id of. details: further parameters,
    name -> value.
    """

    place: str
    name: str
    code: str
    group: int
    period: Any
    probability: float
    polygon: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


def alert(issued: Issued, hazard: Hazard, warned: Sequence[Warned], highest: float) -> Product:
    """The alert, or nothing where no place is to be warned; where it replaces one, an update or its cancellation.

    warned: of months that are not over (`Issued.coming`). highest: largest probability of all places in these months,
    NaN where none is known.

    Raises SettingError for a sender that the standard does not allow, a forecast whose months are all over, and an
    alert to replace that is another's.
    """
    _check(issued, hazard)
    if not warned and not issued.replaces:
        return Product(text=None, summary=_no_warning(issued, hazard, highest))
    root = ET.Element("alert", xmlns=NAMESPACE)
    sent = _time(issued.sent)
    stamp = issued.sent.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    head = {
        "identifier": f"{issued.model}.{issued.panel.country}.{issued.origin}.{stamp}",
        "sender": issued.sender,
        "sent": sent,
        "status": "Exercise",
        "msgType": ("Update" if warned else "Cancel") if issued.replaces else "Alert",
        "source": f"model of run {issued.model}",
        "scope": "Restricted",
        "restriction": "participants of the exercise",
        "note": f"Exercise {issued.model}: a model's forecast that no authority has approved."
        + (f" Played as if on {issued.sent:%Y-%m-%d}." if issued.played else ""),
    }
    _fill(root, head | ({"references": issued.replaces.reference} if issued.replaces else {}))
    blocks: dict[tuple[Any, bool], list[Warned]] = {}
    for each in warned:
        blocks.setdefault((each.period, each.probability > LIKELY), []).append(each)
    for (period, likely), members in sorted(blocks.items(), key=lambda item: (item[0][0], not item[0][1])):
        _info(root, issued, hazard, period, likely, members, sent)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode", xml_declaration=False)
    return Product(
        text=f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n',
        summary=_summary(issued, hazard, warned)
        if warned
        else f"{_no_warning(issued, hazard, highest)}; a cancellation",
    )


def _check(issued: Issued, hazard: Hazard) -> None:
    if not NAME.fullmatch(issued.sender):
        raise SettingError(
            f"sender={issued.sender!r} must be a name without spaces and commas, such as met.example.org"
        )
    if not issued.coming.any():
        raise SettingError(
            f"no alert: {issued.windows.due.max()}, the last {issued.panel.step} of this forecast, is over, and an "
            f"alert would have expired before it is sent; give newer records, or for an exercise on old ones "
            f"today=YYYY-MM-DD"
        )
    if issued.replaces is not None and (
        why := mismatch(
            issued.replaces,
            sender=issued.sender,
            country=issued.panel.country,
            event=hazard.event,
            places=issued.panel.places,
        )
    ):
        raise SettingError(f"replaces= {why}; give the alert of the same sender, country, event and area, or none")


def _no_warning(issued: Issued, hazard: Hazard, highest: float) -> str:
    if np.isnan(highest):
        return f"no warning: the records are too short to define a {hazard.event.lower()}"
    return f"no warning: the highest probability is {highest:.2f}, below cost_loss={issued.cost_loss:g}"


def _summary(issued: Issued, hazard: Hazard, warned: Sequence[Warned]) -> str:
    places, periods = len({each.place for each in warned}), len({each.period for each in warned})
    return (
        f"{counted(len(warned), 'warning')} of {hazard.event.lower()} in {counted(places, 'place')} and "
        f"{counted(periods, issued.panel.step)}, from a probability of {issued.cost_loss:g} on"
    )


def _info(
    root: ET.Element,
    issued: Issued,
    hazard: Hazard,
    period: Any,
    likely: bool,
    members: Sequence[Warned],
    sent: str,
) -> None:
    info = ET.SubElement(root, "info")
    words: Mapping[str, str] = {
        "language": "en",
        "category": hazard.category,
        "event": hazard.event,
        "responseType": hazard.response,
        "urgency": "Future",
        "severity": hazard.severity,
        "certainty": "Likely" if likely else "Possible",
        "effective": sent,
        "onset": f"{issued.step.first_day(period)}T00:00:00-00:00",
        "expires": f"{issued.step.last_day(period) + 1}T00:00:00-00:00",
        "senderName": f"{issued.sender} (exercise)",
        "headline": f"Exercise: {hazard.event} in {issued.panel.country}, {_named(issued, period)}",
        "description": f"{hazard.meaning} Forecast from the records up to {issued.origin} for "
        f"{_named(issued, period)}, by a model trained until {issued.trained_until}"
        f"{f', {issued.weather.line}' if issued.weather else ''}; {issued.reporting}. "
        f"Places are named from a probability of {issued.cost_loss:g} on, the cost of acting over the loss it "
        f"prevents.",
        "instruction": hazard.instruction,
    }
    _fill(info, words)
    for each in members:
        _pair(info, "parameter", f"probability {each.place}", f"{each.probability:.2f}")
        for name, value in each.details.items():
            _pair(info, "parameter", name, value)
    for name, value in _ages(issued, {each.place for each in members}).items():
        _pair(info, "parameter", name, value)
    groups: dict[int, list[Warned]] = {}
    for each in members:
        groups.setdefault(each.group, []).append(each)
    for group in groups.values():
        area = ET.SubElement(info, "area")
        _fill(area, {"areaDesc": "; ".join(each.name for each in group)})
        for each in group:
            if each.polygon:
                _fill(area, {"polygon": each.polygon})
        for each in group:
            _pair(area, "geocode", each.code, each.place)


def _named(issued: Issued, period: Any) -> str:
    return str(period) if issued.panel.step == "month" else f"the {issued.panel.step} until {period}"


def _ages(issued: Issued, places: Collection[str]) -> dict[str, str]:
    """Of records and model, and the last record of each place that is behind the others."""
    step = issued.panel.step
    late = {f"records until {place}": last for place, last in issued.late.items() if place in places}
    return {
        "records until": f"{issued.origin}, {counted(issued.age(issued.windows.origin.max()), step)} old",
        "model trained until": f"{issued.trained_until}, {counted(issued.age(issued.trained_until), step)} old",
        **late,
    }


def _fill(parent: ET.Element, words: Mapping[str, str]) -> None:
    for name, text in words.items():
        ET.SubElement(parent, name).text = _printable(text)


def _pair(parent: ET.Element, name: str, key: str, value: str) -> None:
    _fill(ET.SubElement(parent, name), {"valueName": key, "value": value})


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())  # XML has no way to write the others


def _time(when: datetime) -> str:
    """The standard's way: a numeric zone, and -00:00 for UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")
