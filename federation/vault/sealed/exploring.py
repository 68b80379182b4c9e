"""A sealed exploration in a vault: counts of its records, masked, of which only the sums over countries open.

explore_keys     a plan, members and their keys   -> this exploration's keys
explore_deal     the keys of all members          -> encrypted shares
explore_sum      what closed the sum before       -> a masked frame of counts
explore_reveal   the list of frames               -> shares that open their sum and no other
explore_end      what closed the last sum         -> nothing; what could open a sum again is erased
"""

import json
from collections.abc import Mapping

import numpy as np

from federation.errors import SealError
from federation.seals import exploring, posts
from federation.seals.exploring import DOMAIN, ROUNDS, Summand
from federation.seals.masks import Words, little
from federation.seals.member import Member
from federation.seals.setup import Setup
from federation.seals.sums import Closing, Place, list_digest, opened
from federation.settings.plan import SEALED, Plan
from federation.settings.values import digest_of, plain
from federation.vault import exploring as plain_exploring
from federation.vault.identity import Identity
from federation.vault.sealed import setup as sealed_setup
from federation.vault.sealed.basis import basis
from federation.vault.sealed.reply import Reply, array_group, closing_of
from federation.vault.sealed.rounds import with_own_words
from federation.vault.sealed.start import check_members, keep_members
from federation.vault.sealed.store import SealStore
from federation.vault.vault import Vault
from federation.wire.frame import Frame
from tasks.data import Panel
from tasks.registry import TASKS

CLAIMS = {"examples": 1}  # every country counts: groups are drawn of all of them


def keys(vault: Vault, identity: Identity, store: SealStore, frame: Frame) -> Reply:
    """Agree to an exploration, or refuse it.

    Raises PolicyRefusal, ConfigError, SettingError, SealError or DataError.
    """
    plan = sealed_setup.plan_of(frame.header.get("plan"))
    plain_exploring.check_allowed(vault.policy, plan.task.name, sealed=(SEALED,))
    vault.check_begun(store.run)
    terms = sealed_setup.proposed(store.run, DOMAIN + digest_of(plan), ROUNDS, frame.header)
    sealed_setup.check_policy(vault.policy, terms)
    identity.check(vault.country, terms.members)
    sealed_setup.check_new(store)
    check_members(vault, store, _task(plan), terms.members)

    def finish() -> Frame:
        store.put(0, "plan", json.dumps(plain(plan)).encode())
        store.put(0, "terms", sealed_setup.terms_to_bytes(terms))
        store.put(0, "basis", basis(vault.records(plan).fingerprint, vault.policy))
        claims = {**CLAIMS, "sealed_only": SEALED in vault.policy.required_protection}
        post = Member(country=vault.country, key=identity.key, terms=terms, store=store).announce(claims)
        return Frame(kind="explore_keys", header={}, arrays={"post": posts.as_array(post)})

    return Reply(finish=finish)


def deal(vault: Vault, identity: Identity, store: SealStore, frame: Frame) -> Reply:
    """Deal shares. Raises SealError, or PolicyRefusal for members that reply to explorations that are not sealed."""
    _, member = _run(vault, identity, store)
    setup = Setup(terms=member.terms, announced=array_group(frame, "keys"), deals={})
    sealed_only = {country: claims.get("sealed_only") is True for country, claims in setup.claims.items()}
    sealed_setup.check_others(vault.policy, sealed_only)
    return Reply(finish=lambda: sealed_setup.dealt(store, member, setup, "explore_deal"))


def sum_(vault: Vault, identity: Identity, store: SealStore, frame: Frame, number: int) -> Reply:
    """Close the sum before, then mask this one's counts. Raises SealError, PolicyRefusal or DataError."""
    plan, member = _run(vault, identity, store)
    if not 1 <= number <= ROUNDS:
        raise SealError(f"exploration {store.run} has no sum {number}")
    sealed_setup.check_basis(vault, plan, store)
    vault.check_begun(store.run)
    if number == 1:
        return _first(member, store, frame, _task(plan), summand(vault, plan).words(1, []))
    setup, closing = sealed_setup.setup_of(store, member), with_own_words(store, closing_of(frame), "explore_sum", 1)
    first = _opened(store, member, setup, closing, 1)
    words = summand(vault, plan).words(2, exploring.open_years(first, member.terms.fewest))

    def finish() -> Frame:
        member.settle(1)
        store.put(1, "listed", " ".join(sorted(closing.frames)).encode())
        return _masked(member, store, setup, exploring.place(2, first), words)

    return Reply(finish=finish)


def _first(member: Member, store: SealStore, frame: Frame, task: str, words: Words) -> Reply:
    """The first sum, with the shares that the others dealt."""
    setup = sealed_setup.setup_of(store, member, array_group(frame, "deal"))

    def finish() -> Frame:
        keep_members(store, task, member.terms.members)
        sealed_setup.keep_deals(store, setup)
        member.open_deals(setup, array_group(frame, "box"))
        return _masked(member, store, setup, exploring.place(1, None), words)

    return Reply(finish=finish)


def _masked(member: Member, store: SealStore, setup: Setup, here: Place, words: Words) -> Frame:
    store.put(here.round, "place", here.model)
    post, masked = member.mask(setup, here.round, here.model, words)
    arrays = {"post": posts.as_array(post), "words": posts.as_array(little(masked))}
    return Frame(kind="explore_sum", header={}, arrays=arrays)


def reveal(vault: Vault, identity: Identity, store: SealStore, frame: Frame, number: int) -> Reply:
    """Sign a list of frames: of the second sum, the countries of the first, for its years have enough of these."""
    _, member = _run(vault, identity, store)
    setup, frames = sealed_setup.setup_of(store, member), array_group(frame, "frame")
    before = store.get(1, "listed")
    if number == ROUNDS and (before is None or sorted(frames) != before.decode().split()):
        raise SealError(f"the second list of exploration {store.run} has other countries than the first")

    def finish() -> Frame:
        post = member.reveal(setup, _place(store, number), frames)
        return Frame(kind="explore_reveal", header={}, arrays={"post": posts.as_array(post)})

    return Reply(finish=finish)


def end(vault: Vault, identity: Identity, store: SealStore, frame: Frame, number: int) -> Reply:
    """Compare the last sum with what was signed, and erase what the exploration needed. Raises SealError."""
    _, member = _run(vault, identity, store)
    if number != ROUNDS:
        raise SealError(f"exploration {store.run} ends with sum {ROUNDS}")
    closing = with_own_words(store, closing_of(frame), "explore_sum", number)
    _opened(store, member, sealed_setup.setup_of(store, member), closing, number)

    def finish() -> Frame:
        store.forget(0, "static", "own shares", "announced", "deals", "keys")
        store.forget_before(ROUNDS + 1)
        return Frame(kind="explore_end", header={})

    return Reply(finish=finish)


def summand(vault: Vault, plan: Plan) -> Summand:
    """What this country adds. Raises ConfigError or DataError."""
    panel = TASKS[plan.task.name].read(vault.folder, vault.country, plain_exploring.of_words(plan.task))
    agrees = not vault.objections(plan)
    parts = plain_exploring.parts_of(vault, plan)
    can = {part: agrees and bool(count) for part, count in parts.items()}
    return Summand(
        places=len(panel.places),
        can={**can, "train": can["train"] and vault.policy.train},
        years=_years(panel),
    )


def _years(panel: Panel) -> Mapping[int, tuple[int, int]]:
    """Calendar year that is over in these records -> reported place-periods, and all of them."""
    years = panel.periods.astype("datetime64[Y]").astype(int) + 1970
    counts = {}
    for year in map(int, np.unique(years)):
        values = panel.target[:, years == year]
        counts[year] = (int(np.isfinite(values).sum()), int(values.size))
    if len(panel.periods) and panel.periods[-1].astype("datetime64[M]").astype(int) % 12 != 11:
        counts.pop(int(years[-1]))
    return counts


def _run(vault: Vault, identity: Identity, store: SealStore) -> tuple[Plan, Member]:
    """An exploration that was agreed to, and this country's part in it. Raises SealError if there is none."""
    plan, member = sealed_setup.run_of(vault, identity, store)
    if not member.terms.plan.startswith(DOMAIN):
        raise SealError(f"{vault.country} has no part in an exploration {store.run}")
    return plan, member


def _opened(store: SealStore, member: Member, setup: Setup, closing: Closing, number: int) -> Words:
    """Of the frames on the list, which is the one that this country signed."""
    here = _place(store, number)
    member.check_signed(number, list_digest(setup, here, closing.frames))
    return opened(setup, here, closing)


def _place(store: SealStore, number: int) -> Place:
    model = store.get(number, "place")
    if model is None:
        raise SealError(f"{store.country} has not come to sum {number} of exploration {store.run}, or is past it")
    return Place(round=number, model=model)


def _task(plan: Plan) -> str:
    """By which explorations of a task are known among what was summed before."""
    return f"explore:{plan.task.name}"
