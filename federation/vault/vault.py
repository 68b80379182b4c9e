"""A country's vault: its records, policy and memory, and what its policy says to a plan; `federation.vault.doors` are
its doors. It never trains by itself; under differential privacy it sums the gradients of its places, for these must be
clipped and noised before they leave.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from federation.composition.restore import own_model_plan, parameter_count
from federation.errors import PolicyRefusal
from federation.policy import objections
from federation.policy.keys import Policy
from federation.policy.objections import Objection
from federation.privacy.mechanism import Noise, charges_from
from federation.settings.plan import Plan, is_noised
from federation.settings.values import digest_of
from federation.training import freed
from federation.training.jobs import Result, Tensors, steps_in
from federation.vault import gate, ledger, state
from federation.vault.gate import Outgoing
from federation.vault.identity import Identity
from federation.vault.noised import budget
from federation.vault.noised import round as noised_round
from federation.vault.noised import secret as noise_secret
from federation.vault.noised.round import Noised
from federation.vault.own_models import differences as paired_differences
from federation.vault.records import Records, Stamp, open_records, stamp
from federation.vault.requests import Request
from federation.vault.sealed.store import SealStore
from tasks.evaluation.paired_difference import Blocks
from tasks.registry import TASKS
from tasks.settings import TaskSettings

DAY, MONTH = timedelta(days=1), timedelta(days=30)


class Vault:
    """Data, policy, ledger and memory of one country, behind two doors (`federation.vault.doors`)."""

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

    def records(self, plan: Plan) -> Records:
        """The country's records cut for this plan, read from disk only if the task's settings changed.

        Raises DataError for a national file that cannot be used.
        """
        years = plan.record_years_of(self.country)
        wanted = plan.task, years
        if self._warm is None or self._warm[0] != wanted:
            task = TASKS[plan.task.name]
            files = self._stamps()  # before reading: a file that changes meanwhile is read again
            self._warm = (wanted, open_records(task, plan.task, self.folder, self.country, self._key, years=years))
            self._files = files
            freed.give_back()
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

    def check(self, plan: Plan, parameters: Callable[[], int] | None = None) -> None:
        """Raise PolicyRefusal if the country does not serve such a plan, or the one of its own model in it.

        parameters: counts those of the plan's model; none: by building it.
        """
        self._refuse(self._reasons(plan, parameters or (lambda: parameter_count(plan))))

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

    def charged(self, noised: Noised, results: Sequence[Result]) -> Outgoing:
        """The noised numbers of a request, charged in the caller's transaction. Raises PolicyRefusal, LedgerError."""
        federated = next((result for result in results if result.job.arm == "federated"), None)
        request, fingerprint = noised.request, noised.records.fingerprint
        store = SealStore(database=self.database, country=self.country, run=request.run)
        noise = self._noise or noise_secret.noise_of(store, request, fingerprint, self.policy)
        return noised_round.charged(self.database, self.policy, noised, federated, noise)

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
