"""The picture of a forecast for a bulletin: the sentence, the places with the largest chance, that it is no alert."""

from pathlib import Path
from textwrap import fill
from typing import Any

from federation.pages.forecast_page import sentence, tenths
from federation.pages.forecast_report import ForecastReport, Outlooks, certainty
from federation.pages.svg import BLUE, GREY, INK, ORANGE, SOFT
from federation.pages.words import Words

MOST, ACROSS = 6, 3  # places, and how many in a row
INCHES, DOTS = (9.0, 2.7), 130  # of a row of places
WIDE, NARROW = "#cfe3f0", "#7fb4d6"  # nine in ten outcomes, half of them
PAST = 18  # periods on record that are drawn


def draw(report: ForecastReport, words: Words, path: Path) -> None:
    """A PNG at path. Raises OSError."""
    from matplotlib import rc_context  # late: a second, for who wants a picture

    with rc_context({"text.parse_math": False}):  # a name of a place may hold any letters
        _draw(report, words, path)


def _draw(report: ForecastReport, words: Words, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    places = report.places[:MOST]
    rows = max(1, -(-len(places) // ACROSS))
    figure = Figure(figsize=(INCHES[0], 1.1 + INCHES[1] * rows), dpi=DOTS, layout="constrained")
    figure.suptitle(fill(sentence(report, words), 84), x=0.01, ha="left", fontsize=13, fontweight="bold")
    grid = figure.subplots(rows, ACROSS, squeeze=False)
    for at, axes in enumerate(grid.flat):
        axes.spines[["top", "right"]].set_visible(False)
        if at < len(places):
            _place(axes, places[at], report, words)
        else:
            axes.set_axis_off()
    figure.supxlabel(_note(report, words), fontsize=8, color=SOFT)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")


def _place(axes: Any, place: Outlooks, report: ForecastReport, words: Words) -> None:
    chance = place.highest.chance if place.highest else None
    kind = words(f"certainty.{certainty(chance, report.act)}")
    said = words("forecast.caption", certainty=kind, chance=tenths(chance, report.act, words))
    axes.set_title(fill(f"{place.name} {said}", 38), fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    if all(step.quantiles for step in place.steps) and place.steps:
        _fan(axes, place, report)
    else:
        _bars(axes, place, report)


def _fan(axes: Any, place: Outlooks, report: ForecastReport) -> None:
    """What was observed, then the forecast, at positions that count periods."""
    periods, seen = place.periods[-PAST:], [float("nan") if value is None else value for value in place.seen[-PAST:]]
    now = len(seen)
    axes.plot(range(now), seen, color=INK, linewidth=1)
    ahead = range(now, now + len(place.steps))
    for low, high, colour in ((0, 4, WIDE), (1, 3, NARROW)):
        ends = [(step.quantiles[low], step.quantiles[high]) for step in place.steps]
        if len(ends) == 1:
            axes.vlines(now, *ends[0], color=colour, linewidth=6)
        axes.fill_between(ahead, *zip(*ends, strict=True), color=colour, linewidth=0)
    axes.plot(ahead, [step.quantiles[2] for step in place.steps], color=BLUE, linewidth=2, marker=".")
    levels = [(at, step.level) for at, step in zip(ahead, place.steps, strict=True) if step.level is not None]
    for at, level in levels:
        axes.hlines(level, at - 0.5, at + 0.5, color=ORANGE, linewidth=2.5)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(report.unit, fontsize=8)
    labels = {0: periods[0] if periods else "", now + len(place.steps) - 1: place.steps[-1].due}
    axes.set_xticks(list(labels), list(labels.values()))


def _bars(axes: Any, place: Outlooks, report: ForecastReport) -> None:
    """Chances by period, of a task that forecasts chances alone."""
    chances = [step.chance or 0.0 for step in place.steps]
    axes.bar(range(len(chances)), chances, color=[ORANGE if each >= report.act else GREY for each in chances])
    axes.axhline(report.act, color=INK, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1)
    axes.set_xticks(range(len(chances)), [step.due for step in place.steps])


def _note(report: ForecastReport, words: Words) -> str:
    """That it is a model's forecast, what it rests on, and how old that is."""
    ages = words(
        "forecast.ages_weeks" if report.step == "week" else "forecast.ages",
        until=words.month(report.records_until),
        records_age=report.records_age,
        model=report.model,
        trained=words.month(report.trained_until),
        model_age=report.model_age,
    )
    return fill(f"{words('forecast.exercise')} {ages} {words('forecast.picture')}", 130)
