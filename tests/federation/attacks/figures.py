"""What an attack came to: one number a seed, and the table of all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import mean
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One seed's number. under: `open`, `guarded`, `sealed`, or what of it is left out for comparison.

    note: by what a request is refused, or what to know of the number.
    """

    attack: str
    measure: str
    under: str
    value: float
    note: str = ""


def table(figures: Iterable[Figure]) -> Iterator[dict[str, Any]]:
    """A row an attack, measure and protection: mean, lowest and highest of the seeds, notes."""
    rows: dict[tuple[str, str, str], list[Figure]] = {}
    for each in figures:
        rows.setdefault((each.attack, each.measure, each.under), []).append(each)
    for (attack, measure, under), own in rows.items():
        values = [each.value for each in own]
        named = {"attack": attack, "measure": measure, "under": under}
        numbers = {"mean": mean(values), "lowest": min(values), "highest": max(values), "seeds": len(values)}
        yield {**named, **numbers, "notes": sorted({each.note for each in own if each.note})}
