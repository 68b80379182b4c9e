"""The region as tiles, a square a country: full colour only where a difference is clear."""

from collections.abc import Sequence
from math import inf

from markupsafe import Markup

from federation.pages.numbers import fixed, gain
from federation.pages.run_report import SCORED, Place, RunReport
from federation.pages.run_sentence import sure
from federation.pages.svg import element, picture, text
from federation.pages.words import Words

SIZE, GAP, ACROSS = 100, 6, 5
PLACES = {  # column and row, roughly as the countries lie
    "MMR": (0, 0), "LAO": (1, 0), "VNM": (2, 0), "THA": (1, 1), "KHM": (2, 1), "PHL": (4, 0.6), "MYS": (1, 2),
    "BRN": (3, 1.8), "SGP": (1, 3), "IDN": (2.5, 2.9), "TLS": (4, 3),
}  # fmt: skip
# From which gain on a colour holds; orange and blue, which no colour-vision deficiency mixes up.
STEPS = ((-inf, "#b35806"), (-5.0, "#f1a340"), (-1.0, "#f2f0eb"), (1.0, "#c6dff0"), (5.0, "#5aa7d6"), (10.0, "#08519c"))
DARK = {"#08519c", "#b35806"}


def tiles(report: RunReport, words: Words) -> Markup:
    """The map. Countries of another region than ASEAN stand in rows, in alphabetical order."""
    places = _positions([place.code for place in report.countries])
    parts = [_hatch(), *(_tile(place, places[place.code], report.unit, words) for place in report.countries)]
    said = "; ".join(
        f"{words.name('countries', place.code)} {_value(place, report.unit, words)}" for place in report.countries
    )
    height = max((row for _, row in places.values()), default=0) + 1
    return picture(ACROSS * (SIZE + GAP), height * (SIZE + GAP), f"{words('run.map')}: {said}", parts)


def legend(report: RunReport, words: Words) -> list[tuple[str, str]]:
    """Colour and what it means; nothing where no country has one, as of a sealed run."""
    if not any(place.gain for place in report.countries):
        return []
    text_of = [fixed(words(f"units.{report.unit}", value=f"{abs(low):g}")) for low, _ in STEPS[1:]]
    said = [
        words("run.worse_than", low=text_of[0]),
        words("run.worse_between", low=text_of[1], high=text_of[0]),
        words("run.within", high=text_of[1]),
        words("run.better_between", low=text_of[2], high=text_of[3]),
        words("run.better_between", low=text_of[3], high=text_of[4]),
        words("run.better_than", low=text_of[4]),
    ]
    return [(colour, each) for (_, colour), each in zip(STEPS, said, strict=True)]


def _positions(codes: Sequence[str]) -> dict[str, tuple[float, float]]:
    if all(code in PLACES for code in codes):
        return {code: PLACES[code] for code in codes}
    return {code: (at % ACROSS, at // ACROSS) for at, code in enumerate(codes)}


def _tile(place: Place, position: tuple[float, float], unit: str, words: Words) -> Markup:
    x, y = (each * (SIZE + GAP) + GAP / 2 for each in position)
    name, value, certain = words.name("countries", place.code), _value(place, unit, words), _certain(place, words)
    clear = place.gain is not None and place.gain.clear
    fill = "url(#none)" if place.gain is None else _colour(place.gain.value)
    ink = "#ffffff" if clear and fill in DARK else "#111111"
    edge = {"stroke": "#111111", "stroke_width": 3} if clear else {"stroke": "#777777", "stroke_dasharray": "4 3"}
    faint = {} if clear or place.gain is None else {"fill_opacity": 0.38}
    middle = x + SIZE / 2
    return element(
        "g",
        [
            element("title", f"{name}: {value}, {certain}"),
            element("rect", x=x, y=y, width=SIZE, height=SIZE, rx=8, fill=fill, **edge, **faint),
            text(middle, y + 30, name, anchor="middle", size=16, fill=ink),
            text(
                middle, y + 56, value, anchor="middle", size=20 if place.gain else 14, fill=ink, bold=bool(place.gain)
            ),
            text(middle, y + 80, certain if place.gain else "", anchor="middle", size=16, fill=ink),
        ],
    )


def _value(place: Place, unit: str, words: Words) -> str:
    if place.gain is None:
        return words(f"state.{'not_scored' if place.state == SCORED else place.state}")
    return gain(words, place.gain.value, unit)


def _certain(place: Place, words: Words) -> str:
    return words(f"tile.{sure(place)}") if sure(place) else ""


def _colour(value: float) -> str:
    return [colour for low, colour in STEPS if value >= low][-1]


def _hatch() -> Markup:
    """Of countries without a score."""
    pattern = element(
        "pattern",
        [element("rect", width=7, height=7, fill="#ffffff"), element("line", y2=7, stroke="#d0d0d0", stroke_width=3)],
        id="none",
        width=7,
        height=7,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    return element("defs", [pattern])
