"""What is tracked of a run: settings at the start, numbers a round, results at the end, and how it ended.

Metric names are GROUP/NAME, for MLflow makes a section of charts for each group: `round/train_loss`,
`validation/log_wis/federated`, `test/log_wis/local`, `excluded_period/...`, `better_by/THA`, `cost/seconds`. All
results of a run that cuts each country at its own end are in `unaligned/...`. What is measured once, at the end, has
step 0: MLflow draws a bar of it, and of a later step a line with one dot. The headline score is there of every arm,
other scores of what was learnt alone: `results.json`, among the artifacts, has them all.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.func import functional_call

from federation.composition.restore import flat
from federation.coordinator.incidents import Faults, faults_of, flags_of
from federation.coordinator.reply_summary import WITHHELD, mean_loss, summaries_by_country, withholds
from federation.coordinator.state import Federation, Outcome, ReplySummary, Report
from federation.reporting.improvement import country_note, improvements, note
from federation.reporting.rows import ALL, EXCLUDED_PERIOD, Row
from federation.reporting.score_table import PERFECT
from federation.settings.schema import OPERATIONAL, Settings
from federation.settings.values import plain
from federation.tracking.first_sight import ABOUT
from federation.tracking.machine import readings
from federation.tracking.run_info import ENERGY, REGION, WEIGHTS, WITHHOLDS, RunInfo
from federation.tracking.run_tags import tags_of
from federation.tracking.run_views import BETTER_BY, CONTRIBUTED
from federation.tracking.tracker import Tracker
from federation.wire.frame import Arrays
from tasks.models.weights import built
from tasks.places.facilities import country_of
from tasks.registry import TASKS

TAG = 5000  # characters that MLflow takes in a tag
ONCE = 0  # the step of what is measured at the end


class TrackedRun:
    """One federation in the words of MLflow: a parent run for the region, a child for every country."""

    def __init__(self, tracker: Tracker, settings: Settings, federation: Federation, faults: Faults) -> None:
        self._tracker, self._settings, self._federation, self._faults = tracker, settings, federation, faults
        self._fingerprinted: set[str] = set()
        self._task = TASKS[settings.task.name]
        self._headline = next(iter(self._task.scores))

    @contextmanager
    def following(self, committed: int) -> Iterator[None]:
        """Track all inside; a run that fails or is stopped is marked as such."""
        federation, settings, plan = self._federation, self._settings, plain(self._federation.plan)
        info = RunInfo(
            id=federation.run,
            name=federation.run,
            countries=tuple(sorted({country_of(client) for client in federation.nodes})),
            params={
                **{name: _param(value) for name, value in flat(plan).items()},
                "quorum": settings.quorum,
                "purpose": settings.purpose,
                "data": "synthetic" if not settings.data else "given",
            },
            tags=tags_of(settings),
        )
        self._tracker.begin(info, committed)
        try:
            yield
        except BaseException as error:
            self._tracker.tags({"stopped": " ".join(str(error).split())[:TAG] or type(error).__name__})
            self._files(self._faults.files)
            self._tracker.end("KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
            raise
        self._tracker.end("FINISHED")

    def round(self, report: Report) -> None:
        """Numbers of one round; validation scores belong to the model the round started from, one step earlier."""
        for summary in summaries_by_country(report.summaries):
            self._tracker.metrics(_of_country(summary), step=report.round, country=summary.country)
            for name, words in (("refused", summary.refused), ("remark", summary.remark)):
                if words:
                    self._tracker.tags({f"{name}.{report.round}": words}, country=summary.country)
            self._fingerprint(summary.country, summary.fingerprint)
        trained = [summary for summary in report.summaries if summary.counts]
        examples = sum(summary.examples for summary in trained)
        totals: dict[str, float] = {"round/countries": len(trained), "round/examples": examples}
        loss = mean_loss(report.summaries)
        if loss is not None:
            totals["round/train_loss"] = loss
        totals["round/faults"] = len(faults_of(report.round, report.summaries))
        totals["round/flags"] = len(flags_of(report))
        totals["round/bytes"] = sum(summary.sent + summary.received for summary in report.summaries)
        self._tracker.metrics(totals | readings(), step=report.round)
        self._rows(report.rows, "validation", report.round - 1)
        self._faults.round(report)

    def flush(self) -> int:
        """All so far is on the disk; its length."""
        self._faults.flush()
        return self._tracker.flush()

    def commit(self) -> None:
        """All so far may be sent."""
        self._tracker.commit()

    def results(self, outcome: Outcome) -> None:
        """Scores of validation and test, gains and refusals; they are sent while files and pages are made of them."""
        step = outcome.progress.round
        self._rows(outcome.validation, "validation", step)
        simple = [row for row in outcome.validation if row.arm in self._task.baselines]
        self._rows(simple, "validation", ONCE)  # a second point, so that what no round changes is a line as well
        self._rows(outcome.rows, "test", ONCE)
        self._rows(outcome.excluded, EXCLUDED_PERIOD, ONCE)
        self._gains(outcome)
        self._credit(outcome)
        horizons = len(self._task.horizons(self._settings.task))
        for summary in summaries_by_country(outcome.summaries):
            if summary.refused:
                self._tracker.tags({"refused.test": summary.refused}, country=summary.country)
            if withholds(summary, self._headline, horizons):
                self._tracker.tags({WITHHOLDS: WITHHELD}, country=summary.country)
            if summary.epsilon is not None:
                self._tracker.metrics({"privacy/epsilon": summary.epsilon}, step=step, country=summary.country)
        self._tracker.tags({WEIGHTS: str(sum(np.size(values) for values in outcome.model.values()))})
        self._faults.end(step, self._federation.region, outcome.alarms)
        self._tracker.commit(now=True)

    def finish(self, outcome: Outcome, files: tuple[Path, ...], cost: Mapping[str, float]) -> None:
        """Files, what the run cost, and the final model with a synthetic input."""
        self._tracker.metrics({f"cost/{name}": _rounded(value) for name, value in cost.items()}, step=ONCE)
        self._files((*files, *self._faults.files))
        self._tracker.commit(now=True)  # sent while the model's example is made
        example, output = synthetic_example(self._settings, outcome.model)
        self._tracker.model(
            outcome.model,
            task=self._task.name,
            settings=plain(self._settings.task),
            seed=self._settings.seed,
            example=example,
            output=output,
        )

    def energy(self, basis: str | None) -> None:
        """What the run's energy and carbon rest on, as JSON; None: they were not counted."""
        if basis is not None:
            self._tracker.tags({ENERGY: basis})

    def attach(self, paths: Iterable[Path]) -> None:
        """Further files of the run."""
        self._files(paths)

    def _gains(self, outcome: Outcome) -> None:
        """What the region and each country gained, as numbers and in the words that stand first in MLflow."""
        better, region, settings = self._task.scores[self._headline].better, self._federation.region, self._settings
        if settings.is_refit:
            self._tracker.tags({ABOUT: f"Learnt from all records; run {settings.fold} says how good it is"})
            return
        decides = settings.purpose == OPERATIONAL  # by its validation: its test lies ahead
        rows = outcome.validation if decides else outcome.rows
        gained = improvements(rows, self._headline, better, () if decides else outcome.paired)
        values = {REGION if place == region else place: round(each.value, 2) for place, each in gained.items()}
        self._tracker.metrics({self._group(f"{BETTER_BY}/{at}"): value for at, value in values.items()}, step=ONCE)
        about = f"{note(gained, better)}\n\n{self._headline}, {self._settings.task.calendar.tested()}."
        self._tracker.tags({ABOUT: about})
        for place, each in gained.items():
            if place != region:
                self._tracker.metrics({self._group(f"{BETTER_BY}/own"): round(each.value, 2)}, step=ONCE, country=place)
                self._tracker.tags({ABOUT: country_note(each, better)}, country=place)

    def _credit(self, outcome: Outcome) -> None:
        """What each country contributed, as a share of what the model gained, in %; nothing where it gained nothing."""
        made = outcome.credit
        if made is None or not made.gained:
            return
        self._tracker.metrics({"credit/models": made.models, "credit/seconds": round(made.seconds, 1)}, step=ONCE)
        for each in made.countries:
            values = {"contributed": each.shapley, "error": each.error, "left_out": each.left_out}
            shares = {f"credit/{name}": round(made.share(value), 2) for name, value in values.items()}
            self._tracker.metrics(shares, step=ONCE, country=each.country)
        of_all = {f"{CONTRIBUTED}/{each.country}": round(made.share(each.shapley), 2) for each in made.countries}
        self._tracker.metrics(of_all, step=ONCE)

    def _files(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._tracker.artifact(path)

    def _rows(self, rows: Iterable[Row], part: str, step: int) -> None:
        by_country: dict[str, dict[str, float]] = {}
        group = part if part == "validation" else self._group(part)
        for row in rows:
            if row.horizon == ALL and np.isfinite(row.value) and self._shown(row):
                by_country.setdefault(row.country, {})[f"{group}/{row.score}/{row.arm}"] = row.value
        for country, values in by_country.items():
            self._tracker.metrics(values, step=step, country=None if country == self._federation.region else country)

    def _shown(self, row: Row) -> bool:
        """Simple forecasts by the headline alone: 160 metrics of a run hide the ten that matter."""
        return row.score == self._headline or row.arm not in (*self._task.baselines, PERFECT)

    def _group(self, name: str) -> str:
        return f"unaligned/{name}" if self._settings.task.calendar.unaligned else name

    def _fingerprint(self, country: str, fingerprint: str) -> None:
        if fingerprint and country not in self._fingerprinted:
            self._fingerprinted.add(country)
            self._tracker.dataset(country, name=self._task.name, fingerprint=fingerprint)


def synthetic_example(settings: Settings, model: Arrays) -> tuple[dict[str, Any], Any]:
    """Two inputs of a synthetic country and the model's output for them: never a record of anybody."""
    task = TASKS[settings.task.name]
    with TemporaryDirectory() as scratch:
        task.synthesize(Path(scratch), "SGP", settings.seed, settings.task)
        windows = task.windows(task.read(Path(scratch), "SGP", settings.task), settings.task)
    example = windows.batch(slice(0, 2))[0]
    module = built(task, settings.task, settings.seed)
    weights = {name: torch.from_numpy(np.array(value)) for name, value in model.items()}
    inputs = {name: torch.from_numpy(value) for name, value in example.items()}
    with torch.no_grad():
        output = functional_call(module, weights, (inputs, None)).numpy()
    return dict(example), output


def _of_country(summary: ReplySummary) -> dict[str, float]:
    """Numbers of one country's round; loss, norm and cosine (with the centre of all) are of an update that counts."""
    values: dict[str, float] = {"round/bytes_received": summary.received, "round/bytes_sent": summary.sent}
    values |= {"round/examples": summary.examples, "round/took_part": float(summary.refused is None)}
    for name, value in (
        ("round/train_loss", summary.loss),
        ("round/update_norm", summary.norm),
        ("round/cosine", summary.cosine),
    ):
        if value is not None and summary.refused is None:
            values[name] = value
    return values


def _rounded(value: float) -> float:
    """One decimal of a large number, four of a small one."""
    return round(value, 1 if value >= 10 else 4)


def _param(value: Any) -> str | float | int:
    return value if type(value) in (int, float, str) else str(value)
