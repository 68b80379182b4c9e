"""Requests of one round to one or more vaults: admit all, train all together, release all in one transaction."""

import logging
from collections.abc import Callable, Sequence
from itertools import groupby

from federation.errors import GotongError, PolicyRefusal, WireError
from federation.training import freed
from federation.training.jobs import Job, Result
from federation.vault import doors
from federation.vault.admission import Admission
from federation.vault.database import empty_log, savepoint, transaction
from federation.vault.refusals import one_line, refusal
from federation.vault.vault import Vault
from federation.wire.frame import read_header
from tasks.errors import SettingError, TaskError

Train = Callable[[Sequence[Job]], list[Result]]
Served = Callable[[str], None]

log = logging.getLogger(__name__)


def serve(inbox: Sequence[tuple[Vault, bytes]], train: Train, served: Served | None = None) -> list[bytes]:
    """Replies of several vaults to one request each. All they release is committed before any of it is returned.

    served: gets the name of the run of every request that was worked on, whatever came of it.
    """
    if not inbox:
        return []
    admitted = [_admit(vault, data) for vault, data in inbox]
    try:
        return _replies(inbox, admitted, train)
    finally:
        for (_, data), admission in zip(inbox, admitted, strict=True):
            if served is not None and isinstance(admission, Admission) and admission.reply is None:
                served(str(read_header(data).header["run"]))


def _replies(inbox: Sequence[tuple[Vault, bytes]], admitted: Sequence[Admission | bytes], train: Train) -> list[bytes]:
    results_by_country = _trained([job for each in admitted if isinstance(each, Admission) for job in each.jobs], train)
    replies: list[bytes] = []
    with transaction(inbox[0][0].database):
        for (vault, _), admission in zip(inbox, admitted, strict=True):
            results = results_by_country.pop(vault.country, [])  # freed once they are released
            replies.append(
                _failed(vault, results) if isinstance(results, Exception) else _release(vault, admission, results)
            )
    if any(isinstance(each, Admission) and each.finish for each in admitted):  # a sealed round erases secrets
        empty_log(inbox[0][0].database)
    freed.give_back()
    return replies


def _trained(jobs: Sequence[Job], train: Train) -> dict[str, list[Result] | Exception]:
    """country -> its results, or what its training raised: one country's crash does not end the others' round."""
    try:
        return _results_by_country(train(jobs))
    except Exception:  # whatever a model, a record or a device raises
        results: dict[str, list[Result] | Exception] = {}
        for country, own in groupby(jobs, key=lambda job: job.country):
            try:
                results[country] = train(list(own))
            except Exception as error:  # the same, now of this country
                results[country] = error
        return results


def _results_by_country(results: Sequence[Result]) -> dict[str, list[Result] | Exception]:
    return {country: list(own) for country, own in groupby(results, key=lambda result: result.job.country)}


def _failed(vault: Vault, error: Exception) -> bytes:
    """The log of the node has it all; what leaves says no more than that it failed."""
    log.error("%s: its training failed", vault.country, exc_info=error)
    return refusal(vault.country, "its training failed; see the log of its node")


def _admit(vault: Vault, data: bytes) -> Admission | bytes:
    try:
        return doors.admit(vault, data)
    except (GotongError, TaskError) as error:
        return _refused(vault, error)


def _release(vault: Vault, admission: Admission | bytes, results: Sequence[Result]) -> bytes:
    if isinstance(admission, bytes):
        return admission
    try:
        with savepoint(vault.database):
            return doors.release(vault, admission, results)
    except (PolicyRefusal, WireError) as error:  # of what training made of the records: a reply like any other
        reply = _refused(vault, error)
        with savepoint(vault.database):
            doors.keep_refusal(vault, admission, reply)
        return reply
    except (GotongError, TaskError) as error:
        return _refused(vault, error)


def _refused(vault: Vault, error: Exception) -> bytes:
    """A refusal that may leave: a policy's words, but no path, nor what an error about records quotes from them."""
    log.warning("%s: %s", vault.country, one_line(str(error)))
    said = isinstance(error, GotongError | SettingError)  # a setting is the plan's own
    reason = str(error) if said else "its records cannot be used; see the log of its node"
    return refusal(vault.country, reason, (vault.folder, vault.policy.path.parent))
