"""Runs side by side: what they were told differently, and who forecast which country better."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from federation.errors import TrackingError
from federation.report import FEDERATED, apart, best, chosen, countries, interval
from federation.results import Better, Row, read_json
from federation.settings import TrackingSettings
from federation.tracking import spool
from federation.tracking.card import COUNTRY, FOLDER
from federation.tracking.sender import one_line
from federation.tracking.state import state
from federation.tracking.store import connect, search, tagged
from tasks import TASKS

RESULTS = "results.json"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One country of one run; wins: the best number of all runs, clear: its interval meets that of no other run."""

    run: str
    row: Row
    wins: bool
    clear: bool


@dataclass(frozen=True, kw_only=True)
class _Run:
    name: str
    state: str
    params: Mapping[str, str]
    rows: Sequence[Row]


def compare(
    runs: Path, settings: TrackingSettings, names: Sequence[str], *, arm: str = FEDERATED
) -> tuple[Table, list[Compared]]:
    """The headline score of one arm, a line a country, a column a run. Reads run folders; MLflow where there is none.

    Raises TrackingError for runs that are missing or of different tasks, DataError for a damaged table.
    """
    if len(set(names)) < 2:
        raise TrackingError(f"compare needs at least two different runs, got {', '.join(names) or 'none'}")
    loaded = [_load(runs, settings, name) for name in dict.fromkeys(names)]
    tasks = {row.task for run in loaded for row in run.rows}
    if len(tasks) != 1:
        raise TrackingError(f"runs of different tasks cannot be compared: {', '.join(sorted(tasks))}")
    headline, score = next(iter(TASKS[tasks.pop()].scores.items()))
    found = _compared(loaded, headline, score.better, arm)
    sheet = Table(title=f"{headline} of {arm}, over all horizons", caption="bold: best; *: its interval meets no other")
    sheet.add_column("")
    for run in loaded:
        sheet.add_column(run.name, justify="right")
    for name, values in _differing(loaded).items():
        sheet.add_row(name, *values)
    sheet.add_section()
    for place in countries([each.row for each in found]):
        line = {each.run: each for each in found if each.row.country == place}
        sheet.add_row(place, *(_cell(line.get(run.name)) for run in loaded))
    return sheet, found


def _compared(loaded: Sequence[_Run], headline: str, better: Better, arm: str) -> list[Compared]:
    rows = {(row.country, run.name): row for run in loaded for row in chosen(run.rows, headline) if row.arm == arm}
    found = []
    for (place, name), row in rows.items():
        line = [other for (where, _), other in rows.items() if where == place]
        rivals = [other for other in line if other is not row]
        wins = bool(rivals) and row is best(line, better) and all(row.value != other.value for other in rivals)
        clear = wins and all(apart(row, other) for other in rivals)
        found.append(Compared(run=name, row=row, wins=wins, clear=clear))
    return found


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
    for record in spool.every(folder / spool.NAME):
        if record["do"] == "begin":
            params |= {key: str(value) for key, value in record["params"].items()}
    return _Run(name=name, state=state(folder), params=params, rows=read_json(folder / RESULTS))


def _fetch(runs: Path, settings: TrackingSettings, name: str) -> _Run:
    try:
        store = connect(settings, runs)
        found = [run for run in search(store, tagged({FOLDER: name})) if COUNTRY not in run.data.tags]
        if found:
            last = max(found, key=lambda run: run.info.start_time)
            with tempfile.TemporaryDirectory() as scratch:
                path = store.client.download_artifacts(last.info.run_id, RESULTS, scratch)
                rows = read_json(Path(path))
            return _Run(name=name, state=last.info.status, params=last.data.params, rows=rows)
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(
            f"run {name!r} is not in {runs}, and MLflow could not be asked: {one_line(error)}"
        ) from error
    there = ", ".join(sorted(path.parent.name for path in runs.glob(f"*/{RESULTS}"))) or "none"
    raise TrackingError(f"run {name!r} is neither in {runs} nor in MLflow; finished runs there: {there}")
