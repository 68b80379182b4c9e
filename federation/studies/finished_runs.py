"""Every finished federation that MLflow knows of: its parameters, its results, and what it cost."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from federation.errors import TrackingError, one_line
from federation.reporting.rows import EXCLUDED_PERIOD, PAIRED, RESULTS, Row, of_test, read_json
from federation.settings.parts import TrackingSettings
from federation.tracking import names_0_1
from federation.tracking.run_info import COUNTRY, FOLDER, RUN
from federation.tracking.store import Store, experiments, search

COST, VALIDATION = "cost/", "validation/"


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """One federation. params: dotted key -> value. cost: `seconds`, `cpu_seconds`, `peak_mib`, where known.

    rows: of the test. excluded: of its excluded period. paired: differences of arms in it.
    validation: (country, score, arm) -> last value over all horizons; countries alone.
    """

    name: str
    experiment: str
    params: Mapping[str, str]
    code: str
    began: datetime
    cost: Mapping[str, float]
    rows: Sequence[Row]
    validation: Mapping[tuple[str, str, str], float]
    excluded: Sequence[Row] = ()
    paired: Sequence[Row] = ()


def finished_runs(runs: Path, settings: TrackingSettings) -> list[FinishedRun]:
    """All of them, of every experiment, the oldest first. Raises TrackingError, DataError for a damaged table."""
    try:
        return sorted(_finished(experiments(settings, runs), runs), key=lambda one: one.began)
    except TrackingError:
        raise
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(f"the experiments cannot be read: {one_line(error)}") from error


def _finished(stores: Iterable[tuple[str, Store]], runs: Path) -> Iterator[FinishedRun]:
    for name, store in stores:
        ended = search(store, "attributes.status = 'FINISHED'")
        for run in ended:
            if RUN in run.data.tags and COUNTRY not in run.data.tags:
                countries = [each for each in ended if each.data.tags.get("mlflow.parentRunId") == run.info.run_id]
                yield _finished_run(store, name, run, countries, runs)


def _finished_run(store: Store, experiment: str, run: Any, countries: Sequence[Any], runs: Path) -> FinishedRun:
    rows = _rows(store, run, runs)
    return FinishedRun(
        name=run.data.tags[FOLDER],
        experiment=experiment,
        params=names_0_1.params(run.data.params),
        code=run.data.tags.get("gotong.code", "unknown"),
        began=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        cost=_metrics(run, COST),
        rows=of_test(rows),
        excluded=[row for row in rows if row.part == EXCLUDED_PERIOD],
        paired=[row for row in rows if row.part == PAIRED],
        validation={
            (each.data.tags[COUNTRY], score, arm): value
            for each in countries
            for name, value in _metrics(each, VALIDATION).items()
            for score, arm in [name.split("/")]
        },
    )


def _metrics(run: Any, group: str) -> dict[str, float]:
    """The last values of a group's metrics, by their names without the group."""
    values = {names_0_1.metric(name): value for name, value in run.data.metrics.items()}
    return {name.removeprefix(group): value for name, value in values.items() if name.startswith(group)}


def _rows(store: Store, run: Any, runs: Path) -> tuple[Row, ...]:
    here = runs / run.data.tags[FOLDER] / RESULTS
    if here.exists():
        return read_json(here)
    with tempfile.TemporaryDirectory() as scratch:
        return read_json(Path(store.client.download_artifacts(run.info.run_id, RESULTS, scratch)))
