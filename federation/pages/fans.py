"""The chart of a place: what was observed, then the forecast as a fan, and from where on it is an event."""

from itertools import pairwise

from markupsafe import Markup

from federation.pages.forecast_report import Outlooks, Step
from federation.pages.svg import BLUE, INK, ORANGE, SOFT, Scale, area, line, path, picture, text
from federation.pages.words import Words
from federation.reporting.score_table import number

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 50, 8, 8, 24
SHARE = 0.6  # of the width for the past: the forecast is drawn wider
WIDE, NARROW = "#cfe3f0", "#7fb4d6"  # nine in ten outcomes, half of them


def fan(place: Outlooks, words: Words) -> Markup:
    """Steps without quantiles have no fan; their chances stand in the table."""
    values = [value for value in place.seen if value is not None]
    values += [value for step in place.steps for value in (*step.quantiles, *([step.level] if step.level else []))]
    top = 1.06 * max(values, default=1.0)
    up = Scale(low=0, high=top or 1.0, start=HEIGHT - BOTTOM, end=TOP)
    cut = LEFT + (WIDTH - LEFT - RIGHT) * SHARE
    past = Scale(low=0, high=max(len(place.seen) - 1, 1), start=LEFT, end=cut)
    ahead = Scale(low=0, high=len(place.steps) + 0.4, start=cut, end=WIDTH - RIGHT)
    parts = [*_grid(up), line(cut, TOP, cut, HEIGHT - BOTTOM, stroke="#999999", dash="3 3")]
    parts += [*_years(place, past), *_months(place, ahead, words)]
    parts += [*_fan(place, up, ahead), *_observed(place, past, up), *_levels(place, up, ahead)]
    return picture(WIDTH, HEIGHT, _alt(place, words), parts)


def _grid(up: Scale) -> list[Markup]:
    parts = []
    for value in up.ticks(4):
        parts += [line(LEFT, up(value), WIDTH - RIGHT, up(value))]
        parts += [
            text(LEFT - 5, up(value) + 4, f"{value:,.3g}" if value < 10 else f"{value:,.0f}", anchor="end", size=11)
        ]
    return parts


def _years(place: Outlooks, past: Scale) -> list[Markup]:
    at = [(k, each[:4]) for k, each in enumerate(place.periods) if each[5:7] == "01" and each[:4] != "0000"]
    shown = at[:: max(1, len(at) // 4)]
    return [text(past(k), HEIGHT - 8, year, anchor="middle", size=11, fill=SOFT) for k, year in shown]


def _months(place: Outlooks, ahead: Scale, words: Words) -> list[Markup]:
    every = -(-len(place.steps) // 4)  # no more than fit
    names = [words.short(step.due) if at % every == 0 else "" for at, step in enumerate(place.steps)]
    return [
        text(ahead(h), HEIGHT - 8, name, anchor="middle", size=11, fill=BLUE) for h, name in enumerate(names, start=1)
    ]


def _fan(place: Outlooks, up: Scale, ahead: Scale) -> list[Markup]:
    """Nine in ten outcomes, half of them, and the middle one, from the last observation on."""
    if not all(step.quantiles for step in place.steps):
        return []
    last = place.seen[-1] if place.seen else None
    first = [] if last is None else [(ahead(0), up(last))]
    points = [(ahead(h), step.quantiles) for h, step in enumerate(place.steps, start=1)]
    if not first and len(points) == 1:  # one period of which nothing goes before: a bar
        points = [(points[0][0] - 8, points[0][1]), (points[0][0] + 8, points[0][1])]
    bands = []
    for low, high, fill in ((0, 4, WIDE), (1, 3, NARROW)):
        above, below = ([(x, up(values[at])) for x, values in points] for at in (high, low))
        bands.append(area([*first, *above, *reversed(below)], fill))
    return [*bands, path([*first, *((x, up(values[2])) for x, values in points)], stroke=BLUE, width=2.5)]


def _observed(place: Outlooks, past: Scale, up: Scale) -> list[Markup]:
    """A line through neighbouring observations; a gap where nothing was reported."""
    pairs = pairwise(enumerate(place.seen))
    return [
        line(past(k), up(one), past(j), up(other), stroke=INK, width=1.5)
        for (k, one), (j, other) in pairs
        if one is not None and other is not None
    ]


def _levels(place: Outlooks, up: Scale, ahead: Scale) -> list[Markup]:
    return [
        line(ahead(h) - 14, up(step.level), ahead(h) + 14, up(step.level), stroke=ORANGE, width=3)
        for h, step in enumerate(place.steps, start=1)
        if step.level is not None
    ]


def _alt(place: Outlooks, words: Words) -> str:
    return f"{place.name}: {words('forecast.fan_alt')} {'; '.join(_said(step, words) for step in place.steps)}"


def _said(step: Step, words: Words) -> str:
    if not step.quantiles:
        return words.month(step.due)
    low, _, middle, _, high = map(number, step.quantiles)
    return words("forecast.step_alt", month=words.month(step.due), middle=middle, low=low, high=high)
