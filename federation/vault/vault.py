"""A country's vault: admits a request as jobs, and releases what training made of them. It never trains by itself;
under differential privacy it sums the gradients of its places, for these must be clipped and noised before they leave.

admission = vault.admit(frame)             may refuse: policy, wire version, budget
results = training.run(admission.jobs)     a node: one country; a simulation: all of them at once
reply = vault.release(admission, results)  gate, ledger, memory; nothing else leaves
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from federation.composition.restore import own_model_plan, parameter_count
from federation.errors import PolicyRefusal
from federation.policy import objections
from federation.policy.keys import Policy
from federation.policy.objections import Objection
from federation.privacy.mechanism import Noise, charges_from
from federation.settings.schema import PROTECTION, SEALED, Plan, is_noised
from federation.settings.values import digest_of
from federation.training.jobs import Job, Result, Tensors, steps_in
from federation.vault import energy, exploring, gate, job_building, ledger, lineage, own_results, plain_round, state
from federation.vault.gate import Outgoing
from federation.vault.identity import Identity
from federation.vault.job_building import Country
from federation.vault.ledger import Entry
from federation.vault.noised import budget
from federation.vault.noised import round as noised_round
from federation.vault.noised import secret as noise_secret
from federation.vault.noised.round import Noised
from federation.vault.own_models import differences as paired_differences
from federation.vault.records import Records, Stamp, open_records, stamp
from federation.vault.requests import Request, numpy_of, read_request
from federation.vault.sealed import admission as sealed
from federation.vault.sealed.admission import is_sealed
from federation.vault.sealed.store import SealStore, models_made
from federation.wire.frame import digest
from federation.wire.model import model_digest
from tasks.evaluation.paired_difference import Blocks
from tasks.registry import TASKS
from tasks.settings import TaskSettings

DAY, MONTH = timedelta(days=1), timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Jobs to run, or the reply that was given before. came: the models so far, if the policy asks where from.

    finish: of a sealed or a noised run, makes the reply from the results; a sealed one has no request of a plain round.
    """

    request: Request | None = None
    jobs: tuple[Job, ...] = ()
    memory: Tensors = field(default_factory=dict)
    reply: bytes | None = None
    came: lineage.Lineage | None = None
    finish: Callable[[Sequence[Result]], bytes] | None = None


class Vault:
    """Data, policy, ledger and memory of one country, behind two doors."""

    def __init__(
        self,
        *,
        country: str,
        folder: Path,
        policy: Policy,
        database: sqlite3.Connection,
        key: bytes,
        identity: Identity | None = None,
        noise: Noise | None = None,
    ) -> None:
        self.country = country
        self.identity = identity  # of sealed runs; none: it takes part in no such run
        self.folder = folder
        self.policy = policy
        self.database = database
        self._key = key
        self._noise = noise  # a test's; None: of a secret of each run
        self._warm: tuple[tuple[TaskSettings, int | None], Records] | None = None
        self._files: dict[Path, Stamp | None] = {}  # as they were when records were last read

    def admit(self, data: bytes) -> Admission:
        """Jobs for a request, or the stored reply to a repeated one.

        Raises WireError, PolicyRefusal, ConfigError or SettingError for what this country does not serve, DataError
        for records it cannot use.
        """
        if is_sealed(data):
            return sealed.admit(self, data)
        if exploring.is_exploring(data):
            return exploring.admit(self, data)
        request = read_request(data)
        if SEALED in PROTECTION[request.plan.protection]:
            raise PolicyRefusal(f"{self.country}: run {request.run} is sealed; its rounds are asked for in another way")
        self._refuse(self._reasons(request.plan, lambda: request.parameters))
        reply = state.stored_reply(self.database, self.country, request.run, request.round, request.digest)
        if reply is not None:
            return Admission(request=request, jobs=(), reply=reply)
        self.check_begun(request.run)
        if request.kind == "train":
            energy.check(self.database, self.policy, request.run)
        memory = state.memory_before(
            self.database,
            self.country,
            request.run,
            request.round,
            last_aggregated=request.last_aggregated,
            plan=request.plan_digest,
        )
        seen = state.models_seen(self.database, self.country, request.run)
        made, tested = (known(self.database, self.country) for known in (models_made, state.models_tested))
        came = lineage.admit(request, memory, self.policy, seen, made=made, tested=tested)
        return self._admitted(request, memory, came)

    def _admitted(self, request: Request, memory: Tensors, came: lineage.Lineage | None) -> Admission:
        """Jobs for a request that is new, whose model may come."""
        country = Country(
            code=self.country, records=self.records(request.plan), memory=memory, learns=self.learns(request.plan)
        )
        made = job_building.jobs(request, country)
        if is_noised(request.plan):
            jobs = noised_round.jobs(request, made)
            self.check_budget(request.plan, request.round)
            noised = Noised(request=request, records=country.records, job=made[0], learns=country.learns)
            finish = partial(self._release_noised, noised, memory, came)
            return Admission(request=request, jobs=jobs, memory=memory, finish=finish)
        if request.kind == "train":
            self.check_steps(request.plan)
        return Admission(request=request, jobs=made, memory=memory, came=came)

    def release(self, admission: Admission, results: Sequence[Result]) -> bytes:
        """The reply: through the gate, on the ledger, and stored, in one transaction of the caller's.

        Raises PolicyRefusal if the gate finds something that may not leave, LedgerError if it cannot be recorded.
        """
        if admission.reply is not None:
            return admission.reply
        if admission.finish is not None:
            return admission.finish(results)
        assert admission.request is not None, "of a plain round"
        computed = plain_round.computed(self, admission.request, results, admission.memory)
        data, entry = gate.release(computed.outgoing, computed.contract, self.policy)
        ledger.enter(self.database, entry)
        scale = gate.scale_of(computed.outgoing.arrays, self.policy)
        memory = plain_round.memory_after(self, computed, admission.memory, scale) | lineage.to_memory(admission.came)
        self.store(admission.request, memory, data)
        self._store_model(admission.request, admission.came)
        if admission.request.kind == "test":
            store = SealStore(database=self.database, country=self.country, run=admission.request.run)
            own_results.keep(store, admission.request, computed.scores, computed.differences)
        return data

    def _release_noised(
        self, noised: Noised, before: Tensors, came: lineage.Lineage | None, results: Sequence[Result]
    ) -> bytes:
        """The same under differential privacy. The country's own models stay at home, as all scores without noise do.

        before: the memory as it stood before the round.
        """
        request = noised.request
        data = noised_round.charged_release(self.database, self.policy, noised, self.charged(noised, results))
        scores, own = plain_round.own_models(self, request, results, before)
        memory = own | lineage.to_memory(came)
        if request.kind == "test":
            store = SealStore(database=self.database, country=self.country, run=request.run)
            own_results.keep(store, request, scores, {})
            noise_secret.forget(store)
        self.store(request, memory, data)
        self._store_model(request, came)
        return data

    def charged(self, noised: Noised, results: Sequence[Result]) -> Outgoing:
        """The noised numbers of a request, charged in the caller's transaction. Raises PolicyRefusal, LedgerError."""
        federated = next((result for result in results if result.job.arm == "federated"), None)
        request, fingerprint = noised.request, noised.records.fingerprint
        store = SealStore(database=self.database, country=self.country, run=request.run)
        noise = self._noise or noise_secret.noise_of(store, request, fingerprint, self.policy)
        return noised_round.charged(self.database, self.policy, noised, federated, noise)

    def _store_model(self, request: Request, came: lineage.Lineage | None) -> None:
        """Remember the model that came, where the policy asks where models come from."""
        if not lineage.bounded(self.policy):
            return
        digest_came = model_digest(numpy_of(request.weights))
        if request.kind == "test":
            state.store_tested(self.database, self.country, request.run, digest_came)
        if came is not None:
            state.store_model(self.database, self.country, request.run, request.round, digest_came)

    def keep_refusal(self, admission: Admission, refusal: bytes) -> None:
        """Put a refusal of what training came to on the ledger, and let it use up the round.

        Else a coordinator could request a round again and again, each time with other weights, and learn from which of
        them numbers overflow.
        """
        request = admission.request
        if request is None:
            return  # of a sealed run: its model is the country's own work, and nobody else can choose it
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
        self.store(request, admission.memory, refusal)

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

    def learns(self, plan: Plan) -> bool:
        """Whether models are trained on this country's records in such a run."""
        excluded = self.country in plan.hold_out or not self.policy.train
        if is_noised(plan):  # how many records there are decides nothing that others can see
            return not excluded
        return not excluded and self.records(plan).cohort() >= self.policy.minimum_cohort

    def blocks(self, run: str, plan: Plan) -> dict[str, Blocks]:
        """Of the run's tested differences, by pair; no message requests them. A simulation alone can call this.

        What a horizon would be suppressed for is left out here too.
        """
        memory = state.memory_before(
            self.database, self.country, run, plan.rounds + 3, last_aggregated=0, plan=digest_of(plan)
        )
        return {
            name: each.where(gate.reportable_rows(each.count.sum(axis=0), self.policy))
            for name, each in paired_differences.blocks_from_memory(memory).items()
        }

    def check(self, plan: Plan) -> None:
        """Raise PolicyRefusal if the country does not serve such a plan, or the one of its own model in it."""
        self._refuse(self._reasons(plan, lambda: parameter_count(plan)))

    def objections(self, plan: Plan) -> list[Objection]:
        """All reasons for which the country would not serve such a plan. Raises ConfigError or DataError."""
        reasons = self._reasons(plan, lambda: parameter_count(plan))
        if is_noised(plan):  # a step hidden behind noise may be one alone
            return reasons or self._budget_objections(plan, 1)
        return reasons or objections.of_steps(self.policy, self._steps(plan))

    def check_budget(self, plan: Plan, round_: int) -> None:
        """Raise PolicyRefusal for a run whose rounds from this one on cost more than is left."""
        self._refuse(self._budget_objections(plan, round_))

    def _budget_objections(self, plan: Plan, round_: int) -> list[Objection]:
        """To what a run costs from this round on, if that is more than is left."""
        return budget.objections(self.database, self.policy, charges_from(plan, round_, learns=self.learns(plan)))

    def _reasons(self, plan: Plan, parameters: Callable[[], int]) -> list[Objection]:
        """As far as they need no records. parameters: counts those of the plan's model.

        No model is built before the plan's values are allowed, and then without memory for its weights.
        """
        reasons = objections.objections(self.policy, plan) or objections.of_size(self.policy, parameters())
        own_plan = plan if reasons else own_model_plan(plan, self.country)
        if own_plan is plan:
            return reasons
        return objections.objections(self.policy, own_plan) or objections.of_size(
            self.policy, parameter_count(own_plan)
        )

    def _steps(self, plan: Plan) -> int:
        """Optimiser steps of one round on the country's records; 0 where it does not train."""
        return steps_in(plan.training, len(self.records(plan).windows["train"])) if self.learns(plan) else 0

    def check_steps(self, plan: Plan) -> None:
        """Raise PolicyRefusal for a plan that takes fewer steps than the country allows."""
        self._refuse(objections.of_steps(self.policy, self._steps(plan)))

    def _refuse(self, reasons: Sequence[Objection]) -> None:
        """Raise PolicyRefusal with the first reason, if there is any."""
        for reason in reasons:
            raise reason.refusal(self.policy)

    def check_begun(self, run: str) -> None:
        """Raise PolicyRefusal for one run or round too many. A run begins with the files as they now are, and they are
        those of all runs until another one begins."""
        now = datetime.now(UTC)
        rounds = ledger.rounds_served(self.database, self.country, now - MONTH)
        if rounds >= self.policy.rounds_per_month:
            raise self._too_many("round", rounds, "30 days", "rounds_per_month")
        begun = {
            "runs_per_day": (ledger.other_runs_begun(self.database, self.country, run, now - DAY), "24 hours"),
            "runs_per_month": (ledger.other_runs_begun(self.database, self.country, run, now - MONTH), "30 days"),
        }
        for key, (others, period) in begun.items():
            if others is None:
                return
            if others >= getattr(self.policy, key):
                raise self._too_many("run", others, period, key)
        if self._stamps() != self._files:
            self._warm = None

    def _too_many(self, what: str, many: int, period: str, key: str) -> PolicyRefusal:
        return PolicyRefusal(
            f"{self.country} refuses another {what}: {many} began within {period} and its policy allows "
            f"{getattr(self.policy, key)}. Wait, or edit `{key}` in {self.policy.path} on that country's node."
        )

    def _stamps(self) -> dict[Path, Stamp | None]:
        return {path: stamp(path) for path in self.folder.glob("**/*")}

    def store(self, request: Request, memory: Tensors, reply: bytes) -> None:
        """Keep a round, with the reply that the same request gets again."""
        record = state.RoundRecord(
            country=self.country,
            run=request.run,
            round=request.round,
            kind=request.kind,
            last_aggregated=request.last_aggregated,
            request=request.digest,
            plan=request.plan_digest,
            memory=memory,
            reply=reply,
        )
        state.store_round(self.database, record)
