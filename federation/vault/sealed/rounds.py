"""Sealed rounds in a vault: it works out the model itself, and masked words and signed posts are all that leaves.

sealed_round    what closed the round before   -> a masked frame of update and scores
sealed_reveal   the list of frames             -> shares that open their sum and no other
sealed_end      what closed the test           -> nothing; what could open a round again is erased
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from federation.errors import PolicyRefusal, SealError
from federation.policy.file import accepted_models
from federation.seals import layout, posts
from federation.seals.fixed_point import Floats
from federation.seals.layout import ScoreName
from federation.seals.masks import Words, little, read_words
from federation.seals.member import Member
from federation.seals.model import Arrays, SharedModel, from_bytes, loss, to_bytes, vector
from federation.seals.run import SealedRun, kind_of, rounds_of
from federation.seals.setup import Setup
from federation.seals.sums import Closing, Place, list_digest, opened
from federation.settings.plan import CHAMPION, Plan, is_noised
from federation.settings.values import digest_of
from federation.training.jobs import Result
from federation.vault import energy, job_building, lineage, own_results, state
from federation.vault.identity import Identity
from federation.vault.job_building import Country
from federation.vault.noised.round import Noised
from federation.vault.noised.secret import NOISE
from federation.vault.requests import Request, request_of
from federation.vault.sealed import summands
from federation.vault.sealed.bounds import check_change, check_votes
from federation.vault.sealed.reply import Reply, array_group, closing_of
from federation.vault.sealed.setup import check_basis, keep_deals, run_of, setup_of
from federation.vault.sealed.start import check_members, check_start, keep_members
from federation.vault.sealed.store import MADE, SealStore, models_made
from federation.vault.vault import Vault
from federation.wire.frame import Frame, decode
from federation.wire.model import model_digest
from tasks.evaluation.score import Sums

WORSE = 0.02  # share by which a loss must grow until a country says that the model got worse


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a country stands in a run: before a round, all that its reply rests on."""

    run: SealedRun
    member: Member
    place: Place
    model: SharedModel
    aggregated: int  # the last round whose sum holds this country's frame; 0: none
    worse: int = 0  # rounds so far after which half of the countries found the model worse

    @property
    def setup(self) -> Setup:
        """What was published at setup."""
        return self.run.setup

    @cached_property
    def kind(self) -> str:
        """What the round does."""
        return kind_of(self.run.plan, self.place.round)


def round_(vault: Vault, identity: Identity, store: SealStore, frame: Frame, number: int) -> Reply:
    """Close the round before, work out the model, train and score; then mask. Raises SealError or PolicyRefusal."""
    plan, member = run_of(vault, identity, store)
    check_basis(vault, plan, store)
    vault.check_begun(store.run)
    if number == 1:
        standing, closed = _first(plan, member, store, frame), None
        check_start(vault, store, began := store.get(0, "start") or b"")
        check_members(vault, store, plan.task.name, member.terms.members)
    else:
        closed = with_own_words(store, closing_of(frame), "sealed_round", number - 1)
        standing = _next(vault, plan, member, store, closed, number)
    request = _request(standing, store.run, frame)
    memory = state.memory_before(
        vault.database, vault.country, store.run, number, last_aggregated=standing.aggregated, plan=digest_of(plan)
    )
    known = models_made(vault.database, vault.country)
    if standing.kind == "test":
        lineage.check_champion(request, vault.policy, known | accepted_models(vault.policy))
    came = None if standing.kind == "test" else lineage.admit(request, memory, vault.policy, {}, made=known)
    country = Country(code=vault.country, records=vault.records(plan), memory=memory, learns=vault.learns(plan))
    made = job_building.jobs(request, country)
    if any(job.train is not None for job in made):  # of a test, the arm `personalised`
        energy.check(vault.database, vault.policy, store.run)
    noised = None
    if is_noised(plan):
        vault.check_budget(plan, number)
        noised = Noised(request=request, records=country.records, job=made[0], learns=country.learns)
    country.records.forecast_baselines()

    def finish(results: Sequence[Result]) -> Frame:
        if closed is None:
            store.put(0, "began", began)
            keep_members(store, plan.task.name, member.terms.members)
            keep_deals(store, standing.setup)
            member.open_deals(standing.setup, array_group(frame, "box"))
        else:
            member.settle(number - 1)
            store.forget_before(number - 1)
        if noised is None:
            part = summands.trained(vault, request, memory, results)
        else:
            part = summands.noised(vault, noised, standing.run, memory, results)
        if standing.kind == "test":
            own_results.keep(store, request, part.own_scores, part.own_differences)
        if part.arrays:
            store.put(number, "norm", repr(part.norm).encode())
        words = _words(vault, standing, store, part.arrays, part.scores, part.verdict)
        post, masked = member.mask(standing.setup, number, standing.place.model, words)
        store.put(number, "model", to_bytes(standing.model))
        store.put(number, "aggregated", str(standing.aggregated).encode())
        store.put(number, "worse", str(standing.worse).encode())
        vault.store(request, {**part.memory, **lineage.to_memory(came)}, b"")
        return Frame(
            kind="sealed_round",
            header={},
            arrays={"post": posts.as_array(post), "words": posts.as_array(little(masked))},
        )

    trains = made[1:] if noised and standing.kind != "test" else made  # a noised step is no job of training
    return Reply(jobs=trains, finish_round=finish)


def reveal(vault: Vault, identity: Identity, store: SealStore, frame: Frame, number: int) -> Reply:
    """Sign a list of frames. Raises SealError for one that may not be."""
    plan, member = run_of(vault, identity, store)
    standing = _at(plan, member, store, number)

    def finish() -> Frame:
        post = member.reveal(standing.setup, standing.place, array_group(frame, "frame"))
        return Frame(kind="sealed_reveal", header={}, arrays={"post": posts.as_array(post)})

    return Reply(finish=finish)


def end(vault: Vault, identity: Identity, store: SealStore, frame: Frame, number: int) -> Reply:
    """Compare the test's sums with what was signed, and erase what the run needed. Raises SealError."""
    plan, member = run_of(vault, identity, store)
    if number != rounds_of(plan):
        raise SealError(f"run {store.run} ends with round {rounds_of(plan)}")
    standing = _at(plan, member, store, number)
    _sum(standing, with_own_words(store, closing_of(frame), "sealed_round", number))

    def finish() -> Frame:
        store.put(0, MADE, model_digest(standing.model.final()).encode())
        store.forget(0, "static", "own shares", "announced", "deals", "keys", NOISE)
        store.forget_before(number + 1)
        return Frame(kind="sealed_end", header={})

    return Reply(finish=finish)


def with_own_words(store: SealStore, closing: Closing, kind: str, number: int) -> Closing:
    """With the words of this country, which need not come back to it. kind: of the request that it replied to."""
    own = store.reply_kept(kind, number)
    if own is None or store.country not in closing.frames:
        return closing
    words = read_words(decode(own).arrays["words"].tobytes())
    return replace(closing, words={store.country: words, **closing.words})


def _first(plan: Plan, member: Member, store: SealStore, frame: Frame) -> Standing:
    setup = setup_of(store, member, array_group(frame, "deal"))
    model = _kept_model(store, 1)
    run = SealedRun(plan=plan, setup=setup)
    return Standing(run=run, member=member, place=Place(round=1, model=model.digest), model=model, aggregated=0)


def _at(plan: Plan, member: Member, store: SealStore, number: int) -> Standing:
    """A round that this country has sent its frame of."""
    model = _kept_model(store, number)
    place = Place(round=number, model=model.digest)
    aggregated, worse = (int(store.get(number, name) or b"0") for name in ("aggregated", "worse"))
    run = SealedRun(plan=plan, setup=setup_of(store, member))
    return Standing(run=run, member=member, place=place, model=model, aggregated=aggregated, worse=worse)


def _next(vault: Vault, plan: Plan, member: Member, store: SealStore, closing: Closing, number: int) -> Standing:
    """Where the country stands after the round before this one was closed with these frames."""
    before = _at(plan, member, store, number - 1)
    words = _sum(before, closing)
    closed = before.run.close(before.model, before.kind, closing.frames, words)
    own = store.get(number - 1, "norm")
    if own is not None:
        check_change(before.run, vault.country, number - 1, own=float(own), change=closed.change)
    check_votes(vault.policy, store.run, worse := before.worse + closed.got_worse)
    return Standing(
        run=before.run,
        member=member,
        place=Place(round=number, model=closed.model.digest),
        model=closed.model,
        aggregated=number - 1 if vault.country in closing.frames else before.aggregated,
        worse=worse,
    )


def _sum(at: Standing, closing: Closing) -> Words:
    """Of the frames on the list, which is the one that this country signed."""
    at.member.check_signed(at.place.round, list_digest(at.setup, at.place, closing.frames))
    return opened(at.setup, at.place, closing)


def _kept_model(store: SealStore, number: int) -> SharedModel:
    kept = store.get(number, "model")
    if kept is None:
        raise SealError(f"{store.country} has not come to round {number} of run {store.run}, or is past it")
    return from_bytes(kept)


def _request(standing: Standing, run: str, came: Frame) -> Request:
    """The request that a plain run would have sent: the rounds of both are one code from here on.

    came: with the champion's weights in a test that compares one, which the plan names by their digest.
    """
    weights: Arrays = standing.model.final() if standing.kind == "test" else standing.model.weights
    header = {"run": run, "round": standing.place.round, "last_aggregated": standing.aggregated}
    arrays = {f"model/{name}": value for name, value in weights.items()}
    arrays |= {f"{CHAMPION}/{name}": value for name, value in came.group(CHAMPION).items()}
    inner = Frame(kind=standing.kind, header=header, arrays=arrays)
    return request_of(inner, standing.run.plan, standing.place.model.hex())


def _words(
    vault: Vault,
    at: Standing,
    store: SealStore,
    arrays: Arrays,
    scores: Mapping[ScoreName, Sums],
    verdict: Floats,
) -> Words:
    """The country's summands: update, scores and votes as words.

    Where its policy keeps scores of rounds in the country, those of the validation are 0, also in the test, whose model
    may be one that was scored in a round, and it does not vote.
    """
    if not vault.policy.round_scores:
        scores = {name: sums for name, sums in scores.items() if name[0] != "validation"}
    update: Floats = np.zeros(0)
    if at.kind == "train":
        update = np.zeros(vector(at.model.weights).size)
        if arrays:
            update = vector({name.removeprefix("update/"): value for name, value in arrays.items()})
    summed = np.concatenate(
        [layout.flat(scores, at.run.cells(at.kind), at.run.filled), _votes(vault, at, store, scores, verdict)]
    )
    try:
        return at.run.codec(at.kind, update.size).encode(update, summed, at.run.weights[vault.country])
    except (OverflowError, ValueError) as error:
        raise PolicyRefusal(f"{vault.country} sends nothing in round {at.place.round}: {error}") from None


def _votes(vault: Vault, at: Standing, store: SealStore, scores: Mapping[ScoreName, Sums], verdict: Floats) -> Floats:
    """(2,) whether this country compares the model with the one before, and whether it finds it worse.

    Of a test, whether it finds the model better than the champion for certain, and whether it finds it worse.
    """
    if at.kind == "test":
        return verdict
    voting = vault.policy.round_scores and not is_noised(at.run.plan)
    own = loss(scores, at.run.plan) if voting else None
    before = store.get(at.place.round - 1, "loss")
    if own is None:
        return np.zeros(2)
    store.put(at.place.round, "loss", repr(own).encode())
    if before is None:
        return np.zeros(2)
    return np.array([1.0, float(own > float(before) + WORSE * abs(float(before)))])
