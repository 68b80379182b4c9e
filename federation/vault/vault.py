"""A country's vault: admits a request as jobs, and releases what training made of them. It never trains by itself.

admission = vault.admit(frame)             may refuse: policy, wire version, budget
results = training.run(admission.jobs)     a node: one country; a simulation: all of them at once
reply = vault.release(admission, results)  gate, ledger, memory; nothing else leaves
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from federation.errors import PolicyRefusal
from federation.settings import Plan, plain
from federation.training.jobs import Array, ClientHalf, Job, Result, Tensors, rate_of, seed_of
from federation.vault import gate, ledger, state
from federation.vault.gate import Contract, Outgoing, ScoreName
from federation.vault.policy import Policy
from federation.vault.records import Records, open_records
from federation.vault.requests import Request, read_request
from tasks import TASKS
from tasks.scores import Sums
from tasks.task import Part, Windows, joined


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Jobs to run, or the reply that was given before."""

    request: Request
    jobs: tuple[Job, ...]
    reply: bytes | None = None


class Vault:
    """Data, policy, ledger and memory of one country, behind two doors."""

    def __init__(self, *, country: str, folder: Path, policy: Policy, database: sqlite3.Connection, key: bytes) -> None:
        self.country = country
        self.folder = folder
        self.policy = policy
        self.database = database
        self._key = key
        self._warm: tuple[dict[str, Any], Records] | None = None

    def records(self, plan: Plan) -> Records:
        """The country's records cut for this plan, read from disk only if the task's settings changed.

        Raises DataError for a national file that cannot be used.
        """
        wanted = plain(plan.task)
        if self._warm is None or self._warm[0] != wanted:
            task = TASKS[plan.task.name]
            self._warm = (wanted, open_records(task, plan.task, self.folder, self.country, self._key))
        return self._warm[1]

    def admit(self, data: bytes) -> Admission:
        """Jobs for a request, or the stored reply to a repeated one.

        Raises WireError, PolicyRefusal, ConfigError or SettingError for what this country does not serve, DataError
        for records it cannot use.
        """
        request = read_request(data)
        self.policy.check(request.task.name, request.plan)
        reply = state.replay(self.database, self.country, request.run, request.round, request.digest)
        if reply is not None:
            return Admission(request=request, jobs=(), reply=reply)
        records = self.records(request.plan)
        model = request.task.build_model(request.plan.task, request.plan.seed)
        initial = {name: value.detach() for name, value in model.named_parameters()}
        arrived = _arrived(request, "model", _numpy(initial))
        shared = _arrived(request, "shared", request.strategy.shared(_numpy(initial)))
        memory = state.recall(self.database, self.country, request.run, request.round)
        local = _under("local", memory) or initial
        own = _under("strategy", memory) or dict(request.strategy.memory(initial))
        jobs = [self._job(request, records, "federated", model, arrived, shared, own)]
        if "local" in request.plan.arms:
            jobs.append(self._job(request, records, "local", model, local, {}, {}))
        return Admission(request=request, jobs=tuple(jobs))

    def release(self, admission: Admission, results: Sequence[Result]) -> bytes:
        """The reply: through the gate, on the ledger, and remembered, in one transaction of the caller's.

        Raises PolicyRefusal if the gate finds something that may not leave, LedgerError if it cannot be recorded.
        """
        if admission.reply is not None:
            return admission.reply
        request = admission.request
        records = self.records(request.plan)
        by_arm = {result.job.arm: result for result in results}
        outgoing = self._outgoing(request, records, by_arm)
        data, entry = gate.release(outgoing, _contract(request, by_arm["federated"].job, records), self.policy)
        ledger.enter(self.database, entry)
        memory = {f"strategy/{name}": value for name, value in by_arm["federated"].finished.memory.items()}
        if "local" in by_arm:
            kept = by_arm["local"].params or by_arm["local"].job.start
            memory |= {f"local/{name}": value for name, value in kept.items()}
        answered = state.Remembered(
            country=self.country,
            run=request.run,
            round=request.round,
            kind=request.kind,
            request=request.digest,
            memory=memory,
            reply=data,
        )
        state.remember(self.database, answered)
        return data

    def _job(
        self,
        request: Request,
        records: Records,
        arm: str,
        model: torch.nn.Module,
        start: Tensors,
        shared: Tensors,
        memory: Tensors,
    ) -> Job:
        training = request.kind == "train" and records.cohort() >= self.policy.minimum_cohort
        plan = request.plan
        return Job(
            country=self.country,
            arm=arm,
            model=model,
            loss=request.task.loss,
            start=start,
            train=records.windows["train"] if training else None,
            score=_scored(records, request.kind),
            settings=plan.training,
            client=request.strategy.client(plan.strategy) if arm == "federated" else ClientHalf(),
            shared=shared,
            memory=memory,
            lr=rate_of(plan.training, request.round, plan.rounds),
            seed=seed_of(plan.seed, self.country, request.round, arm),
        )

    def _outgoing(self, request: Request, records: Records, by_arm: Mapping[str, Result]) -> Outgoing:
        result = by_arm["federated"]
        arrays: dict[str, Any] = {}
        if result.params is not None:
            arrays = {f"update/{name}": (new - result.job.start[name]).numpy() for name, new in result.params.items()}
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
        scores = _scores(request, records, by_arm)
        kind = {"train": "update", "test": "scores"}[request.kind]
        return Outgoing(kind=kind, header=header, arrays=arrays, scores=scores)


def _scored(records: Records, kind: str) -> Windows:
    """What a model is scored on: validation every round, validation and test together at the end."""
    if kind == "train":
        return records.windows["validation"]
    return joined(records.windows["validation"], records.windows["test"])


def _scores(request: Request, records: Records, by_arm: Mapping[str, Result]) -> dict[ScoreName, Sums]:
    """Sums of every arm; the test adds the baselines, which do not change from round to round."""
    scores: dict[ScoreName, Sums] = {}
    parts: tuple[Part, ...] = ("validation",) if request.kind == "train" else ("validation", "test")
    at = 0
    for part in parts:
        size = len(records.windows[part])
        for arm, result in by_arm.items():
            assert result.output is not None
            forecast = request.task.forecast(result.output[at : at + size], records.windows[part])
            scores |= {(part, arm, name): sums for name, sums in records.judge(part, forecast).items()}
        if request.kind == "test":
            for arm, forecast in records.known[part].items():
                scores |= {(part, arm, name): sums for name, sums in records.judge(part, forecast).items()}
        at += size
    return scores


def _contract(request: Request, job: Job, records: Records) -> Contract:
    """What may leave, from the task and the strategy installed in this country."""
    arms = (*request.plan.arms, *(records.known["test"] if request.kind == "test" else ()))
    parts = ("validation",) if request.kind == "train" else ("validation", "test")
    arrays = {}
    if request.kind == "train":
        groups = {"update": _numpy(job.start), "shared": request.strategy.shared(_numpy(job.start))}
        arrays = {
            f"{group}/{name}": (value.shape, value.dtype.name)
            for group, values in groups.items()
            for name, value in values.items()
        }
    return Contract(
        arrays=arrays,
        scores={
            (part, arm, name): score.names
            for part in parts
            for arm in arms
            for name, score in request.task.scores.items()
        },
        horizons=len(request.task.horizons(request.plan.task)),
    )


def _arrived(request: Request, group: str, expected: Mapping[str, Array]) -> dict[str, torch.Tensor]:
    """Tensors of a request, which must be those of the model installed here."""
    arrays = request.frame.group(group)
    for name in sorted(set(arrays) ^ set(expected)):
        raise PolicyRefusal(
            f"run {request.run} sends another model than is installed here: {group}/{name} is on one side only; "
            f"install the same version of Gotong on both sides"
        )
    for name, value in arrays.items():
        if (value.shape, value.dtype) != (expected[name].shape, expected[name].dtype):
            raise PolicyRefusal(
                f"run {request.run} sends {group}/{name} of shape {value.shape} and dtype {value.dtype}, "
                f"here it is {expected[name].shape} and {expected[name].dtype}"
            )
        if not np.isfinite(value).all():
            raise PolicyRefusal(f"run {request.run} sends {group}/{name} with values that are not finite")
    return {name: torch.from_numpy(arrays[name].copy()) for name in expected}


def _under(prefix: str, memory: Tensors) -> dict[str, torch.Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in memory.items() if name.startswith(start)}


def _numpy(tensors: Tensors) -> dict[str, Array]:
    return {name: value.numpy() for name, value in tensors.items()}
