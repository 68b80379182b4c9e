"""A country's reply to `gotong explore`: what its records look like, where its policy has `explore = true`.

The reply rests on the task, and on what the country has on record: of a request's settings only words count, such as a
hazard, so that two requests never differ by a few place-periods. Its calendar is used for orders of magnitude alone.
A request counts as a run and a round; the reply passes the gate and is on the ledger before it leaves.
"""

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from federation.composition.restore import restore
from federation.errors import PolicyRefusal
from federation.policy import objections
from federation.policy.keys import Policy
from federation.settings.plan import Plan
from federation.vault import gate, ledger
from federation.vault.admission import Admission
from federation.vault.records import power_of_two
from federation.vault.vault import Vault
from federation.wire.frame import decode, read_header
from federation.wire.header import REQUEST
from tasks.exploring.summary import Summary, summarise
from tasks.registry import TASKS
from tasks.settings import TaskSettings

KIND = "explore"
LONGEST_NAME = 200


def is_exploring(data: bytes) -> bool:
    """Whether a frame asks for a summary. Raises WireError."""
    return read_header(data).kind == KIND


def admit(vault: Vault, data: bytes) -> Admission:
    """Raises WireError, PolicyRefusal, ConfigError or SettingError for what this country does not say."""
    header = decode(data, bounds=REQUEST).header
    run, values = header.get("run"), header.get("plan")
    if not isinstance(run, str) or not 0 < len(run) <= LONGEST_NAME or not run.isprintable():
        raise PolicyRefusal(f"a run must have a name of 1 to {LONGEST_NAME} printable characters")
    if not isinstance(values, Mapping):
        raise PolicyRefusal(f"a request of run {run!r} without a plan is not served")
    plan = restore(Plan, values, "plan", models=False)
    check_allowed(vault.policy, plan.task.name, sealed=())
    vault.check_begun(run)
    return Admission(finish=lambda _: _release(vault, run, plan))


def check_allowed(policy: Policy, task: str, *, sealed: Collection[str]) -> None:
    """Raise PolicyRefusal where the country says nothing of its records, or nothing in this way.

    sealed: the protections of the exploration; none: of one country alone.
    """
    if not policy.explore:
        raise _refusal(policy, "explore", "says nothing of its records: its policy has explore = false")
    if set(policy.required_protection) - set(sealed):
        protections = " and ".join(policy.required_protection)
        raise _refusal(
            policy,
            "required_protection",
            f"says nothing of its records {'so' if sealed else 'alone'}: its policy wants runs to be {protections}",
        )
    if task not in policy.tasks:
        raise _refusal(policy, "tasks", f"takes no part in task {task!r}")


def _refusal(policy: Policy, key: str, reason: str) -> PolicyRefusal:
    return objections.Objection(key=key, reason=reason).refusal(policy)


def _release(vault: Vault, run: str, plan: Plan) -> bytes:
    """The reply: through the gate, and on the ledger. Raises DataError, PolicyRefusal or LedgerError."""
    reasons = [each.reason for each in vault.objections(plan)]
    header = {
        "country": vault.country,
        "run": run,
        "task": plan.task.name,
        "minimum": vault.policy.minimum_cohort,
        "learns": vault.policy.train and not reasons,
        "parts": parts_of(vault, plan),
        "objections": reasons,
        "summary": summary_of(vault, plan.task).plain(),
    }
    data, entry = gate.release_summary(header, vault.policy)
    ledger.enter(vault.database, entry)
    return data


def summary_of(vault: Vault, wanted: TaskSettings) -> Summary:
    """Of the records as the task's own settings read them. Raises DataError."""
    task, policy = TASKS[wanted.name], vault.policy
    panel = task.read(vault.folder, vault.country, of_words(wanted))
    return summarise(panel, least=policy.minimum_cohort, largest=policy.largest_term, with_end=policy.records_end)


def of_words(wanted: TaskSettings) -> TaskSettings:
    """The task's own settings with the words of these, such as a hazard, and their step; numbers are the task's own."""
    own = type(wanted)()
    words = {each.name: getattr(wanted, each.name) for each in fields(own) if isinstance(getattr(own, each.name), str)}
    return replace(own, **words, calendar=replace(own.calendar, step=wanted.calendar.step))


def parts_of(vault: Vault, plan: Plan) -> dict[str, Any]:
    """part -> reported place-periods, the next power of two, 0 where they are fewer than the policy's cohort."""
    windows, parts = vault.records(plan).windows, {}
    for part in ("train", "validation", "test"):
        count = int(np.isfinite(windows[part].target).sum(axis=0).max(initial=0))
        parts[part] = power_of_two(count) if count >= vault.policy.minimum_cohort else 0
    return parts
