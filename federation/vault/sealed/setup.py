"""The setup of a sealed run in a vault: members are held to roster and policy, then keys and shares go out.

sealed_keys   a plan, members and their keys   -> this run's keys, and what the others shall know of the country
sealed_deal   the keys of all members          -> shares of this run's secrets, encrypted for each other country
"""

import json
from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np

from federation.composition.restore import restore
from federation.errors import PolicyRefusal, SealError
from federation.policy.keys import Policy
from federation.seals import posts
from federation.seals.member import Member
from federation.seals.model import SharedModel, to_bytes
from federation.seals.run import Claims, SealedRun, parts_of, rounds_of
from federation.seals.setup import Setup
from federation.seals.terms import SealTerms
from federation.settings.plan import PROTECTION, SEALED, Plan, is_noised
from federation.settings.values import digest_of, plain
from federation.vault.identity import Identity
from federation.vault.noised.round import places_of
from federation.vault.noised.secret import NOISE, new_secret
from federation.vault.records import power_of_two
from federation.vault.sealed import start as sealed_start
from federation.vault.sealed.basis import basis, versions
from federation.vault.sealed.reply import Reply, array_group
from federation.vault.sealed.store import SealStore
from federation.vault.vault import Vault
from federation.wire.frame import Frame
from tasks.data import Part
from tasks.registry import TASKS


def keys(vault: Vault, identity: Identity, store: SealStore, frame: Frame) -> Reply:
    """Agree to a run, or refuse it. Raises PolicyRefusal, ConfigError, SettingError, SealError or DataError."""
    plan = plan_of(frame.header.get("plan"))
    vault.check(plan)
    vault.check_begun(store.run)
    terms = proposed(store.run, digest_of(plan), rounds_of(plan), frame.header)
    check_policy(vault.policy, terms)
    identity.check(vault.country, terms.members)
    check_new(store)
    if is_noised(plan):  # a step hidden behind noise may be one alone
        vault.check_budget(plan, 1)
    elif vault.learns(plan):
        vault.check_steps(plan)
    first = sealed_start.first_weights(vault, plan, frame)
    model, start = sealed_start.first_model(plan, first), sealed_start.start_of(first, plan)
    sealed_start.check_start(vault, store, start)
    sealed_start.check_members(vault, store, plan.task.name, terms.members)
    claims = claims_of(vault, plan, model)

    def finish() -> Frame:
        store.put(0, "plan", json.dumps(plain(plan)).encode())
        store.put(0, "terms", terms_to_bytes(terms))
        store.put(0, "first", model.digest)
        store.put(0, "start", start)
        store.put(0, "basis", basis(vault.records(plan).fingerprint, vault.policy))
        if is_noised(plan):
            store.put(0, NOISE, new_secret())
        store.put(1, "model", to_bytes(model))
        post = Member(country=vault.country, key=identity.key, terms=terms, store=store).announce(claims.table())
        return Frame(kind="sealed_keys", header={}, arrays={"post": posts.as_array(post)})

    return Reply(finish=finish)


def deal(vault: Vault, identity: Identity, store: SealStore, frame: Frame) -> Reply:
    """Deal shares to members whose first model is this country's. Raises SealError, naming who differs."""
    plan, member = run_of(vault, identity, store)
    setup = Setup(terms=member.terms, announced=array_group(frame, "keys"), deals={})
    first, run = store.get(0, "first"), SealedRun(plan=plan, setup=setup)
    for country, claims in run.claims.items():
        if first is None or claims.model != first.hex():
            raise SealError(
                f"{country} begins with another first model than {vault.country}: it has {claims.versions}, "
                f"{vault.country} has {versions()}; install the same versions on both"
            )
    run.check_learning()
    check_others(vault.policy, {country: claims.sealed_only for country, claims in run.claims.items()})
    return Reply(finish=lambda: dealt(store, member, setup, "sealed_deal"))


def dealt(store: SealStore, member: Member, setup: Setup, kind: str) -> Frame:
    """The reply that deals this country's shares."""
    store.put(0, "announced", _to_bytes(setup.announced))
    post, boxes = member.deal(setup)
    arrays = {"post": post} | {f"box/{country}": box for country, box in boxes.items()}
    return Frame(kind=kind, header={}, arrays={name: posts.as_array(value) for name, value in arrays.items()})


def check_new(store: SealStore) -> None:
    """Raise SealError if this country has keys of another sealed run or exploration of this name."""
    if store.get(0, "terms") is not None:
        raise SealError(f"{store.country} takes part in another run {store.run}; choose another name")


def check_others(policy: Policy, sealed_only: Mapping[str, bool]) -> None:
    """Raise PolicyRefusal for members that serve other runs too, where the policy wants none: a coordinator that has
    what the others reply in the open takes it off the sum, and this country's is left."""
    plainly = sorted(country for country, only in sealed_only.items() if not only)
    others = [country for country in plainly if country != policy.country]
    if policy.members_sealed_only and others:
        raise PolicyRefusal(
            f"{policy.country} refuses a run with {', '.join(others)}, who serve runs that are not sealed, too. To "
            f"allow it, edit `members_sealed_only` in {policy.path} on that country's node"
        )


def agreed(store: SealStore) -> SealTerms | None:
    """What the members of a run agreed to; None where it is not sealed, or was forgotten."""
    kept = store.get(0, "terms")
    return None if kept is None else _terms_from_bytes(kept)


def run_of(vault: Vault, identity: Identity, store: SealStore) -> tuple[Plan, Member]:
    """The plan of a run that was agreed to, and this country's part in it. Raises SealError if there is none."""
    kept, values = store.get(0, "terms"), store.get(0, "plan")
    if kept is None or values is None:
        raise SealError(f"{vault.country} has no part in a sealed run {store.run}")
    terms = _terms_from_bytes(kept)
    return plan_of(json.loads(values)), Member(country=vault.country, key=identity.key, terms=terms, store=store)


def setup_of(store: SealStore, member: Member, deals: Mapping[str, bytes] | None = None) -> Setup:
    """What was published at setup. deals: as they come, in the first round; later those that were kept."""
    announced = store.get(0, "announced")
    dealt = store.get(0, "deals") if deals is None else _to_bytes(deals)
    if announced is None or dealt is None:
        raise SealError(f"the setup of run {store.run} is not complete in {member.country}")
    return Setup(terms=member.terms, announced=_from_bytes(announced), deals=_from_bytes(dealt))


def keep_deals(store: SealStore, setup: Setup) -> None:
    """So that later rounds have them."""
    store.put(0, "deals", _to_bytes(setup.deals))


def plan_of(values: Any) -> Plan:
    """The plan of a sealed run. Raises PolicyRefusal for another one, ConfigError or SettingError for none."""
    if not isinstance(values, dict):
        raise PolicyRefusal("a sealed run without a plan is not served")
    plan = restore(Plan, values, "plan", models=False)
    if SEALED not in PROTECTION[plan.protection]:
        raise PolicyRefusal(f"a run with protection={plan.protection} is not sealed")
    return plan


def check_policy(policy: Policy, terms: SealTerms) -> None:
    """Raise PolicyRefusal or SealError for terms that a country does not accept."""
    terms.check()
    missing = sorted(set(policy.required_members) - set(terms.members))
    needed = ceil(policy.threshold_share * len(terms.members))
    for key, wrong, why in (
        ("required_members", bool(missing), f"a run without {', '.join(missing)}"),
        ("minimum_members", terms.fewest < policy.minimum_members, f"sums of {terms.fewest} countries"),
        ("threshold_share", terms.threshold < needed, f"sums that {terms.threshold} of {len(terms.members)} open"),
    ):
        if wrong:
            allowed = getattr(policy, key)
            said = ", ".join(allowed) if isinstance(allowed, tuple) else f"{allowed:g}"
            raise PolicyRefusal(
                f"{policy.country} refuses {why}: its policy asks for {key} = {said}. To allow it, edit `{key}` in "
                f"{policy.path} on that country's node."
            )


def claims_of(vault: Vault, plan: Plan, model: SharedModel) -> Claims:
    """What the others shall know of this country. Under differential privacy nothing of it depends on its records."""
    records = vault.records(plan)
    examples = places_of(records) if is_noised(plan) else power_of_two(records.cohort())
    return Claims(
        examples=examples if vault.learns(plan) else 0,
        filled={part: _filled(vault, plan, part) for part in parts_of(plan)},
        model=model.digest.hex(),
        versions=versions(),
        sealed_only=SEALED in vault.policy.required_protection,
    )


def _filled(vault: Vault, plan: Plan, part: Part) -> list[bool]:
    """Rows of scores, a horizon each and then all, that rest on any record; of a noised score there is the last."""
    if is_noised(plan):
        return [False] * len(TASKS[plan.task.name].horizons(plan.task)) + [part == "test"]
    known = [bool(np.isfinite(column).any()) for column in vault.records(plan).windows[part].target.T]
    shown = vault.policy.round_scores or part != "validation"
    return [shown and row for row in (*known, any(known))]


def check_basis(vault: Vault, plan: Plan, store: SealStore) -> None:
    """Raise SealError if it is another one than at setup."""
    if store.get(0, "basis") != basis(vault.records(plan).fingerprint, vault.policy):
        raise SealError(
            f"{vault.country} leaves run {store.run}: its records, its policy or its software changed since the run "
            f"began, and a sealed run keeps to what it began with; start a new run"
        )


def proposed(run: str, plan: str, rounds: int, header: Mapping[str, Any]) -> SealTerms:
    """The terms that a request proposes. plan: its digest. Raises PolicyRefusal for what is none."""
    members, threshold, fewest = (header.get(key) for key in ("members", "threshold", "fewest"))
    try:
        named = {country: bytes.fromhex(key) for country, key in members.items()} if isinstance(members, dict) else {}
    except (TypeError, ValueError):
        raise PolicyRefusal("a sealed run without members and their keys is not served") from None
    if type(threshold) is not int or type(fewest) is not int or not all(len(key) == 32 for key in named.values()):
        raise PolicyRefusal("a sealed run whose members, threshold or fewest cannot be read is not served")
    return SealTerms(run=run, plan=plan, members=named, threshold=threshold, rounds=rounds, fewest=fewest)


def terms_to_bytes(terms: SealTerms) -> bytes:
    members = {country: key.hex() for country, key in terms.members.items()}
    values = {"run": terms.run, "plan": terms.plan, "threshold": terms.threshold, "rounds": terms.rounds}
    return json.dumps({**values, "fewest": terms.fewest, "members": members}).encode()


def _terms_from_bytes(raw: bytes) -> SealTerms:
    values = json.loads(raw)
    members = {country: bytes.fromhex(key) for country, key in values.pop("members").items()}
    return SealTerms(members=members, **values)


def _to_bytes(named: Mapping[str, bytes]) -> bytes:
    return json.dumps({country: value.hex() for country, value in named.items()}).encode()


def _from_bytes(raw: bytes) -> dict[str, bytes]:
    return {country: bytes.fromhex(value) for country, value in json.loads(raw).items()}
