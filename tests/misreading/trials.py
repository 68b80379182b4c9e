"""Faults into national files one at a time: caught in the right row, harmless, ordinary, or silent.

Harmless: the forecast "as in the same month a year ago" (the last harvest) scores the same within .1 % in every column
whatever the fault changed: the sum of all changes is at most half of .1 % of the sum of its errors.
Ordinary: it passes as well, and the value is one that its own series had in the same season of other years (a month
earlier or later), so that nothing in the file tells it from a record.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pandas as pd

from tasks.files import check as checking
from tasks.files.check import check, national_files
from tasks.files.load import load_form
from tasks.files.reading import Problem
from tasks.files.schema import TableSchema
from tasks.meaning import control
from tasks.meaning.look import records_of
from tasks.meaning.records import Records
from tasks.meaning.shared import national
from tasks.registry import TABLES
from tests.misreading.faults.fault import Faulty, measured
from tests.misreading.faults.kinds import FAULTS

MOST = 8_000  # rows of a file that are looked at; of a longer one, whole series drawn at random
HARMLESS = 0.001
PROGRESS = 52


@dataclass(frozen=True, kw_only=True)
class Original:
    """A national file, or whole series of it: its text, its typed table, and its findings before any fault.

    siblings: the folder with the country's other files.
    """

    path: Path
    siblings: Path
    text: pd.DataFrame
    table: pd.DataFrame
    before: frozenset[tuple[str, str | None, str | None, str | None]]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """counts: kind -> outcome -> faults; silent: file, kind and rows of each that passed.

    missed: kind -> those of them that pass as well where the country declared the sum of each column in each year.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    missed: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)


def originals(data: Path, scratch: Path, seed: int) -> list[Original]:
    """Every national file below a folder, or series of it, written into another folder."""
    random = np.random.default_rng(seed)
    files = [_excerpt(file, scratch, random) for file in national_files(data)]
    return [_original(path, text) for path, text in files]


def _excerpt(file: Path, scratch: Path, random: np.random.Generator) -> tuple[Path, pd.DataFrame]:
    schema = TABLES[file.name].schema
    text = pd.read_csv(file, dtype=str, keep_default_na=False)
    keys = [key for key in schema.keys if schema.columns[key].kind == "text"]
    code = text.groupby(keys, sort=False).ngroup().to_numpy()
    share = min(MOST / len(text), 1)
    kept = random.random(code.max() + 1) < share
    kept[int(random.integers(len(kept)))] = True
    text = text[kept[code]].reset_index(drop=True)
    return written(scratch / file.parent.name / file.name, text), text


def _original(path: Path, text: pd.DataFrame) -> Original:
    schema = TABLES[path.name].schema
    before = frozenset((each.kind, each.column, each.place, each.period) for each in check(path, 1000))
    return Original(path=path, siblings=path.parent, text=text, table=load_form(path, schema, 100)[0], before=before)


def written(path: Path, text: pd.DataFrame) -> Path:
    """The text as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text.to_csv(path, index=False, lineterminator="\n")
    return path


@contextmanager
def siblings_once() -> Iterator[None]:
    """The country's other files are links to the same ones in all trials: each is read once, and summed up once."""
    tables: dict[int, tuple[pd.DataFrame, list[Problem]]] = {}
    values: dict[int, dict[str, pd.Series]] = {}

    def read_once(path: Path, schema: TableSchema, limit: int) -> tuple[pd.DataFrame, list[Problem]]:
        inode = path.stat().st_ino
        if inode not in tables:
            tables[inode] = load_form(path, schema, limit)
        return tables[inode]

    def national_once(records: Records) -> dict[str, pd.Series]:
        if id(records.table) not in values:
            values[id(records.table)] = national(records)
        return values[id(records.table)]

    with patch.object(checking, "load_form", read_once), patch.object(checking, "national", national_once):
        yield


def run(files: Sequence[Original], count: int, seed: int, kinds: Sequence[str] = tuple(FAULTS)) -> Tally:
    """`count` faults, the kinds in turn, each in a file drawn at random; a line of progress every PROGRESS of them."""
    tally = Tally(counts={kind: Counter() for kind in kinds})
    with TemporaryDirectory() as scratch, siblings_once():
        for number in range(count):
            if number and number % PROGRESS == 0:
                print(f"{number} of {count}, {len(tally.silent)} silent", file=sys.stderr, flush=True)
            kind = kinds[number % len(kinds)]
            random = np.random.default_rng([seed, number])
            original, faulty = _draw(files, kind, random)
            if original is None or faulty is None:
                continue
            folder = Path(scratch) / str(number)
            path = folder / original.path.parent.name / original.path.name
            path.parent.mkdir(parents=True)
            for other in original.siblings.iterdir():
                if other.name != path.name:
                    path.with_name(other.name).hardlink_to(other)
            written(path, faulty.text)
            outcome = _outcome(path, original, faulty)
            tally.counts[kind][outcome] += 1
            if outcome in ("silent", "ordinary"):
                path.with_name(control.NAME).write_text(yearly_sums(original, path.name))
                tally.missed[kind] += all(problem.warning for problem in check(path, 1000))
                rows = sorted(faulty.rows)
                where = f"{original.path.parent.name}/{original.path.name}"
                tally.silent.append(f"{outcome}, {kind}: {where}, {_said(original, faulty, rows)}")
            rmtree(folder)
    return tally


def _draw(files: Sequence[Original], kind: str, random: np.random.Generator) -> tuple[Original | None, Faulty | None]:
    for _ in range(200):
        original = files[int(random.integers(len(files)))]
        faulty = FAULTS[kind](original.text, TABLES[original.path.name].schema, random)
        if faulty is not None:
            return original, faulty
    return None, None


def yearly_sums(original: Original, name: str) -> str:
    """`totals.toml` of the untouched file: the sum of each column of amounts and levels in each year, exactly."""
    schema = TABLES[name].schema
    period = next(key for key in schema.keys if schema.columns[key].kind != "text")
    entries = []
    for column in measured(original.text, schema):
        sums: dict[str, Decimal] = {}
        for when, value in zip(original.text[period], original.text[column], strict=True):
            sums[when[:4]] = sums.get(when[:4], Decimal(0)) + Decimal(value or 0)
        for year, total in sums.items():
            words = [f'file = "{name}"', f'column = "{column}"', f"year = {year}", f"sum = {total:f}", 'source = "-"']
            entries.append("\n".join(["[[total]]", *words, ""]))
    return "\n".join(entries)


def _outcome(path: Path, original: Original, faulty: Faulty) -> str:
    problems = check(path, 1000)
    new = [each for each in problems if (each.kind, each.column, each.place, each.period) not in original.before]
    if any(each.row in faulty.rows or (each.row in (None, 1) and faulty.anywhere) for each in new):
        return "caught"
    if any(not each.warning for each in new):
        return "caught in another row"
    table = load_form(path, TABLES[path.name].schema, 100)[0]
    if harmless(original.table, table, path.name):
        return "harmless"
    return "ordinary" if ordinary(original.table, table, path.name) else "silent"


def harmless(before: pd.DataFrame, after: pd.DataFrame, name: str) -> bool:
    """Whether both tables have the same series and periods, and values that hardly change a forecast's score."""
    schema = TABLES[name].schema
    keys = list(schema.keys)
    first, second = (table.set_index(keys).sort_index() for table in (before, after))
    if not first.index.equals(second.index):
        return False
    for column in first.columns:
        if schema.columns[column].kind == "text" or column not in second:
            continue
        if (first[column].isna() != second[column].isna()).any():
            return False
        change = np.nansum(np.abs(first[column].to_numpy(dtype=float) - second[column].to_numpy(dtype=float)))
        if change and 2 * change > HARMLESS * _errors(before, column, name):
            return False
    return True


def ordinary(before: pd.DataFrame, after: pd.DataFrame, name: str) -> bool:
    """Whether one value, or two of columns exchanged, changed to values that their series have in that season."""
    schema = TABLES[name].schema
    if len(before) != len(after) or not before[list(schema.keys)].equals(after[list(schema.keys)]):
        return False
    first, second = records_of(Path(name), before, schema), records_of(Path(name), after, schema)
    changed = 0
    for column in first.compared():
        old, new = first.matrix(column), second.matrix(column)
        for code, time in np.argwhere(~np.isclose(old, new, equal_nan=True)):
            changed += 1
            away = np.abs(np.arange(old.shape[1]) - time)
            season = (np.minimum(away % first.year, -away % first.year) <= 1) & (away > 1)
            usual = old[code, season][np.isfinite(old[code, season])]
            if not len(usual) or not usual.min() <= new[code, time] <= usual.max():
                return False
    return 0 < changed <= 2


def _errors(table: pd.DataFrame, column: str, name: str) -> float:
    """The sum of absolute errors of the value a year before."""
    schema = TABLES[name].schema
    series = tuple(key for key in schema.keys if schema.columns[key].kind == "text")
    period = next(key for key in schema.keys if key not in series)
    records = Records(name, table, schema.columns, str(schema.place), period, series)
    values = records.matrix(column)
    return float(np.nansum(np.abs(values[:, records.year :] - values[:, : -records.year])))


def _said(original: Original, faulty: Faulty, rows: list[int]) -> str:
    at = rows[0] - 2
    new = faulty.text.iloc[at]
    if at >= len(original.text):
        return f"row {rows[0]}: {', '.join(new)}"
    old = original.text.iloc[at]
    changed = [f"{name} {old[name]!r} -> {new[name]!r}" for name in new.index if new[name] != old[name]]
    return f"{len(rows)} rows from {rows[0]}: {'; '.join(changed[:3])}"


def table(tally: Tally) -> Iterator[str]:
    """The outcome as a table in Markdown."""
    yield "| fault | injected | caught in its row | caught elsewhere | harmless | ordinary | silent | with sums |"
    yield "|---|---|---|---|---|---|---|---|"
    total: Counter[str] = Counter()
    for kind, outcomes in [*tally.counts.items(), ("all", total)]:
        names = ("caught", "caught in another row", "harmless", "ordinary", "silent")
        missed = tally.missed.total() if kind == "all" else tally.missed[kind]
        of_kind = [sum(outcomes.values()), *(outcomes[name] for name in names), missed]
        yield f"| {kind} | " + " | ".join(f"{each:,}" for each in of_kind) + " |"
        total.update(outcomes)
