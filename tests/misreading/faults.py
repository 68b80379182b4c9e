"""Single faults of the kinds that clerks, spreadsheets and exports make, put into a national file as text.

A fault takes the file (N rows of text), its table's schema and a generator; it gives the file with the fault and the
rows that a finding may name, or None where the file has no place for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.files.schema import TableSchema

HEADER = 2  # the row of the first record


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """text: the file; rows: of the fault, as an editor counts; anywhere: a finding of the whole file is right."""

    text: pd.DataFrame
    rows: frozenset[int]
    anywhere: bool = False


Fault = Callable[[pd.DataFrame, TableSchema, np.random.Generator], Faulty | None]
DIGITS = ("๐๑๒๓๔๕๖๗๘๙", "໐໑໒໓໔໕໖໗໘໙", "០១២៣៤៥៦៧៨៩", "၀၁၂၃၄၅၆၇၈၉")
SWAPS = (
    ("longitude", "latitude"),
    ("rainfall", "mean_temperature"),
    ("disease_cases", "population"),
    ("mean_temperature", "mean_relative_humidity"),
    ("disease_cases", "rainfall"),
    ("national_rainfall", "national_temperature"),
    ("planting_month", "harvest_month"),
    ("yield", "area"),
)
TOTALS = ("Total", "TOTAL", "Jumlah", "Tổng số", "รวม", "Grand total", "All provinces", "Kabuuan", "សរុប", "ລວມ")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def measured(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    """Columns of amounts and levels."""
    return [name for name, column in schema.columns.items() if column.history and name in text]


def counts(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    return [name for name, column in schema.columns.items() if column.grouped and name in text]


def single(
    columns: Callable[[pd.DataFrame, TableSchema], list[str]], fits: Callable[[float], bool]
) -> Callable[[Callable[[str, np.random.Generator], str]], Fault]:
    """A fault of one value: of which columns, of which values, and what becomes of its text."""

    def of(how: Callable[[str, np.random.Generator], str]) -> Fault:
        def fault(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
            names = columns(text, schema)
            if not names:
                return None
            name = str(random.choice(names))
            values = pd.to_numeric(text[name], errors="coerce")
            usable = np.flatnonzero(values.notna() & values.map(fits))
            if not len(usable):
                return None
            at = int(random.choice(usable))
            return _put(text, at, name, how(text[name].iloc[at], random))

        return fault

    return of


def _set(text: pd.DataFrame, rows: Any, column: str, values: Any) -> None:
    """Write values into a column of a copy."""
    cells = text[column].to_numpy(dtype=object).copy()
    cells[rows] = values
    text[column] = cells


def _put(text: pd.DataFrame, at: int, column: str, value: str) -> Faulty | None:
    if value == text[column].iloc[at]:
        return None
    changed = text.copy()
    _set(changed, at, column, value)
    return Faulty(text=changed, rows=frozenset([at + HEADER]))


def _grouped(separators: str) -> Callable[[str, np.random.Generator], str]:
    def how(value: str, random: np.random.Generator) -> str:
        whole, point, rest = value.partition(".")
        separator = str(random.choice(list(separators)))
        rest = "" if not float(f"0.{rest or 0}") else rest
        return f"{int(whole):,}".replace(",", separator) + ((point if separator != "." else ",") + rest if rest else "")

    return how


def _times(*factors: float) -> Callable[[str, np.random.Generator], str]:
    def how(value: str, random: np.random.Generator) -> str:
        return shown(float(value) * float(random.choice(factors)), value)

    return how


def shown(value: float, like: str) -> str:
    """A number written with as many decimals as another one."""
    return f"{value:.{len(like.partition('.')[2])}f}"


def _series(text: pd.DataFrame, schema: TableSchema) -> np.ndarray:
    keys = [key for key in schema.keys if schema.columns[key].kind == "text"]
    return text.groupby(keys, sort=False).ngroup().to_numpy()


def _one_series(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> np.ndarray:
    """Positions of one series' rows in order of time."""
    code = _series(text, schema)
    mine = np.flatnonzero(code == random.choice(code))
    period = next(key for key in schema.keys if schema.columns[key].kind != "text")
    return np.asarray(mine[np.argsort(text[period].to_numpy()[mine], kind="stable")])


def _a_year(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> np.ndarray | None:
    """Positions of the twelve months of one year of one series."""
    if "time_period" not in text:
        return None
    mine = _one_series(text, schema, random)
    years = text["time_period"].str[:4].to_numpy()[mine]
    whole = [year for year in np.unique(years) if (years == year).sum() == 12]
    return mine[years == random.choice(whole)] if whole else None


def year_in_another_unit(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Twelve months of a place ten times off or more, rain as mm a day."""
    rows = _a_year(text, schema, random)
    names = [name for name in measured(text, schema) if schema.columns[name].history == "log"]
    if rows is None or not names:
        return None
    name = str(random.choice(names))
    factor = float(random.choice([1 / 30.4, 0.1, 10] if "rain" in name else [0.1, 10, 0.01, 100]))
    return _edited(text, rows, name, lambda value: shown(float(value) * factor, value) if value else value)


def period_in_another_unit(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A column of all places of one period ten times off or more."""
    period = next(key for key in schema.keys if schema.columns[key].kind != "text")
    names = _amounts(text, schema)
    chosen = text[period] == str(random.choice(text[period].unique()))
    if not names or text[str(schema.place)].nunique() < 3 or chosen.sum() < 3:
        return None
    factor = float(random.choice([0.1, 10, 0.01, 100]))
    name = str(random.choice(names))
    return _edited(
        text, np.flatnonzero(chosen), name, lambda value: shown(float(value) * factor, value) if value else value
    )


def place_in_another_unit(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A column of one place in all periods ten times off or more."""
    names = [name for name in _amounts(text, schema) if schema.columns[name].comparable]
    if not names or text[str(schema.place)].nunique() < 5:
        return None
    name, rows = str(random.choice(names)), _one_series(text, schema, random)
    factor = float(random.choice([0.1, 10, 0.01, 100]))
    return _edited(text, rows, name, lambda value: shown(float(value) * factor, value) if value else value)


def running(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A year of a place cumulated."""
    rows = _a_year(text, schema, random)
    if rows is None or "disease_cases" not in text or (text["disease_cases"].iloc[rows] == "").any():
        return None
    total = np.cumsum(text["disease_cases"].iloc[rows].astype(float))
    changed = text.copy()
    _set(changed, rows, "disease_cases", [f"{value:.0f}" for value in total])
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def moved(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A column of a place that has a season, from some year on, two to six months late."""
    names = [name for name in ("rainfall", "disease_cases", "mean_temperature") if name in text]
    if "time_period" not in text or not names or len(text["time_period"].iloc[0]) != len("2004-12"):
        return None
    name, mine = str(random.choice(names)), _one_series(text, schema, random)
    first = int(random.integers(len(mine) // 4, 3 * len(mine) // 4 + 1)) // 12 * 12
    rows = mine[first:]
    if len(rows) < 24 or not _seasonal(text.iloc[mine], name):
        return None
    changed = text.copy()
    values = np.roll(text[name].to_numpy(dtype=object)[rows], int(random.integers(2, 7)))
    _set(changed, rows, name, values)
    return Faulty(text=changed, rows=frozenset((mine + HEADER).tolist()))


def _seasonal(rows: pd.DataFrame, name: str) -> bool:
    """Whether the months make up most of the variance, of logs where amounts are."""
    values = pd.to_numeric(rows[name], errors="coerce")
    values = np.log(values + 10) if name != "mean_temperature" else values
    return bool(values.groupby(rows["time_period"].str[5:]).transform("mean").var() > 0.5 * values.var())


def rate(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A place's cases per 100,000 inhabitants."""
    if "disease_cases" not in text or (text["population"] == "").all():
        return None
    rows = _one_series(text, schema, random)
    rows = rows[(text["population"].to_numpy()[rows] != "") & (text["disease_cases"].to_numpy()[rows] != "")]
    changed = text.copy()
    rates = 1e5 * text["disease_cases"].iloc[rows].astype(float) / text["population"].iloc[rows].astype(float)
    _set(changed, rows, "disease_cases", [f"{value:.2f}" for value in rates])
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def duplicate(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A record again at the end, the same or with another value."""
    at = int(random.integers(len(text)))
    again = text.iloc[[at]].copy()
    names = measured(text, schema)
    if names and random.random() < 0.5 and again[name := names[0]].iloc[0]:
        again[name] = shown(float(again[name].iloc[0]) + 1, again[name].iloc[0])
    return Faulty(text=pd.concat([text, again], ignore_index=True), rows=frozenset([at + HEADER, len(text) + HEADER]))


def swapped(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Two columns exchanged in a row, or in the whole file."""
    pairs = [pair for pair in SWAPS if set(pair) <= set(text.columns)]
    if not pairs:
        return None
    first, second = pairs[int(random.integers(len(pairs)))]
    both = np.flatnonzero((text[first] != "") & (text[second] != "") & (text[first] != text[second]))
    if not len(both):
        return None
    whole = random.random() < 0.5
    rows = both if whole else both[[int(random.integers(len(both)))]]
    changed = text.copy()
    _set(changed, rows, first, text[second].to_numpy()[rows])
    _set(changed, rows, second, text[first].to_numpy()[rows])
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()), anywhere=whole)


def _summed(
    text: pd.DataFrame, places: list[str], name: str, periods: int | None, random: np.random.Generator
) -> Faulty:
    rows = text[text["location"].isin(places) & (text["disease_cases"] != "")]
    cases = rows["disease_cases"].astype(float).groupby(rows["time_period"]).sum()
    chosen = cases if periods is None else cases.iloc[[int(random.integers(len(cases)))]]
    more = pd.DataFrame({"time_period": chosen.index, "location": name, "disease_cases": chosen.map("{:.0f}".format)})
    whole = pd.concat([text, more.reindex(columns=text.columns, fill_value="")], ignore_index=True)
    return Faulty(text=whole, rows=frozenset(range(len(text) + HEADER, len(whole) + HEADER)))


def total(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Rows of a total in every month, or in one."""
    if "disease_cases" not in text or text["location"].nunique() < 2:
        return None
    name = str(random.choice(TOTALS))
    return _summed(text, list(text["location"].unique()), name, None if random.random() < 0.5 else 1, random)


def nation(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Rows of the whole country in every month, or in one."""
    places = [] if "disease_cases" not in text else [each for each in text["location"].unique() if len(each) != 3]
    if len(places) < 2:
        return None
    name = str(random.choice(["THA", "Thailand", "Viet Nam", "PHL", "Lao People's Democratic Republic"]))
    return _summed(text, places, name, None if random.random() < 0.5 else 1, random)


def parent(text: pd.DataFrame, _: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Rows of a region with the sum of some of its provinces, under a name that says nothing."""
    if "disease_cases" not in text:
        return None
    lively = text[pd.to_numeric(text["disease_cases"], errors="coerce") > 0]["location"].value_counts()
    places = list(lively[lively >= 24].index)
    if len(places) < 4 or text["time_period"].nunique() < len(text["location"].unique()) + 24:
        return None
    some = [str(each) for each in random.choice(places, int(random.integers(2, min(len(places), 6))), replace=False)]
    return _summed(text, some, str(random.choice(["Zone 4", "Upper Valley", "R9"])), None, random)


def spelling(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A place from some row on with another dash, case, accent, space, width, or a character that nobody sees."""
    place = str(schema.place)
    rows = _one_series(text, schema, random)
    name = text[place].iloc[rows[0]]
    dashes = [name.replace("-", each) for each in ("\u2013", "\u2011", "\u2212", " - ")] if "-" in name else []
    spaces = [name.replace(" ", each) for each in ("  ", "\u00a0", "\u2009")] if " " in name else []
    others = [
        *dashes,
        *spaces,
        name + "\u200b",
        name[:1] + "\u2060" + name[1:],
        "\ufeff" + name,
        name.lower(),
        name.title(),
        "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in name),
    ]
    others = [each for each in others if each.strip() != name]
    changed = text.copy()
    rows = rows[int(random.integers(len(rows))) :]
    _set(changed, rows, place, str(random.choice(others)))
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def misspelt(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A letter or digit of a place lost, doubled or exchanged, in a row or from some row on."""
    place = str(schema.place)
    rows = _one_series(text, schema, random)
    name = text[place].iloc[rows[0]]
    at = int(random.integers(len(name) - 1))
    other = str(random.choice([name[:at] + name[at + 1 :], name[: at + 1] + name[at:], _exchanged(name, at)]))
    if other in set(text[place]) or other == name:
        return None
    rows = rows[[int(random.integers(len(rows)))]] if random.random() < 0.5 else rows[int(random.integers(len(rows))) :]
    changed = text.copy()
    _set(changed, rows, place, other)
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def _exchanged(name: str, at: int) -> str:
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def coordinates(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A cell's longitude and latitude exchanged, a sign lost or given, a digit changed; in its rows or one of them."""
    rows = _one_series(text, schema, random)
    rows = rows if random.random() < 0.5 else rows[[int(random.integers(len(rows)))]]
    if "longitude" in text:
        name = str(random.choice(["longitude", "latitude"]))
        value = text[name].iloc[rows[0]]
        others = [f"-{value}".replace("--", ""), shown(float(value) + 10, value), shown(float(value) * 10, value)]
        return _edited(text, rows, name, lambda _: str(random.choice(others)))
    if "_" in text[str(schema.place)].iloc[rows[0]]:
        return _edited(text, rows, str(schema.place), lambda value: "_".join(reversed(value.split("_"))))
    return None


def _edited(text: pd.DataFrame, rows: np.ndarray, column: str, how: Callable[[str], str]) -> Faulty | None:
    changed = text.copy()
    new = [how(value) for value in text[column].iloc[rows]]
    _set(changed, rows, column, new)
    if (changed[column] == text[column]).all():
        return None
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def _period(how: Callable[[str, np.random.Generator], str]) -> Fault:
    def fault(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
        period = next(key for key in schema.keys if schema.columns[key].kind != "text")
        at = int(random.integers(len(text)))
        changed = _put(text, at, period, how(text[period].iloc[at], random))
        if changed is None:
            return None
        keys = list(schema.keys)
        same = (changed.text[keys] == changed.text[keys].iloc[at]).all(axis=1).to_numpy()  # a key that is there already
        return Faulty(text=changed.text, rows=frozenset((np.flatnonzero(same) + HEADER).tolist()))

    return fault


def _other_writing(value: str, random: np.random.Generator) -> str:
    year, _, month = value.partition("-")
    thai = str(int(year) + 543)
    if "-" in month:  # a day
        return str(random.choice([f"{thai}-{month}", f"{month[3:]}/{month[:2]}/{year}", value.replace("-", "")]))
    if not month:
        return str(random.choice([thai, value[2:], f"{value}/{int(value) % 100 + 1:02d}"]))
    ways = [
        f"{thai}-{month}",
        f"{MONTHS[int(month) - 1]}-{year}",
        f"{month}/{year}",
        f"{year}{month}",
        f"{year}-{int(month)}",
    ]
    return str(random.choice([each for each in ways if each != value]))


def _mistyped_year(value: str, random: np.random.Generator) -> str:
    year = int(value[:4])
    others = [each for each in (year + 10, year - 10, year + 100, year - 100, 2099 - year % 10) if 1900 <= each <= 2099]
    return f"{random.choice(others)}{value[4:]}"


def _native(value: str, random: np.random.Generator) -> str:
    return value.translate(str.maketrans("0123456789", str(random.choice(DIGITS))))


def _code(_: str, random: np.random.Generator) -> str:
    return str(random.choice(["-99", "-999", "-9999", "999", "9999", "99999"]))


def _cases(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    return [name for name in counts(text, schema) if schema.columns[name].whole]


def _amounts(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    names = [name for name in measured(text, schema) if schema.columns[name].history == "log"]
    return [name for name in names if not schema.columns[name].shared]


FAULTS: dict[str, Fault] = {
    "dot between thousands": single(counts, lambda value: value >= 1000)(_grouped(".")),
    "other separator of thousands": single(measured, lambda value: value >= 1000)(_grouped(",' \u00a0\u202f’")),
    "decimal comma": single(measured, lambda value: value % 1 > 0)(lambda value, _: value.replace(".", ",")),
    "native digits": single(measured, lambda value: value >= 0)(_native),
    "suppressed count": single(_cases, lambda value: value < 10)(lambda value, _: "<5" if float(value) < 5 else "<10"),
    "code for missing": single(measured, lambda _: True)(_code),
    "zero for missing": single(_amounts, lambda value: value > 0)(lambda _, __: "0"),
    "ten times off": single(_amounts, lambda value: value > 0)(_times(10, 0.1)),
    "hundred or thousand times off": single(_amounts, lambda value: value > 0)(_times(100, 1000, 0.01, 0.001)),
    "national value ten times off": single(
        lambda text, schema: [name for name in measured(text, schema) if schema.columns[name].shared],
        lambda value: value != 0,
    )(_times(10, 0.1)),
    "a year in another unit": year_in_another_unit,
    "a period in another unit": period_in_another_unit,
    "a place in another unit": place_in_another_unit,
    "running total": running,
    "season moved": moved,
    "rate for counts": rate,
    "record twice": duplicate,
    "columns exchanged": swapped,
    "total row": total,
    "nation among places": nation,
    "region among its places": parent,
    "place written otherwise": spelling,
    "place misspelt": misspelt,
    "wrong coordinates": coordinates,
    "period written otherwise": _period(_other_writing),
    "year mistyped": _period(_mistyped_year),
}
NEVER = {
    *("dot between thousands", "other separator of thousands", "total row", "nation among places"),
    *(
        "region among its places",
        "ten times off",
        "hundred or thousand times off",
        "record twice",
        "columns exchanged",
    ),
}  # kinds that may not pass in silence at all
