"""The pictures of a run's page: scores with their intervals, learning curves, and how reliable probabilities were."""

from collections.abc import Sequence
from math import sqrt

from markupsafe import Markup

from federation.pages.numbers import score
from federation.pages.run_report import Curve, RunReport
from federation.pages.svg import BLUE, GREY, INK, ORANGE, SOFT, Scale, dot, line, path, picture, text
from federation.pages.words import Words
from federation.reporting.score_table import FEDERATED, LOCAL

COLOURS = {FEDERATED: ORANGE, LOCAL: BLUE}
DASHES = {FEDERATED: "", LOCAL: "7 4"}  # a second mark than colour
WIDTH, ROW = 430, 42
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 10, 34  # margins of a chart, pixels
HEIGHT = 240


def arms(report: RunReport, words: Words) -> Markup:
    """Every forecast of the region: a dot, and a bar for its 95 % interval."""
    ends = [value for arm in report.arms for value in (arm.value, arm.low, arm.high) if value is not None]
    across = Scale(low=min(0.0, *ends), high=max(0.0, *ends), start=4, end=WIDTH - 60)
    parts = []
    for at, arm in enumerate(report.arms):
        y, colour = 30 + ROW * at, COLOURS.get(arm.arm, GREY)
        right = across(arm.value if arm.high is None else arm.high)
        parts += [
            text(4, y - 12, words.name("arms", arm.arm), size=14, bold=arm.arm in COLOURS),
            line(4, y, WIDTH - 60, y),
            dot(across(arm.value), y, 5.5, colour),
            text(right + 9, y + 5, score(arm.value), size=14),
        ]
        if arm.low is not None and arm.high is not None:
            parts.append(line(across(arm.low), y, across(arm.high), y, stroke=colour, width=4))
    said = "; ".join(f"{words.name('arms', arm.arm)} {score(arm.value)}" for arm in report.arms)
    return picture(WIDTH, ROW * len(report.arms) + 4, f"{words('run.simple_alt')}: {said}", parts)


def learning(report: RunReport, words: Words) -> Markup:
    """Validation by round."""
    alt = words("run.learning_alt", score=report.score)
    ends = [f"{words.name('arms', each.arm)} {score(each.y[0])} → {score(each.y[-1])}" for each in report.learning]
    values = [value for each in report.learning for value in each.y]
    across = Scale(low=0, high=max(each.x[-1] for each in report.learning), start=LEFT, end=WIDTH - RIGHT)
    up = Scale(low=min(values), high=max(values), start=HEIGHT - BOTTOM, end=TOP)
    parts = [*_axes(across, up), *(_curve(each, across, up) for each in report.learning)]
    return picture(WIDTH, HEIGHT, f"{alt}: {'; '.join(ends)}", [*parts])


def reliability(report: RunReport, words: Words) -> Markup:
    """How often the event came, by the forecast probability."""
    alt = words("run.reliability_alt", event=report.event or words("run.reliability_event"))
    across = Scale(low=0, high=1, start=LEFT, end=WIDTH - RIGHT)
    up = Scale(low=0, high=1, start=HEIGHT - BOTTOM, end=TOP)
    parts = [*_axes(across, up), line(across(0), up(0), across(1), up(1), stroke="#aaaaaa", dash="3 3")]
    most = max((n for each in report.reliability for n in each.n), default=1)
    said = []
    for each in report.reliability:
        parts.append(_curve(each, across, up))
        sizes = [2 + 4 * sqrt(n / most) for n in each.n] or [3.0] * len(each.x)
        colour = COLOURS.get(each.arm, GREY)
        parts += [dot(across(x), up(y), r, colour) for x, y, r in zip(each.x, each.y, sizes, strict=True)]
        pairs = ", ".join(f"{x:.2f}: {y:.2f}" for x, y in zip(each.x, each.y, strict=True))
        said.append(f"{words.name('arms', each.arm)} {pairs}")
    return picture(WIDTH, HEIGHT, f"{alt}. {'; '.join(said)}", parts)


def key(curves: Sequence[Curve], words: Words) -> list[tuple[str, Markup]]:
    """The name of each curve, and a short piece of it."""
    return [(words.name("arms", each.arm), _sample(each.arm)) for each in curves]


def _sample(arm: str) -> Markup:
    colour, dash = COLOURS.get(arm, GREY), DASHES.get(arm, "2 4")
    return picture(30, 10, "", [path([(0, 5), (30, 5)], stroke=colour, width=3, dash=dash)])


def _curve(curve: Curve, across: Scale, up: Scale) -> Markup:
    points = [(across(x), up(y)) for x, y in zip(curve.x, curve.y, strict=True)]
    return path(points, stroke=COLOURS.get(curve.arm, GREY), dash=DASHES.get(curve.arm, "2 4"))


def _axes(across: Scale, up: Scale) -> list[Markup]:
    """Lines and numbers of both axes."""
    parts = [line(across.start, up.start, across.end, up.start, stroke=INK)]
    for value in up.ticks():
        parts += [line(across.start, up(value), across.end, up(value))]
        parts += [text(across.start - 6, up(value) + 4, f"{value:.3g}", anchor="end", size=12, fill=SOFT)]
    for value in across.ticks():
        parts += [text(across(value), up.start + 18, f"{value:.3g}", anchor="middle", size=12, fill=SOFT)]
    return parts
