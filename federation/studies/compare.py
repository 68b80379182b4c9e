"""Runs side by side: the settings in which they differ, and which of them forecasts which country better."""

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table
from rich.text import Text

from federation.errors import TrackingError, one_line
from federation.reporting.rows import PAIRED, RESULTS, Better, Row, difference, of_test, read_json
from federation.reporting.score_table import (
    FEDERATED,
    LOCAL,
    best,
    countries,
    disjoint,
    headline_rows,
    interval,
    is_region,
)
from federation.settings.parts import TrackingSettings
from federation.settings.schema import STUDY
from federation.tracking import names_0_1, spool
from federation.tracking.run_info import COUNTRY, FOLDER, TITLE
from federation.tracking.run_state import state
from federation.tracking.store import connect, search, tagged
from tasks.registry import TASKS
from tasks.settings import UNALIGNED

SIDE_BY_SIDE = 4  # runs that fit on a screen
TESTED = ("validate_until", "test_until", "excluded_period")  # keys of the calendar that say which years are scored
SHOWN = ("name", "seed", "rounds", "lr", "state")  # of many runs, parameters worth a column; the rest is in MLflow


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One country of one run; wins: the best number of all runs, clear: its interval meets that of no other run.

    gained: the arm less the local arm of the same run, which err together: better known than the distance of two runs.
    """

    run: str
    row: Row
    wins: bool
    clear: bool
    gained: Row | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The runs of one task. sheet: None where there is only one run; lines: who wins where, a sentence a country.

    title: what they were scored on; about: the same in words of the task. score: the headline, and which direction of
    it is better. runs: their names. differing: a setting -> its value in each run, of those that differ. unranked:
    places whose runs are of different countries.
    """

    task: str
    sheet: Table | None
    scores: Sequence[Compared]
    lines: Sequence[str]
    title: str = ""
    about: str = ""
    score: str = ""
    better: Better = "smaller"
    runs: Sequence[str] = ()
    differing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unranked: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class _Run:
    name: str
    state: str
    params: Mapping[str, str]
    rows: Sequence[Row]
    paired: Sequence[Row]
    about: str


def compare(runs: Path, settings: TrackingSettings, names: Sequence[str], *, arm: str = FEDERATED) -> list[Comparison]:
    """The headline score of one arm, runs of the same task and records by themselves.

    Reads run folders; MLflow where there is none.

    Raises TrackingError for runs that are missing or have no other of their task, or a folder that may not be read,
    DataError for a damaged table.
    """
    _check_open(runs)
    if len(set(names)) < 2:
        raise TrackingError(f"compare needs at least two different runs, got {', '.join(names) or 'none'}")
    groups: dict[str, list[_Run]] = {}
    for name in dict.fromkeys(names):
        run = _load(runs, settings, name)
        groups.setdefault(_records(run), []).append(run)
    if max(map(len, groups.values())) == 1:
        raise TrackingError(
            f"runs of different tasks, test years or purposes cannot be compared: {'; '.join(sorted(groups))}"
        )
    compared = [_comparison(title, loaded, arm) for title, loaded in sorted(groups.items()) if len(loaded) > 1]
    return compared + [_single(title, loaded[0]) for title, loaded in sorted(groups.items()) if len(loaded) == 1]


def _check_open(runs: Path) -> None:
    """Raise TrackingError for a folder whose runs this user may not see."""
    try:
        closed = runs.is_dir() and not os.access(runs, os.R_OK | os.X_OK)
    except PermissionError:
        closed = True
    if closed:
        raise TrackingError(f"runs={runs} may not be read by this user; ask its owner to open it, or name another one")


def _single(title: str, run: _Run) -> Comparison:
    line = f"{title}: there is only {run.name}."
    return Comparison(
        task=title.split(",")[0],
        sheet=None,
        scores=(),
        lines=(line,),
        title=title,
        about=_about(title, run),
        runs=(run.name,),
    )


def _about(title: str, run: _Run) -> str:
    """The title with the task's name in the words that the run had for it."""
    task, *rest = title.split(", ")
    return ", ".join([run.about or task, *rest])


def _records(run: _Run) -> str:
    """What a run was scored on, and what for. The seed is part of synthetic records: another seed makes others."""
    task = run.rows[0].task if run.rows else "nothing"
    if run.rows and run.rows[0].part == UNALIGNED:
        task += f", {UNALIGNED}"
    if mode := run.params.get("task.mode"):
        task += f", {mode}"
    if run.params.get("data") == "synthetic":
        task += f", records of seed {run.params['seed']}"
    first, last, without = (run.params.get(f"task.calendar.{key}", "") for key in TESTED)
    if last:
        task += f", tested after {first} until {last}" + (f" without {without}" if without not in ("", "[]") else "")
    purpose = run.params.get("purpose", STUDY)
    return task if purpose == STUDY else f"{task}, purpose {purpose}"


def _comparison(title: str, loaded: Sequence[_Run], arm: str) -> Comparison:
    task = title.split(",")[0]
    headline, score = next(iter(TASKS[task].scores.items()))
    scores = _compared(loaded, headline, score.better, arm)
    caption = "bold: best; *: its interval meets no other"
    sheet = Table(title=f"{title}: {headline} of {arm}, over all horizons", caption=caption)
    fill = _columns if len(loaded) <= SIDE_BY_SIDE else _lines
    fill(sheet, loaded, scores)
    places = countries([each.row for each in scores])
    lines = [
        _unlike(loaded, arm, place) or _winner([each for each in scores if each.row.country == place], score.better)
        for place in places
    ]
    return Comparison(
        task=task,
        sheet=sheet,
        scores=tuple(scores),
        lines=tuple(lines),
        title=title,
        about=_about(title, loaded[0]),
        score=headline,
        better=score.better,
        runs=tuple(run.name for run in loaded),
        differing=_differing(loaded),
        unranked=tuple(place for place in places if _unlike(loaded, arm, place)),
    )


def _columns(sheet: Table, loaded: Sequence[_Run], scores: Sequence[Compared]) -> None:
    """A column a run, a line a country."""
    sheet.add_column("")
    for run in loaded:
        sheet.add_column(run.name, justify="right")
    for name, values in _differing(loaded).items():
        sheet.add_row(name, *map(Text, values))  # as text: `[head]` is no markup
    sheet.add_section()
    for place in countries([each.row for each in scores]):
        line = {each.run: each for each in scores if each.row.country == place}
        sheet.add_row(place, *(_cell(line.get(run.name)) for run in loaded))


def _lines(sheet: Table, loaded: Sequence[_Run], scores: Sequence[Compared]) -> None:
    """A line a run, for many of them: the region, and the countries where the run is the best."""
    regions = [place for place in countries([each.row for each in scores]) if is_region(place)]
    differing = {
        name: values
        for name, values in _differing(loaded).items()
        if name.split(".")[-1] in SHOWN and len(set(values)) > 1
    }
    sheet.add_column("run")
    for name in (*differing, *regions):
        sheet.add_column(name, justify="right")
    sheet.add_column("best in")
    for at, run in enumerate(loaded):
        by_place = {each.row.country: each for each in scores if each.run == run.name}
        best_in = [place + "*" * each.clear for place, each in by_place.items() if each.wins and not is_region(place)]
        params = (Text(values[at]) for values in differing.values())
        sheet.add_row(run.name, *params, *(_cell(by_place.get(place)) for place in regions), " ".join(best_in) or "–")


def _winner(line: Sequence[Compared], better: Better) -> str:
    """Who wins in one country and who comes next, both with their intervals."""
    place = line[0].row.country
    first = next((each for each in line if each.wins), None)
    rivals = [each.row for each in line if each is not first]
    second = best(rivals, better)
    if first is None:
        return f"{place}: nobody wins"
    if second is None:
        return f"{place}: {first.run} {interval(first.row)}, the only one scored"
    next_best = next(each for each in line if each.row is second)
    sure = "clearly" if first.clear else "intervals overlap"
    if first.gained is not None and next_best.gained is not None:
        sure += f"; less local of the same run: {interval(first.gained)} and {interval(next_best.gained)}"
    return f"{place}: {first.run} {interval(first.row)} before {next_best.run} {interval(second)}, {sure}"


def _scored(run: _Run, arm: str) -> frozenset[str]:
    """The countries that a run's row of the region sums up; of a sealed run, which shows none, all that it named."""
    rows = {
        row.country for row in run.rows if row.arm == arm and math.isfinite(row.value) and not is_region(row.country)
    }
    return frozenset(rows or {run.params.get("region.countries", "")})


def _unlike(loaded: Sequence[_Run], arm: str, place: str) -> str | None:
    """Why a row has no winner: runs whose region sums up different countries; None for any other row."""
    having = [run for run in loaded if any(row.country == place and row.arm == arm for row in run.rows)]
    if not is_region(place) or len({_scored(run, arm) for run in having}) == 1:
        return None
    sets = "; ".join(f"{run.name} of {', '.join(sorted(_scored(run, arm)))}" for run in having)
    return f"{place}: not ranked, for these runs are of different countries: {sets}"


def _compared(loaded: Sequence[_Run], headline: str, better: Better, arm: str) -> list[Compared]:
    rows = {
        (row.country, run.name): row for run in loaded for row in headline_rows(run.rows, headline) if row.arm == arm
    }
    paired = {run.name: run.paired for run in loaded}
    scores = []
    for (place, name), row in rows.items():
        line = [other for (where, _), other in rows.items() if where == place]
        rivals = [other for other in line if other is not row]
        ranked = _unlike(loaded, arm, place) is None
        wins = (
            ranked and bool(rivals) and row is best(line, better) and all(row.value != other.value for other in rivals)
        )
        clear = wins and all(disjoint(row, other) for other in rivals)
        gained = difference(paired[name], place, arm, LOCAL)
        scores.append(Compared(run=name, row=row, wins=wins, clear=clear, gained=gained))
    return scores


def _differing(loaded: Sequence[_Run]) -> dict[str, list[str]]:
    names = dict.fromkeys(name for run in loaded for name in run.params)
    lines = {name: [run.params.get(name, "–") for run in loaded] for name in names}
    return {name: values for name, values in lines.items() if len(set(values)) > 1} | {
        "state": [run.state.lower() for run in loaded]
    }


def _cell(each: Compared | None) -> str:
    if each is None:
        return "–"
    text = interval(each.row)
    return f"[bold]{text}{'*' if each.clear else ''}[/bold]" if each.wins else text


def _load(runs: Path, settings: TrackingSettings, name: str) -> _Run:
    folder = runs / name
    if not folder.is_dir():
        return _fetch(runs, settings, name)
    params: dict[str, str] = {}
    about = ""
    for record in spool.read_all(folder / spool.NAME):
        if record["do"] == "begin":
            params |= {key: str(value) for key, value in record["params"].items()}
            about = str(record["tags"].get(TITLE, about))
    return _run(name, state(folder), params, read_json(folder / RESULTS), about)


def _run(name: str, state: str, params: Mapping[str, str], rows: Sequence[Row], about: str) -> _Run:
    paired = [row for row in rows if row.part == PAIRED]
    return _Run(name=name, state=state, params=names_0_1.params(params), rows=of_test(rows), paired=paired, about=about)


def _fetch(runs: Path, settings: TrackingSettings, name: str) -> _Run:
    try:
        store = connect(settings, runs)
        parents = [run for run in search(store, tagged({FOLDER: name})) if COUNTRY not in run.data.tags]
        if parents:
            last = max(parents, key=lambda run: run.info.start_time)
            with tempfile.TemporaryDirectory() as scratch:
                path = store.client.download_artifacts(last.info.run_id, RESULTS, scratch)
                rows = read_json(Path(path))
            return _run(name, last.info.status, last.data.params, rows, last.data.tags.get(TITLE, ""))
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(
            f"run {name!r} is not in {runs}, and MLflow could not be read: {one_line(error)}"
        ) from error
    there = ", ".join(sorted(path.parent.name for path in runs.glob(f"*/{RESULTS}"))) or "none"
    raise TrackingError(f"run {name!r} is neither in {runs} nor in MLflow; finished runs there: {there}")
