"""Names of places: one place in two spellings, and a place that is there for a moment only."""

from collections.abc import Iterator
from difflib import SequenceMatcher

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import MOST, Records
from tasks.meaning.spelling import spelling
from tasks.places.countries import CODES

NEAR = 0.8  # share of letters that two names have in common, in order, to be asked whether they are one
LONG = 24  # periods that the usual place has, for one with very few to be odd
FEW = 2
RELAY = 0.95  # share of all periods in which one of two names stands, for one to have taken over from the other
MOST_PAIRS = 20_000  # of names that are compared letter by letter


def one_place(records: Records) -> Iterator[Problem]:
    """An error for each further spelling of a place."""
    first: dict[str, str] = {}
    names = records.table[records.place].to_numpy()
    for position in np.sort(np.unique(names.astype(str), return_index=True)[1]):
        name = str(names[position])
        other = first.setdefault(spelling(name), name)
        if other != name:
            yield records.problem(
                int(position),
                records.place,
                "spelling",
                f"and {other!r} look like one place{_unseen(name, other)}",
                "Write one spelling throughout, and merge their rows",
                warning=False,
            )


def one_place_perhaps(records: Records) -> Iterator[Problem]:
    """A warning for a name that is nearly another one's and never stands in the same period."""
    if not records.fits():
        return
    names, there = _presence(records)
    counts = there.sum(axis=1)
    order = np.argsort(-counts, kind="stable")
    start = there.argmax(axis=1)
    looked = order[::-1][: MOST_PAIRS // len(order)]  # of very many names, the rarest
    for mine in looked:
        for other in order:
            earlier = (start[other], other) < (start[mine], mine) if counts[mine] > FEW else counts[other] > FEW
            if other == mine or not earlier:
                continue
            if (there[mine] & there[other]).any() and not _code_of(names[mine], names[other]):
                continue
            either = there[[mine, other]].any(axis=0).reshape(-1, records.time.max() + 1).any(axis=0)
            relay = counts[mine] > FEW and either.mean() > RELAY
            if not _near(names[mine], names[other], relay) and not _code_of(names[mine], names[other]):
                continue
            shown, near = (
                (other, mine) if _code_of(names[mine], names[other]) and names[mine] in CODES else (mine, other)
            )
            position = int(np.flatnonzero(records.table[records.place].to_numpy() == names[shown])[0])
            what = f"is nearly {names[near]!r}, and one of them may be the other"
            remedy = "Write one spelling throughout if they are one place"
            yield records.problem(position, records.place, "spelling-perhaps", what, remedy)
            break


def brief(records: Records) -> Iterator[Problem]:
    """A warning for a series of a row or two where others have many: often a mistyped name or number of it."""
    sizes = np.bincount(records.codes)
    if records.repeated or len(sizes) < 2 or np.median(sizes) < LONG:
        return
    for code in np.flatnonzero(sizes <= FEW):
        position = int(np.flatnonzero(records.codes == code)[0])
        what = f"has {sizes[code]} of the usual {np.median(sizes):.0f} rows"
        yield records.problem(position, records.series[-1], "brief", what, "Check the name, or remove the rows")


def lonely(records: Records) -> Iterator[Problem]:
    """A warning for a row whose period is far from all others of its series: often a mistyped year."""
    if records.repeated or len(records.table) < LONG or not records.fits():
        return
    far = 2 * records.year if records.year > 1 else 5
    order = np.lexsort((records.time, records.codes))
    code, time = records.codes[order], records.time[order]
    gaps = np.where(code[1:] == code[:-1], np.diff(time), 0)
    before, after = np.concatenate([[0], gaps]), np.concatenate([gaps, [0]])
    usual = np.bincount(records.codes)[code] >= 3
    alone = (
        usual & (np.maximum(before, after) > far) & ((before > far) | (before == 0)) & ((after > far) | (after == 0))
    )
    for position in order[alone]:
        what = "stands far from all other periods of its series"
        yield records.problem(int(position), records.period, "lonely", what, "Check the year")


def _presence(records: Records) -> tuple[list[str], np.ndarray]:
    """Names of places, and (places, periods) where they have a row; periods of each crop or commodity by itself."""
    names, code = np.unique(records.table[records.place].to_numpy().astype(str), return_inverse=True)
    others = [name for name in records.series if name != records.place]
    kind = records.table.groupby(others).ngroup().to_numpy() if others else np.zeros(len(code), dtype=np.int64)
    periods = records.time.max() + 1
    if len(names) * (kind.max() + 1) * periods > MOST:
        kind = np.zeros_like(kind)
    there = np.zeros((len(names), (kind.max() + 1) * periods), dtype=bool)
    there[code, kind * periods + records.time] = True
    return [str(each) for each in names], there


def _code_of(mine: str, other: str) -> bool:
    """Whether one is a country's code and the other such letters but no code: THA and TAH."""
    codes = [name in CODES for name in (mine, other)]
    short = all(name.isalpha() and name.isupper() and 2 <= len(name) <= 4 for name in (mine, other))
    return short and codes[0] != codes[1] and len(set(mine) & set(other)) >= 2


def _near(mine: str, other: str, relay: bool) -> bool:
    """Whether letters differ a little; another number is another place, unless one name takes over from the other."""
    first, second = spelling(mine), spelling(other)
    if relay and sorted(first.replace("-", "")) == sorted(second.replace("-", "")):
        return True
    if not relay and (min(len(first), len(second)) < 4 or _digits(first) != _digits(second)):
        return False
    if first in second or second in first:
        return relay or any(each.isalpha() for each in first)  # 2.5_115.5 and -2.5_115.5 are two cells
    matcher = SequenceMatcher(None, first, second)
    return matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdecimal())


def _unseen(name: str, other: str) -> str:
    """The characters that differ and are no letters, by their numbers: an eye may not see them."""
    odd = sorted(each for each in set(name) ^ set(other) if not each.isascii() and not each.isalpha())
    return f" (they differ in {', '.join(f'U+{ord(each):04X}' for each in odd[:3])})" if odd else ""
