"""What the records of several countries come to together, where nothing of a single one may be seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from federation.reporting.explored import NEVER, PARTS, percent


@dataclass(frozen=True, kw_only=True)
class RegionYear:
    """countries: that have records of it. reported, expected: place-periods; None where too few countries have any."""

    year: int
    countries: int
    reported: int | None
    expected: int | None


@dataclass(frozen=True, kw_only=True)
class RegionExplored:
    """Of one task. can: part of the calendar -> how many countries can serve it. cuts: its last periods."""

    task: str
    title: str
    cuts: tuple[str, str, str]
    countries: tuple[str, ...]
    places: int
    can: Mapping[str, int]
    years: tuple[RegionYear, ...]
    at: str = ""


def read_region(values: Mapping[str, Any]) -> RegionExplored:
    """The sums from plain values, as `asdict` gives them."""
    years = tuple(RegionYear(**each) for each in values["years"])
    return RegionExplored(
        **{**values, "cuts": tuple(values["cuts"]), "countries": tuple(values["countries"]), "years": years}
    )


def table(region: RegionExplored) -> Table:
    """A line a year, which is over in the records."""
    sheet = Table(title=f"{region.title}: what is on record", caption="place-periods of all countries together")
    for name in ("year", "countries", "reported", "missing", "share reported"):
        sheet.add_column(name, justify="right")
    for each in region.years:
        cells = [NEVER] * 3
        if each.reported is not None and each.expected:
            missing = each.expected - each.reported
            cells = [f"{each.reported:,}", f"{missing:,}", percent(each.reported / each.expected)]
        sheet.add_row(str(each.year), str(each.countries), *cells)
    return sheet


def sentences(region: RegionExplored) -> list[str]:
    """How many countries can serve, and how many places they have."""
    able = [f"{region.can[part]} can {name}" for part, name in PARTS.items()]
    cuts = f"trained to {region.cuts[0]}, validated to {region.cuts[1]}, tested to {region.cuts[2]}"
    lines = [
        f"Of {len(region.countries)} countries ({', '.join(region.countries)}) {', '.join(able)}: {cuts}.",
        f"Together they have {region.places:,} places.",
    ]
    if any(each.reported is None for each in region.years):
        lines.append(f"{NEVER}: too few countries have records of that year for a sum.")
    return lines
