"""What a product rests on: printed, and as JSON in a file of its own, because the formats have fixed columns."""

import json
from collections.abc import Iterator, Mapping

from tasks.products.forecast import Issued, counted

NAMED = 5  # places that a line names


def sidecar(issued: Issued, form: str) -> str:
    """The ages of model and records, and which places are late or left out, as JSON."""
    windows = issued.windows
    content = {
        "country": issued.panel.country,
        "format": form,
        "run": issued.model,
        "sent": issued.sent.isoformat(timespec="seconds"),
        "as_of": str(issued.as_of),
        "records_until": issued.origin,
        f"records_age_{issued.panel.step}s": issued.age(windows.origin.max()),
        "model_trained_until": str(issued.trained_until),
        f"model_age_{issued.panel.step}s": issued.age(issued.trained_until),
        "model_chosen_until": str(issued.chosen_until),
        "places": {issued.place(row): str(windows.origin[row]) for row in range(len(windows))},
        f"reporting_delay_{issued.panel.step}s": None if issued.delay is None else issued.delay.months_of_country,
        "reporting_delay": issued.reporting,
        "provisional": issued.provisional,
        **({} if issued.weather is None else {"weather": issued.weather.line, "weather_file": issued.weather.file}),
        "late": issued.late,
        "left_out": dict(issued.left_out),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def lines(issued: Issued) -> Iterator[str]:
    """What was forecast for whom and from what, who is late, and who is left out."""
    windows, last = issued.windows, issued.windows.origin.max()
    yield (
        f"{issued.panel.country}: {counted(len(windows), 'place')}, from records until {issued.origin}, until "
        f"{windows.due.max()}"
    )
    yield (
        f"as of the end of {issued.as_of}: records {counted(max(issued.age(last), 0), issued.panel.step)} old, model "
        f"of run {issued.model} trained until {issued.trained_until}, {_age_of_model(issued)}"
    )
    if issued.weather is not None:
        yield f"{issued.weather.line}, {issued.weather.file}"
    yield issued.reporting
    if issued.late:
        yield f"late, forecast from their own last period: {_named(issued.late)}"
    if issued.left_out:
        yield f"no forecast for {counted(len(issued.left_out), 'place')}: {_named(issued.left_out)}"


def _age_of_model(issued: Issued) -> str:
    age = issued.age(issued.trained_until)
    if age < 0:
        return "after that: it has learnt from what it forecasts here"
    said = f"{counted(age, issued.panel.step)} before"
    if issued.age(issued.chosen_until) < 0:
        return f"{said}; what was chosen until {issued.chosen_until} has seen what it forecasts here"
    return said


def _named(places: Mapping[str, str]) -> str:
    shown = [f"{place} ({why})" for place, why in list(places.items())[:NAMED]]
    return ", ".join(shown) + (" ..." if len(places) > NAMED else "")
