"""Pictures as SVG inside a page: elements whose every value is escaped, and scales."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup, escape

# Okabe and Ito (2008), distinct with colour-vision deficiency too: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"
INK, SOFT, LINE = "#1b1b1b", "#5b5b5b", "#e2e2e2"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Values low to high onto pixels start to end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers of the range, `most` at most."""
        size = (self.high - self.low) / most
        if size <= 0:
            return [self.low]
        power = 10 ** floor(log10(size))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= size)
        first = floor(self.low / step)
        return [step * k for k in range(first, first + 2 * most + 2) if self.low <= step * k <= self.high]


def element(name: str, body: Iterable[Markup] | str = (), /, **attributes: object) -> Markup:
    """One element; `_` in the names of attributes stands for `-`, and numbers get one decimal."""
    values = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_short(v))}"' for key, v in attributes.items())
    inside = escape(body) if isinstance(body, str) else Markup().join(body)
    return Markup(f"<{name}{values}>{inside}</{name}>")


def picture(width: float, height: float, alt: str, parts: Iterable[Markup]) -> Markup:
    """The whole picture, as wide as its place. alt: what it shows, for who does not see it; empty for an ornament."""
    said: dict[str, object] = {"role": "img", "aria_label": alt} if alt else {"aria_hidden": "true"}
    return element("svg", parts, viewBox=f"0 0 {width:g} {height:g}", **said)


def text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 13, fill: str = INK, bold: bool = False
) -> Markup:
    """A line of text."""
    weight = {"font_weight": 700} if bold else {}
    return element("text", words, x=x, y=y, text_anchor=anchor, font_size=size, fill=fill, **weight)


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = LINE, width: float = 1, dash: str = "") -> Markup:
    """A straight line."""
    dashes = {"stroke_dasharray": dash} if dash else {}
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke, stroke_width=width, **dashes)


def path(points: Sequence[tuple[float, float]], *, stroke: str, width: float = 2, dash: str = "") -> Markup:
    """A line through points."""
    dashes = {"stroke_dasharray": dash} if dash else {}
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", points=through, fill="none", stroke=stroke, stroke_width=width, **dashes)


def area(points: Sequence[tuple[float, float]], fill: str) -> Markup:
    """A filled polygon."""
    return element("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), fill=fill)


def dot(x: float, y: float, radius: float, fill: str) -> Markup:
    """A filled circle."""
    return element("circle", cx=x, cy=y, r=radius, fill=fill)


def _short(value: object) -> object:
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
