"""Every finished federation that MLflow knows of: what it was told, what came of it, and what it cost."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from federation.errors import TrackingError, one_line
from federation.reporting.rows import EXCLUDED_PERIOD, PAIRED, Row, of_test, read_json
from federation.settings.schema import TrackingSettings
from federation.tracking.run_info import COUNTRY, FOLDER, RUN
from federation.tracking.store import Store, experiments, search

RESULTS = "results.json"
COST = "cost."


@dataclass(frozen=True, kw_only=True)
class Finished:
    """One federation. params: dotted key -> what it was told. cost: `seconds`, `cpu_seconds`, `peak_mib`, where known.

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


def finished(runs: Path, settings: TrackingSettings) -> list[Finished]:
    """All of them, of every experiment, the oldest first. Raises TrackingError, DataError for a damaged table."""
    try:
        return sorted(_all(experiments(settings, runs), runs), key=lambda one: one.began)
    except TrackingError:
        raise
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(f"the experiments cannot be read: {one_line(error)}") from error


def _all(stores: Iterable[tuple[str, Store]], runs: Path) -> Iterator[Finished]:
    for name, store in stores:
        found = search(store, "attributes.status = 'FINISHED'")
        for run in found:
            if RUN in run.data.tags and COUNTRY not in run.data.tags:
                countries = [each for each in found if each.data.tags.get("mlflow.parentRunId") == run.info.run_id]
                yield _one(store, name, run, countries, runs)


def _one(store: Store, experiment: str, run: Any, countries: Sequence[Any], runs: Path) -> Finished:
    rows = _rows(store, run, runs)
    return Finished(
        name=run.data.tags[FOLDER],
        experiment=experiment,
        params=run.data.params,
        code=run.data.tags.get("gotong.code", "unknown"),
        began=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        cost={name.removeprefix(COST): value for name, value in run.data.metrics.items() if name.startswith(COST)},
        rows=of_test(rows),
        excluded=[row for row in rows if row.part == EXCLUDED_PERIOD],
        paired=[row for row in rows if row.part == PAIRED],
        validation={
            (each.data.tags[COUNTRY], *name.split(".")[1:3]): value
            for each in countries
            for name, value in each.data.metrics.items()
            if name.startswith("validation.")
        },
    )


def _rows(store: Store, run: Any, runs: Path) -> tuple[Row, ...]:
    here = runs / run.data.tags[FOLDER] / RESULTS
    if here.exists():
        return read_json(here)
    with tempfile.TemporaryDirectory() as scratch:
        return read_json(Path(store.client.download_artifacts(run.info.run_id, RESULTS, scratch)))
