"""Writes the records of one run into MLflow; the same record twice leaves what it leaves once.

Runs are looked up by tags of ours. Metric rows carry the time they were measured, and MLflow keeps identical rows once.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from federation.tracking import comparability, first_sight
from federation.tracking.run_info import BIRTH, COUNTRY, FOLDER, LEVEL, ONE_COUNTRY, REGION, RUN
from federation.tracking.spool import Record
from federation.tracking.store import Store, search, tagged

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run, RunTag
    from mlflow.exceptions import MlflowException

ROWS = 1000  # MLflow's limit for all that is in one call
PAIRS = 100  # and for parameters or tags
REFUSED = "INVALID_PARAMETER_VALUE"  # its word for what it will never take
DIGEST = 36  # and for the characters of a data set's digest


class MlflowWriter:
    """Sends in order. runs: country ('' the federation) -> MLflow run; refused: what MLflow will never take, and why.

    Every method raises what MLflow raises when it cannot be reached.
    """

    def __init__(self, store: Store, folder: Path, runs: Mapping[str, str]) -> None:
        self.runs = dict(runs)
        self.refused: list[str] = []
        self._store = store
        self._client = store.client
        self._folder = folder
        self._identity: dict[str, str] = {}  # the tags that identify this run

    def known(self) -> bool:
        """Whether the federation's run is still there."""
        from mlflow.exceptions import MlflowException

        try:
            run = self._client.get_run(self.runs[""])
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        self._identity = {name: run.data.tags.get(name, "") for name in (RUN, BIRTH)}
        return bool(run.info.lifecycle_stage == "active")

    def send(self, records: Sequence[Record]) -> None:
        """All of them; neighbouring metrics and tags travel together."""
        steps: dict[str, Callable[[Any], None]] = {
            "begin": self._begin,
            "dataset": self._dataset,
            "artifact": self._artifact,
            "model": self._model,
            "end": self._end,
        }
        metrics: dict[str, list[Metric]] = {}
        tags: dict[str, dict[str, str]] = {}
        for record in records:
            if record["do"] == "metrics":
                metrics.setdefault(record["country"] or "", []).extend(_metrics(record))
            elif record["do"] == "tags":
                tags.setdefault(record["country"] or "", {}).update(record["values"])
            else:
                self._log(metrics, tags)
                self._unless_refused(steps[record["do"]], record)
        self._log(metrics, tags)

    def _begin(self, record: Record) -> None:
        self._identity = {RUN: record["id"], BIRTH: record["birth"]}
        self._remove_twins()
        known = dict(self.runs)
        for place, country in enumerate(("", *record["countries"])):
            if country not in known:
                # MLflow lists the newest first: a millisecond each, and the countries stand in their order.
                self._create(country, {**record, "time": record["time"] - place})
        parent = self.runs[""]
        for country, run in known.items():  # those just made get all of it at once, for a call may take seconds
            self._client.update_run(run, status="RUNNING")
            level = {LEVEL: ONE_COUNTRY, first_sight.PARENT: parent} if country else {LEVEL: REGION}
            self._set(run, {**record["tags"], **level})
        self._set(parent, comparability.tags(record["params"], record["countries"]))
        old = self._client.get_run(parent).data.params
        new = {_clean(name): str(value) for name, value in record["params"].items()}
        # MLflow lets no parameter change, and a resumed run may have another one.
        changed = {f"gotong.resumed.{name}": value for name, value in new.items() if old.get(name, value) != value}
        self._params(parent, {name: value for name, value in new.items() if name not in old})
        self._set(parent, changed)

    def _create(self, country: str, record: Record) -> None:
        tags = {**{_clean(name): str(value) for name, value in record["tags"].items()}, **self._identity}
        tags |= {FOLDER: self._folder.name, LEVEL: ONE_COUNTRY if country else REGION}
        if country:
            shade = first_sight.colour(record["countries"].index(country))
            tags |= {COUNTRY: country, first_sight.PARENT: self.runs[""], first_sight.COLOUR: shade}
        name = f"{country} {record['name']}".strip()
        made = self._client.create_run(self._store.experiment, start_time=record["time"], tags=tags, run_name=name)
        self.runs[country] = made.info.run_id

    def _remove_twins(self) -> None:
        """Find this run's MLflow runs; delete twins that a call made whose reply was lost. Twins hold no records."""
        twins: dict[str, list[Run]] = {}
        for run in search(self._store, tagged(self._identity)):
            twins.setdefault(run.data.tags.get(COUNTRY, ""), []).append(run)
        kept, self.runs = self.runs, {}
        for country, runs in twins.items():
            ids = sorted(run.info.run_id for run in runs)
            self.runs[country] = kept[country] if kept.get(country) in ids else ids[0]
            for run in ids:
                if run != self.runs[country]:
                    self._client.delete_run(run)

    def _log(self, metrics: dict[str, list["Metric"]], tags: dict[str, dict[str, str]]) -> None:
        """One call of each country, for a call takes as long as twenty rows in it; what was sent is removed."""
        for country in dict.fromkeys([*metrics, *tags]):
            if country not in self.runs:
                self.refused.append(f"{country} is not among the countries of this run")
                continue
            for batch in _batches([*metrics.get(country, []), *_run_tags(tags.get(country, {}))], ROWS):
                self._log_batch(self.runs[country], batch)
        metrics.clear()
        tags.clear()

    def _log_batch(self, run: str, batch: list["Metric | RunTag"]) -> None:
        """Where MLflow refuses one of them, or so many, the others go in smaller batches."""
        from mlflow.entities import Metric, RunTag
        from mlflow.exceptions import MlflowException

        metrics = [each for each in batch if isinstance(each, Metric)]
        tags = [each for each in batch if isinstance(each, RunTag)]
        try:
            self._client.log_batch(run, metrics=metrics, tags=tags, synchronous=True)
        except MlflowException as error:
            if len(batch) == 1 or error.error_code != REFUSED:
                self._refuse(error)
            else:
                middle = len(batch) // 2
                self._log_batch(run, batch[:middle])
                self._log_batch(run, batch[middle:])

    def _params(self, run: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        for some in _batches([Param(name, value) for name, value in params.items()], PAIRS):
            self._client.log_batch(run, params=some, synchronous=True)

    def _set(self, run: str, tags: Mapping[str, str]) -> None:
        for some in _batches(_run_tags(tags), PAIRS):
            self._client.log_batch(run, tags=some, synchronous=True)

    def _dataset(self, record: Record) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        run = self.runs[record["country"]]
        data = Dataset(
            name=f"{record['country']} {record['name']}",
            digest=record["fingerprint"][:DIGEST],
            source_type="country",  # the source is a country, not a place where anyone could fetch records
            source=f'{{"country": "{record["country"]}"}}',
        )
        context = [InputTag("mlflow.data.context", "training")]
        for one in (run, self.runs[""]):
            self._client.log_inputs(one, [DatasetInput(data, context)])
        self._set(run, {"gotong.fingerprint": record["fingerprint"]})

    def _artifact(self, record: Record) -> None:
        path = self._folder / record["path"]
        if path.is_dir():
            self._client.log_artifacts(self.runs[""], str(path), record["to"] or None)
        elif path.exists():
            self._client.log_artifact(self.runs[""], str(path), record["to"] or None)
        else:
            self.refused.append(f"{path} is gone")

    def _model(self, record: Record) -> None:
        from federation.tracking.model import log

        log(self._store, self._identity, self.runs[""], self._folder / record["path"])

    def _end(self, record: Record) -> None:
        for run in self.runs.values():
            self._client.set_terminated(run, status=record["status"], end_time=record["time"])
        self._remove_twins()
        first_sight.refresh(self._store)

    def _unless_refused(self, step: Callable[[Any], None], what: Any) -> None:
        from mlflow.exceptions import MlflowException

        try:
            step(what)
        except MlflowException as error:
            self._refuse(error)

    def _refuse(self, error: "MlflowException") -> None:
        """Raise what may pass; note what never will, for trying again would block all that follows."""
        if error.error_code != REFUSED:
            raise error
        self.refused.append(str(error).splitlines()[0])


def _metrics(record: Record) -> "Iterable[Metric]":
    from mlflow.entities import Metric

    for name, value in record["values"].items():
        yield Metric(_clean(name), float(value), record["time"], record["step"])


def _clean(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _run_tags(tags: Mapping[str, str]) -> "list[RunTag]":
    from mlflow.entities import RunTag

    return [RunTag(_clean(name), str(value)) for name, value in tags.items()]


def _batches(pairs: list[Any], size: int) -> list[list[Any]]:
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]
