"""The page of `gotong explore`: one picture of all countries' records, a table, and why some cannot serve."""

from collections.abc import Sequence

from markupsafe import Markup

from federation.pages.render import render
from federation.pages.svg import BLUE, LINE, ORANGE, SOFT, Scale, element, line, path, picture, text
from federation.pages.words import Words, read_words
from federation.reporting import explored as reporting
from federation.reporting.explored import PARTS, Exploration, Explored
from tasks.exploring.summary import Group

WIDTH, ROW, TOP = 1000, 74, 34  # pixels
NAME, SEASON = 120, 740  # where the years and the season begin
YEARS_END, SEASON_END = 700, 980
HIGH = 48  # of a curve


def page(explored: Exploration, words: Words | None = None) -> str:
    """As HTML, in English or another language."""
    words = words or read_words()
    rows = [(each, _can(each)) for each in explored.countries]
    return render(
        "explored.html",
        explored=explored,
        words=words,
        rows=rows,
        parts=list(PARTS.values()),
        chart=chart(explored, words),
        lines=reporting.sentences(explored),
        reporting=reporting,
    )


def _can(each: Explored) -> list[bool]:
    return [not reporting.why_not(each, part) for part in PARTS]


def chart(explored: Exploration, words: Words) -> Markup:
    """A row a country: the share of records that is there and the mean, by year, and the mean by month of the year."""
    shown = [each for each in explored.countries if each.summary is not None and each.summary.years]
    years = [year for each in shown for year in _span(each)]
    if not years:
        return Markup()
    across = Scale(low=min(years), high=max(years) + 1, start=NAME, end=YEARS_END)
    parts = [
        text(NAME, 16, words("explore.by_year"), fill=SOFT),
        text(SEASON, 16, words("explore.by_month"), fill=SOFT),
    ]
    for at, each in enumerate(shown):
        parts += _row(each, TOP + ROW * at, across, words)
    bottom = TOP + ROW * len(shown) + 14
    parts += [
        text(across(year), bottom, f"{year:.0f}", anchor="middle", fill=SOFT, size=12) for year in across.ticks(8)
    ]
    said = "; ".join(f"{each.country} {_said(each)}" for each in shown)
    return picture(WIDTH, bottom + 8, f"{words('explore.alt')}: {said}", parts)


def _said(each: Explored) -> str:
    assert each.summary is not None, "it is shown"
    return f"{reporting.percent(reporting.coverage(each.summary))}, {reporting.peak(each.summary)}"


def _span(each: Explored) -> list[int]:
    assert each.summary is not None, "it is shown"
    ends = (each.summary.years[0].first, each.summary.years[-1].last)
    return [int(end) for end in ends if end.isdigit()]


def _row(each: Explored, top: float, across: Scale, words: Words) -> list[Markup]:
    assert each.summary is not None, "it is shown"
    base = top + HIGH
    parts = [text(0, base - 16, words.name("countries", each.country), bold=True), line(NAME, base, SEASON_END, base)]
    groups = [group for group in each.summary.years if group.first.isdigit() and group.last.isdigit()]
    for group in groups:
        left, right = across(int(group.first)), across(int(group.last) + 1)
        high = HIGH * group.reported / max(group.expected, 1)
        parts.append(_bar(left, base - high, max(right - left - 1, 1), high, LINE))
    up = _up(groups, base)
    middles = [(across((int(group.first) + int(group.last) + 1) / 2), up(group.mean)) for group in groups]
    season = each.summary.season
    months = Scale(low=0, high=max(len(season), 1), start=SEASON, end=SEASON_END)
    up = _up(season, base)
    bars = [
        _bar(months(at) + 1, up(group.mean), months(1) - months(0) - 2, base - up(group.mean), BLUE)
        for at, group in enumerate(season)
        if group.mean > 0
    ]
    names = [
        text(months(at + 0.5), base + 12, group.first, anchor="middle", size=10, fill=SOFT)
        for at, group in enumerate(season)
    ]
    return [*parts, path(middles, stroke=ORANGE), *bars, *names]


def _up(groups: Sequence[Group], base: float) -> Scale:
    """A mean of 0 on the base, the highest HIGH above it."""
    return Scale(low=0, high=max((group.mean for group in groups), default=1) or 1, start=base, end=base - HIGH)


def _bar(x: float, y: float, width: float, height: float, fill: str) -> Markup:
    return element("rect", x=x, y=y, width=width, height=height, fill=fill)
