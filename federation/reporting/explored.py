"""What countries' records look like, and what they can serve: a table, sentences, and plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from rich.text import Text

from tasks.exploring.summary import Group, Summary, read

PARTS = {"train": "train", "validation": "validate", "test": "test"}  # part of the calendar -> what it is for
NEVER = "-"


@dataclass(frozen=True, kw_only=True)
class Explored:
    """One country's. summary: None where it says nothing, and `refusal` why. minimum: its smallest cohort.

    learns: whether models are trained there. parts: part -> order of magnitude of its reported place-periods, 0 where
    they are fewer than `minimum`. objections: to the run that was asked about.
    """

    country: str
    summary: Summary | None = None
    learns: bool = False
    minimum: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    objections: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Of one task. cuts: the last periods of training, validation and test. at: when it was asked for, UTC."""

    task: str
    title: str
    unit: str
    cuts: tuple[str, str, str]
    countries: tuple[Explored, ...]
    at: str = ""


def of_reply(country: str, header: Mapping[str, Any]) -> Explored:
    """A country's reply. Raises ValueError, TypeError or KeyError for what cannot be understood."""
    parts = {part: header["parts"][part] for part in PARTS}
    if not all(type(count) is int and 0 <= count < 2**60 for count in (*parts.values(), header["minimum"])):
        raise ValueError("no counts")
    return Explored(
        country=country,
        summary=read(header["summary"]),
        learns=header["learns"] is True,
        minimum=header["minimum"],
        parts=parts,
        objections=tuple(words(each) for each in header["objections"][:9]),
    )


def words(text: Any) -> str:
    """What a country wrote, fit for one line of a screen."""
    return "".join(letter for letter in " ".join(str(text)[:300].split()) if letter.isprintable())


def why_not(explored: Explored, part: str) -> str:
    """Why a country cannot train, validate or test; empty where it can."""
    if explored.summary is None:
        return explored.refusal
    if explored.objections:
        return f"it {explored.objections[0]}"
    if not explored.parts[part]:
        return f"fewer than {explored.minimum} of its place-periods can be forecast then{_on_record(explored.summary)}"
    if part == "train" and not explored.learns:
        return "its policy has train = false"
    return ""


def _on_record(summary: Summary) -> str:
    return f"; its records are of {summary.years[0].first} to {summary.years[-1].last}" if summary.years else ""


def table(exploration: Exploration) -> Table:
    """A line a country."""
    cuts = f"trained to {exploration.cuts[0]}, validated to {exploration.cuts[1]}, tested to {exploration.cuts[2]}"
    sheet = Table(title=f"{exploration.title}: what is on record", caption=cuts)
    columns = (
        "country",
        "places",
        "years",
        "reported",
        "gaps",
        "newest",
        "behind",
        "mean",
        "peak",
        "zeros",
        "far",
        "can",
    )
    for name in columns:
        sheet.add_column(name, justify="left" if name in ("country", "can") else "right", no_wrap=name != "can")
    for each in exploration.countries:
        can = [name for part, name in PARTS.items() if not why_not(each, part)]
        cells = (each.country, *_cells(each.summary), ", ".join(can) or "nothing")
        sheet.add_row(*map(Text, cells))  # as text: what a country wrote may look like markup
    return sheet


def _cells(summary: Summary | None) -> list[str]:
    if summary is None:
        return [NEVER] * 10
    years = f"{summary.years[0].first}-{summary.years[-1].last}" if summary.years else NEVER
    return [
        f"{summary.places:,}",
        years,
        percent(coverage(summary)),
        str(len(summary.gaps)),
        summary.end or NEVER,
        NEVER if summary.behind is None else few(summary.behind),
        NEVER if (level := mean(summary)) is None else number(level),
        peak(summary),
        percent(summary.zeros),
        NEVER if summary.far is None else few(summary.far),
    ]


def coverage(summary: Summary) -> float | None:
    """The share of place-periods that is reported."""
    expected = sum(group.expected for group in summary.years)
    return sum(group.reported for group in summary.years) / expected if expected else None


def mean(summary: Summary) -> float | None:
    """Over all years that are shown."""
    count = sum(group.reported for group in summary.years)
    return sum(group.reported * group.mean for group in summary.years) / count if count else None


def peak(summary: Summary) -> str:
    """The month of the highest mean, and how many times the mean of all months it is."""
    level = sum(group.mean for group in summary.season) / max(len(summary.season), 1)
    if not summary.season or level <= 0:
        return NEVER
    highest: Group = max(summary.season, key=lambda group: group.mean)
    return f"{highest.first}: x{highest.mean / level:.1f}"


def number(level: float) -> str:
    """Three digits that tell, as a person writes them."""
    return f"{float(f'{level:.3g}'):,.0f}" if abs(level) >= 100 else f"{level:.3g}"


def few(count: int) -> str:
    """A count in steps of five, of which 0 is none or fewer than five."""
    return f"{count}+" if count else "<5"


def percent(share: float | None) -> str:
    """A share, to the percent."""
    return NEVER if share is None else f"{share:.0%}"


def sentences(exploration: Exploration) -> list[str]:
    """Which countries can serve, and why others cannot, with their missing periods."""
    lines = []
    for part, name in PARTS.items():
        able = [each.country for each in exploration.countries if not why_not(each, part)]
        lines.append(f"Can {name}: {', '.join(able) or 'nobody'}.")
    unable: dict[tuple[str, str], list[str]] = {}
    for each in exploration.countries:
        reasons: dict[str, list[str]] = {}
        for part, name in PARTS.items():
            if reason := why_not(each, part):
                reasons.setdefault(reason, []).append(name)
        for reason, names in reasons.items():
            unable.setdefault((", ".join(names), reason), []).append(each.country)
    lines += [_unable(countries, *why) for why, countries in unable.items()]
    for each in exploration.countries:
        if each.summary is not None and each.summary.gaps:
            ranges = ", ".join(first if first == last else f"{first} to {last}" for first, last in each.summary.gaps)
            lines.append(f"{each.country}: nobody reported {ranges}.")
    return lines


def _unable(countries: Sequence[str], what: str, reason: str) -> str:
    several = len(countries) > 1 and reason.startswith("it ")
    return f"{', '.join(countries)} cannot {what}: {'each ' + reason[3:] if several else reason}."
