"""Which runs may be ranked against one another: those scored on the same countries, years and records, to one end."""

from ast import literal_eval
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from federation.settings.schema import STUDY
from federation.tracking import names_0_1
from tasks.settings import UNALIGNED

GROUP = "gotong.group"  # tag of a run: the same for all runs that may be ranked against one another
COMPARABLE = "gotong.comparable"  # tag of a run: the same in words


def tags(params: Mapping[str, object], countries: Sequence[str]) -> dict[str, str]:
    """The two tags of a run, from its parameters under whatever version's names, and its countries."""
    words = description(names_0_1.params({name: str(value) for name, value in params.items()}), countries)
    return {GROUP: blake2b(words.encode(), digest_size=4).hexdigest(), COMPARABLE: words}


def description(params: Mapping[str, str], countries: Sequence[str]) -> str:
    """Such as 'health, 2 countries (THA VNM), tested after 2006-12 until 2008-12, synthetic records of seed 1'."""
    noun = "country" if len(countries) == 1 else "countries"
    parts = [params.get("task.name", "a run"), f"{len(countries)} {noun} ({' '.join(sorted(countries))})"]
    if mode := params.get("task.mode"):  # of rivers: what of the days ahead is known
        parts.append(mode)
    if params.get("task.calendar.unaligned") == "True":
        parts.append(UNALIGNED)
    first, last = (params.get(f"task.calendar.{key}") for key in ("validate_until", "test_until"))
    if first and last:
        parts.append(f"tested after {first} until {last}")
    if excluded := _excluded(params):
        parts.append(f"without {excluded}")
    if params.get("data") == "synthetic":  # another seed makes other records
        parts.append(f"synthetic records of seed {params.get('seed', '')}")
    if (purpose := params.get("purpose", STUDY)) != STUDY:
        parts.append(f"purpose {purpose}, {'refit' if params.get('fold') else 'fold'}")
    return ", ".join(parts)


def _excluded(params: Mapping[str, str]) -> str:
    try:
        return " to ".join(map(str, literal_eval(params.get("task.calendar.excluded_period", "[]"))))
    except (ValueError, SyntaxError):
        return ""
