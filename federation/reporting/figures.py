"""The pictures of a run: scores with their intervals, and how reliable probabilities were. PNG files."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from federation.reporting.rows import Better, Point, Row
from federation.reporting.score_table import FEDERATED, LOCAL, PERFECT, arms, countries, direction_hint, headline_rows

# Okabe and Ito (2008), distinct with colour-vision deficiency too: https://jfly.uni-koeln.de/color/
COLOURS = ("#999999", "#56B4E9", "#E69F00", "#CC79A7", "#F0E442")
MARKERS = "sDv^<"
OWN = {  # colour and shape of arms that are no baselines
    LOCAL: ("#0072B2", "o"),
    FEDERATED: ("#D55E00", "X"),
    "personalised": ("#009E73", "P"),
    "local_adapted": ("#0072B2", "h"),
    "local_pair": ("#0072B2", "8"),
    "adapted": ("#D55E00", "D"),
    "issued": ("#009E73", "D"),
    "pooled": ("#000000", "p"),
    PERFECT: ("#BBBBBB", "*"),
}


def draw_scores(rows: Sequence[Row], path: Path, *, headline: str, title: str, better: Better = "smaller") -> None:
    """A PNG at path: a band a country, a dot an arm, a bar its 95 % interval. Raises OSError."""
    scores = headline_rows(rows, headline)
    names, places = arms(scores), countries(scores)
    figure = Figure(figsize=(8, 1.6 + 0.11 * len(places) * (len(names) + 2)), layout="constrained")
    axes = figure.add_subplot()
    for index, name in enumerate(names):
        offset = (index - (len(names) - 1) / 2) / (len(names) + 1.5)
        _draw_arm(axes, [row for row in scores if row.arm == name], places, offset, _look(name, index))
    for edge in range(1, len(places)):
        axes.axhline(edge - 0.5, color="#DDDDDD", linewidth=0.8)
    axes.set_yticks(range(len(places)), places)
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_xlabel(f"{headline} with 95 % interval, {direction_hint(better)}")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")


def _draw_arm(axes: Any, rows: Sequence[Row], places: Sequence[str], offset: float, look: tuple[str, str]) -> None:
    """One arm's dots and bars, `offset` from the middle of each country's band."""
    colour, marker = look
    by_place = {row.country: row for row in rows if isfinite(row.value)}
    points = [(by_place[place], y + offset) for y, place in enumerate(places) if place in by_place]
    for row, y in points:
        if isfinite(row.low) and isfinite(row.high):
            axes.plot([row.low, row.high], [y, y], color=colour, linewidth=1.5, alpha=0.7)
    label = rows[0].arm.replace("_", " ")
    axes.plot([row.value for row, _ in points], [y for _, y in points], marker, color=colour, label=label)


def _look(name: str, index: int) -> tuple[str, str]:
    """Colour and marker of an arm; baselines take theirs by their place."""
    return OWN.get(name) or (COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])


def draw_reliability(points: Sequence[Point], path: Path, *, title: str, region: str, horizon: str) -> None:
    """A PNG at path: the frequency of the event for each forecast probability, in the region. Raises OSError."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    for arm in (FEDERATED, LOCAL):
        curve = [each for each in points if (each.country, each.arm, each.horizon) == (region, arm, horizon)]
        colour, marker = OWN[arm]
        label = f"{arm}, {sum(each.n for each in curve):,} forecasts"
        axes.plot(
            [each.probability for each in curve],
            [each.frequency for each in curve],
            color=colour,
            marker=marker,
            label=label,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="forecast probability", ylabel="how often it came", title=title)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")
