"""The two doors of a vault: a request comes in as jobs, and what training made of them goes out through the gate.

admission = doors.admit(vault, frame)             may refuse: policy, wire version, budget
results = training.run(admission.jobs)            a node: one country; a simulation: all of them at once
reply = doors.release(vault, admission, results)  gate, ledger, memory; nothing else leaves
"""

from collections.abc import Sequence
from functools import partial

from federation.errors import PolicyRefusal
from federation.settings.plan import PROTECTION, SEALED, is_noised
from federation.training.jobs import Result, Tensors
from federation.vault import energy, exploring, gate, job_building, ledger, lineage, own_results, plain_round, state
from federation.vault.admission import Admission
from federation.vault.job_building import Country
from federation.vault.ledger import Entry
from federation.vault.noised import round as noised_round
from federation.vault.noised import secret as noise_secret
from federation.vault.noised.round import Noised
from federation.vault.requests import Request, numpy_of, read_request
from federation.vault.sealed import admission as sealed
from federation.vault.sealed.admission import is_sealed
from federation.vault.sealed.store import SealStore, models_made
from federation.vault.vault import Vault
from federation.wire.frame import digest
from federation.wire.model import model_digest


def admit(vault: Vault, data: bytes) -> Admission:
    """Jobs for a request, or the stored reply to a repeated one.

    Raises WireError, PolicyRefusal, ConfigError or SettingError for what this country does not serve, DataError
    for records it cannot use.
    """
    if is_sealed(data):
        return sealed.admit(vault, data)
    if exploring.is_exploring(data):
        return exploring.admit(vault, data)
    request = read_request(data)
    if SEALED in PROTECTION[request.plan.protection]:
        raise PolicyRefusal(f"{vault.country}: run {request.run} is sealed; its rounds are asked for in another way")
    vault.check(request.plan, lambda: request.parameters)
    reply = state.stored_reply(vault.database, vault.country, request.run, request.round, request.digest)
    if reply is not None:
        return Admission(request=request, jobs=(), reply=reply)
    vault.check_begun(request.run)
    memory = state.memory_before(
        vault.database,
        vault.country,
        request.run,
        request.round,
        last_aggregated=request.last_aggregated,
        plan=request.plan_digest,
    )
    request.check_arrays()
    seen = state.models_seen(vault.database, vault.country, request.run)
    made, tested = (known(vault.database, vault.country) for known in (models_made, state.models_tested))
    came = lineage.admit(request, memory, vault.policy, seen, made=made, tested=tested)
    return _admitted(vault, request, memory, came)


def _admitted(vault: Vault, request: Request, memory: Tensors, came: lineage.Lineage | None) -> Admission:
    """Jobs for a request that is new, whose model may come."""
    country = Country(
        code=vault.country, records=vault.records(request.plan), memory=memory, learns=vault.learns(request.plan)
    )
    made = job_building.jobs(request, country)
    if any(job.train is not None for job in made):  # of a test, the arm `personalised`
        energy.check(vault.database, vault.policy, request.run)
    if is_noised(request.plan):
        jobs = noised_round.jobs(request, made)
        vault.check_budget(request.plan, request.round)
        noised = Noised(request=request, records=country.records, job=made[0], learns=country.learns)
        finish = partial(_release_noised, vault, noised, memory, came)
        admission = Admission(request=request, jobs=jobs, memory=memory, finish=finish)
    else:
        if request.kind == "train":
            vault.check_steps(request.plan)
        admission = Admission(request=request, jobs=made, memory=memory, came=came)
    country.records.forecast_baselines()
    return admission


def release(vault: Vault, admission: Admission, results: Sequence[Result]) -> bytes:
    """The reply: through the gate, on the ledger, and stored, in one transaction of the caller's.

    Raises PolicyRefusal if the gate finds something that may not leave, LedgerError if it cannot be recorded.
    """
    if admission.reply is not None:
        return admission.reply
    if admission.finish is not None:
        return admission.finish(results)
    assert admission.request is not None, "of a plain round"
    computed = plain_round.computed(vault, admission.request, results, admission.memory)
    data, entry = gate.release(computed.outgoing, computed.contract, vault.policy)
    ledger.enter(vault.database, entry)
    scale = gate.scale_of(computed.outgoing.arrays, vault.policy)
    memory = plain_round.memory_after(vault, computed, admission.memory, scale) | lineage.to_memory(admission.came)
    vault.store(admission.request, memory, data)
    _store_model(vault, admission.request, admission.came)
    if admission.request.kind == "test":
        store = SealStore(database=vault.database, country=vault.country, run=admission.request.run)
        own_results.keep(store, admission.request, computed.scores, computed.differences)
    return data


def _release_noised(
    vault: Vault, noised: Noised, before: Tensors, came: lineage.Lineage | None, results: Sequence[Result]
) -> bytes:
    """The same under differential privacy. The country's own models stay at home, as all scores without noise do.

    before: the memory as it stood before the round.
    """
    request = noised.request
    data = noised_round.charged_release(vault.database, vault.policy, noised, vault.charged(noised, results))
    scores, own = plain_round.own_models(vault, request, results, before)
    memory = own | lineage.to_memory(came)
    if request.kind == "test":
        store = SealStore(database=vault.database, country=vault.country, run=request.run)
        own_results.keep(store, request, scores, {})
        noise_secret.forget(store)
    vault.store(request, memory, data)
    _store_model(vault, request, came)
    return data


def _store_model(vault: Vault, request: Request, came: lineage.Lineage | None) -> None:
    """Remember the model that came, where the policy asks where models come from."""
    if not lineage.bounded(vault.policy):
        return
    digest_came = model_digest(numpy_of(request.weights))
    if request.kind == "test":
        state.store_tested(vault.database, vault.country, request.run, digest_came)
    if came is not None:
        state.store_model(vault.database, vault.country, request.run, request.round, digest_came)


def keep_refusal(vault: Vault, admission: Admission, refusal: bytes) -> None:
    """Put a refusal of what training came to on the ledger, and let it use up the round.

    Else a coordinator could request a round again and again, each time with other weights, and learn from which of
    them numbers overflow.
    """
    request = admission.request
    if request is None:
        return  # of a sealed run: its model is the country's own work, and nobody else can choose it
    entry = Entry(
        country=vault.country,
        run=request.run,
        round=request.round,
        kind="refused",
        digest=digest(refusal),
        bytes=len(refusal),
        contents={},
    )
    ledger.enter(vault.database, entry)
    vault.store(request, admission.memory, refusal)
