"""A country's vault: admits a request as jobs, and releases what training made of them. It never trains by itself.

admission = vault.admit(frame)             may refuse: policy, wire version, budget
results = training.run(admission.jobs)     a node: one country; a simulation: all of them at once
reply = vault.release(admission, results)  gate, ledger, memory; nothing else leaves
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch

from federation.composition.restore import alone, parameter_count
from federation.settings.schema import ADAPTED, Plan, compared
from federation.strategies.strategy import public
from federation.training.jobs import ClientHalf, Job, Result, Tensors, rate_of, seed_of
from federation.vault import differences as paired_differences
from federation.vault import gate, ledger, local_model, scoring, state
from federation.vault.gate import Contract, Outgoing, ScoreName
from federation.vault.ledger import Entry
from federation.vault.policy import Policy
from federation.vault.records import Records, Stamp, evaluated_parts, open_records, stamp
from federation.vault.requests import Request, digest_of, fresh, numpy_of, read_request
from federation.wire.frame import digest
from tasks.evaluation.paired_difference import NAMES, Blocks, paired_interval
from tasks.evaluation.scores import FinalScore, HistogramScore, Sums
from tasks.registry import TASKS
from tasks.settings import TaskSettings

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Jobs to run, or the reply that was given before."""

    request: Request
    jobs: tuple[Job, ...]
    memory: Tensors = field(default_factory=dict)
    reply: bytes | None = None


class Vault:
    """Data, policy, ledger and memory of one country, behind two doors."""

    def __init__(self, *, country: str, folder: Path, policy: Policy, database: sqlite3.Connection, key: bytes) -> None:
        self.country = country
        self.folder = folder
        self.policy = policy
        self.database = database
        self._key = key
        self._warm: tuple[tuple[TaskSettings, int | None], Records] | None = None
        self._files: dict[Path, Stamp | None] = {}  # as they were when records were last read

    def records(self, plan: Plan) -> Records:
        """The country's records cut for this plan, read from disk only if the task's settings changed.

        Raises DataError for a national file that cannot be used.
        """
        short = not plan.record_of or self.country in plan.record_of
        years = plan.record_years if short else None
        wanted = plan.task, years
        if self._warm is None or self._warm[0] != wanted:
            task = TASKS[plan.task.name]
            files = self._stamps()  # before reading: a file that changes meanwhile is read again
            self._warm = (wanted, open_records(task, plan.task, self.folder, self.country, self._key, years=years))
            self._files = files
        return self._warm[1]

    def admit(self, data: bytes) -> Admission:
        """Jobs for a request, or the stored reply to a repeated one.

        Raises WireError, PolicyRefusal, ConfigError or SettingError for what this country does not serve, DataError
        for records it cannot use.
        """
        request = read_request(data)
        plan, own_plan = request.plan, alone(request.plan, self.country)
        self.policy.check(request.task.name, plan, request.parameters)
        if own_plan is not plan:
            self.policy.check(request.task.name, own_plan, parameter_count(own_plan))
        reply = state.replay(self.database, self.country, request.run, request.round, request.digest)
        if reply is not None:
            return Admission(request=request, jobs=(), reply=reply)
        others = ledger.begun(self.database, self.country, request.run, datetime.now(UTC) - DAY)
        if others is not None:
            self.policy.check_begun(others)
            self._forget_old_files()
        records = self.records(plan)
        memory = state.recall(
            self.database,
            self.country,
            request.run,
            request.round,
            counted=request.counted,
            plan=request.plan_digest,
        )
        kept = {name: memory.get(f"private/{name}", value) for name, value in request.fresh.weights.items()}
        arrived = kept | dict(request.weights)
        own = _under("strategy", memory) or dict(request.strategy.memory(request.weights))
        job = partial(self._job, request, plan, records, request.fresh.model)
        client = request.strategy.client(plan.strategy)
        jobs = [job("federated", arrived, client=client, shared=request.shared, memory=own)]
        alike = request.fresh if own_plan is plan else fresh(request.task, own_plan)
        for arm in self._own(plan):
            mine = _under(arm, memory)
            last = _under("last", mine) or (
                alike.weights if arm == "local" else local_model.twin(request.task, own_plan)
            )
            start = local_model.final(mine, last) if request.kind == "test" else last
            jobs.append(self._job(request, own_plan, records, alike.model, arm, start))
        if "personalised" in plan.arms and request.kind == "test":
            jobs.append(job("personalised", arrived))
        return Admission(request=request, jobs=tuple(jobs), memory=memory)

    def release(self, admission: Admission, results: Sequence[Result]) -> bytes:
        """The reply: through the gate, on the ledger, and remembered, in one transaction of the caller's.

        Raises PolicyRefusal if the gate finds something that may not leave, LedgerError if it cannot be recorded.
        """
        if admission.reply is not None:
            return admission.reply
        request = admission.request
        records = self.records(request.plan)
        by_arm = {result.job.arm: result for result in results}
        forecasts = scoring.forecasts(request, records, by_arm, least=self.policy.minimum_cohort)
        found = scoring.scores(records, forecasts)
        differences = paired_differences.found(records, forecasts["test"], request.plan) if request.paired else {}
        found |= {_pair(request, name): paired_interval(each) for name, each in differences.items()}
        outgoing = self._outgoing(request, records, by_arm["federated"], found)
        data, entry = gate.release(outgoing, _contract(request, by_arm["federated"].job, records), self.policy)
        ledger.enter(self.database, entry)
        memory = _kept(request, by_arm, gate.scale_of(outgoing.arrays, self.policy)) | paired_differences.remembered(
            differences
        )
        for arm in self._own(request.plan) if request.kind != "test" else ():
            sums = found["validation", arm, next(iter(request.task.scores))]
            mine = local_model.remembered(_under(arm, admission.memory), by_arm[arm], sums, request.task, request.plan)
            memory |= {f"{arm}/{name}": value for name, value in mine.items()}
        self._remember(request, memory, data)
        return data

    def _forget_old_files(self) -> None:
        """A run begins with the files as they now are, and they are those of all runs until another one begins."""
        if self._stamps() != self._files:
            self._warm = None

    def _stamps(self) -> dict[Path, Stamp | None]:
        return {path: stamp(path) for path in self.folder.glob("**/*")}

    def _remember(self, request: Request, memory: Tensors, reply: bytes) -> None:
        answered = state.Remembered(
            country=self.country,
            run=request.run,
            round=request.round,
            kind=request.kind,
            counted=request.counted,
            request=request.digest,
            plan=request.plan_digest,
            memory=memory,
            reply=reply,
        )
        state.remember(self.database, answered)

    def keep(self, admission: Admission, refusal: bytes) -> None:
        """Put a refusal of what training came to on the ledger, and let it use up the round.

        Else a coordinator could ask a round again and again, each time with other weights, and learn from which of them
        numbers overflow.
        """
        request = admission.request
        entry = Entry(
            country=self.country,
            run=request.run,
            round=request.round,
            kind="refused",
            digest=digest(refusal),
            bytes=len(refusal),
            contents={},
        )
        ledger.enter(self.database, entry)
        self._remember(request, admission.memory, refusal)

    def blocks(self, run: str, plan: Plan) -> dict[str, Blocks]:
        """Of the run's tested differences, by pair; no message asks for them. A simulation alone can call this.

        What a horizon would be withheld for is left out here too.
        """
        memory = state.recall(self.database, self.country, run, plan.rounds + 3, counted=0, plan=digest_of(plan))
        return {
            name: each.where(gate.enough(each.count.sum(axis=0), self.policy))
            for name, each in paired_differences.recalled(memory).items()
        }

    def learns(self, plan: Plan) -> bool:
        """Whether models are trained on this country's records in such a run."""
        return self.country not in plan.hold_out and self.records(plan).cohort() >= self.policy.minimum_cohort

    def _own(self, plan: Plan) -> tuple[str, ...]:
        """Models that this country trains alone; none where it has too little to learn from, or is held out."""
        if "local" not in plan.arms or not self.learns(plan):
            return ()
        return ("local", local_model.TWIN) if "local_pair" in plan.arms else ("local",)

    def _job(
        self,
        request: Request,
        plan: Plan,
        records: Records,
        model: torch.nn.Module,
        arm: str,
        start: Tensors,
        **strategy: Any,
    ) -> Job:
        tuned = arm == "personalised"
        learns = (request.kind == "train" or tuned) and self.learns(plan)
        training = plan.training
        if tuned:
            training = replace(training, epochs=plan.tuning.epochs, steps=None, lr=plan.tuning.lr, schedule="constant")
        return Job(
            country=self.country,
            arm=arm,
            model=model,
            loss=request.task.loss,
            start=start,
            train=records.windows["train"] if learns else None,
            score=scoring.scored(records, request.kind),
            settings=training,
            client=strategy.pop("client", ClientHalf()),
            lr=rate_of(training, request.round, plan.rounds),
            seed=seed_of(plan.seed, self.country, request.round, arm),
            score_trained=tuned,
            **strategy,
        )

    def _outgoing(
        self, request: Request, records: Records, result: Result, found: Mapping[ScoreName, Sums]
    ) -> Outgoing:
        arrays: dict[str, Any] = {}
        if request.kind == "train" and result.params is not None:
            travelling = public(result.params, request.plan.strategy.private)
            arrays = {f"update/{name}": (new - result.job.start[name]).numpy() for name, new in travelling.items()}
            arrays |= {f"shared/{name}": value.numpy() for name, value in result.finished.released.items()}
        trained = result.params is not None
        header = {
            "country": self.country,
            "run": request.run,
            "round": request.round,
            "examples": records.cohort() if trained else 0,
            "steps": result.steps,
            "loss": result.loss if trained else 0.0,
            "fingerprint": records.fingerprint,
        }
        if result.start_loss is not None:
            header["start_loss"] = result.start_loss
        scores = {
            name: sums for name, sums in found.items() if name[1] != local_model.TWIN
        }  # of no use but to its pair
        kind = {"train": "update", "validate": "scores", "test": "scores"}[request.kind]
        return Outgoing(kind=kind, header=header, arrays=arrays, scores=scores, last=request.kind == "test")


def _kept(request: Request, by_arm: Mapping[str, Result], scale: float) -> dict[str, torch.Tensor]:
    """What the country remembers of the federated model: the strategy's memory, and weights that do not travel.

    scale: by which the gate shrank what it released. The strategy's memory moves by as much as the server was told.
    """
    federated = by_arm["federated"]
    before, after = federated.job.memory, federated.finished.memory
    if scale < 1.0:
        after = {name: before[name] + scale * (value - before[name]) for name, value in after.items()}
    memory = {f"strategy/{name}": value for name, value in after.items()}
    weights = federated.params or federated.job.start
    travelling = public(weights, request.plan.strategy.private)
    memory |= {f"private/{name}": value for name, value in weights.items() if name not in travelling}
    return memory


def _contract(request: Request, job: Job, records: Records) -> Contract:
    """What may leave, from the task and the strategy installed in this country."""
    of_models = [arm for arm in request.plan.arms if arm not in ADAPTED]  # personalised: with the test only
    arms = {"validation": of_models}
    if request.kind == "test":
        known = list(records.known["test"])
        tested = [*request.plan.arms, *known]
        arms = {**dict.fromkeys(evaluated_parts(records.calendar), tested), "validation": [*of_models, *known]}
    arrays = {}
    if request.kind == "train":
        travelling = numpy_of(public(job.start, request.plan.strategy.private))
        groups = {"update": travelling, "shared": request.strategy.shared(travelling)}
        arrays = {
            f"{group}/{name}": (value.shape, value.dtype.name)
            for group, values in groups.items()
            for name, value in values.items()
        }
    differences = compared(request.plan, request.task.baselines) if request.paired else []
    return Contract(
        arrays=arrays,
        scores={_pair(request, f"{arm}-{other}"): NAMES for arm, other in differences}
        | {
            (part, arm, name): score.names
            for part, leaving in arms.items()
            for arm in leaving
            for name, score in request.task.scores.items()
            if part != "validation" or not isinstance(score, FinalScore)
        },
        horizons=len(request.task.horizons(request.plan.task)),
        histograms={
            name: request.plan.task.cost_loss
            for name, score in request.task.scores.items()
            if isinstance(score, HistogramScore)
        },
        transport=request.plan.transport,
        seed=seed_of(request.plan.seed, job.country, request.round, "transport"),
    )


def _pair(request: Request, name: str) -> ScoreName:
    return paired_differences.PART, name, next(iter(request.task.scores))


def _under(prefix: str, memory: Tensors) -> dict[str, torch.Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in memory.items() if name.startswith(start)}
