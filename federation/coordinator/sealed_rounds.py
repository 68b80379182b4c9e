"""The rounds of a sealed run: collect masked frames, fix one list, collect what opens its sum, forward all of it.

The coordinator works out the model and the region's scores as every country does. It never sends a model, and never
holds one country's update or scores.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from flwr.serverapp import Grid

from federation.coordinator import checkpoint, evaluation
from federation.coordinator.board import Asked, Published, ask, closings, published, setup_of
from federation.coordinator.state import Arrays, Federation, Outcome, Progress, ReplySummary, Report, Watch
from federation.errors import ConfigError, QuorumError, SealError
from federation.reporting.rows import EXCLUDED_PERIOD
from federation.seals import posts
from federation.seals.lists import next_list
from federation.seals.masks import Words, digest, read_words
from federation.seals.model import SharedModel
from federation.seals.run import Closed, SealedRun, kind_of, rounds_of
from federation.seals.setup import Setup
from federation.seals.sums import Closing, Place, check_reveal, list_digest, opened
from federation.seals.terms import FEWEST, SealTerms, default_threshold
from federation.settings.plan import CHAMPION
from federation.settings.values import digest_of, plain


def federate(grid: Grid, federation: Federation, progress: Progress, watch: Watch) -> Outcome:
    """Set the run up, or go on where its checkpoint left it, and close all rounds.

    Raises QuorumError or ConfigError; the last checkpoint stands.
    """
    terms = terms_of(federation)
    known = published(progress.board) if progress.board else _set_up(grid, federation, terms, progress)
    run = SealedRun(plan=federation.plan, setup=setup_of(terms, known))
    while True:
        number, kind = known.place.round, kind_of(federation.plan, known.place.round)
        if not known.sent:
            known = replace(known, sent=_collect(grid, federation, run, known))
            progress = _saved(federation, progress, known)
        closing, asked = _closing(grid, federation, run.setup, known)
        try:
            closed = run.close(known.model, kind, closing.frames, opened(run.setup, known.place, closing))
        except SealError as error:
            raise QuorumError(f"round {number}: {error}; start a new run without who is named") from None
        if kind == "test":
            return _outcome(grid, federation, progress, known, closing, closed, asked)
        if kind == "train":
            watch.round(_report(federation, known, closing, closed, asked))
        known = _next(known, closing, closed)
        if kind == "train":
            progress = replace(progress, round=number, model=closed.model.weights, tracked_bytes=watch.flush())
        progress = _saved(federation, progress, known)
        if kind == "train":
            watch.commit()


def terms_of(federation: Federation) -> SealTerms:
    """What the members agree to. Raises ConfigError for too few of them."""
    members = {country: federation.keys[country] for country in sorted(federation.nodes)}
    terms = SealTerms(
        run=federation.run,
        plan=digest_of(federation.plan),
        members=members,
        threshold=default_threshold(len(members)),
        rounds=rounds_of(federation.plan),
    )
    try:
        terms.check()
    except SealError as error:
        raise ConfigError(f"protection={federation.plan.protection}: {error}; name more countries") from None
    return terms


def _set_up(grid: Grid, federation: Federation, terms: SealTerms, progress: Progress) -> Published:
    """Keys of all members, then shares. Raises QuorumError naming who does not take part, and why."""
    header: dict[str, Any] = {
        "plan": plain(federation.plan),
        "members": {country: key.hex() for country, key in terms.members.items()},
        "threshold": terms.threshold,
        "fewest": FEWEST,
    }
    without = "nothing was trained; leave a country out, or start again when all are there"
    first: Arrays = {}
    chosen = federation.settings.start_from is not None or federation.initial
    if chosen:  # a vault takes no weights but those that it knows
        first = {f"model/{name}": value for name, value in progress.model.items()}
    asked = ask(grid, federation, "sealed_keys", 0, dict.fromkeys(terms.members, first), **header)
    announced = posts_of(asked.need_all(without))
    keys = {f"keys/{country}": posts.as_array(post) for country, post in announced.items()}
    asked = ask(grid, federation, "sealed_deal", 0, dict.fromkeys(terms.members, keys))
    deals = posts_of(asked.need_all(without))
    boxes = {
        country: {to: box.tobytes() for to, box in asked.frames[country].group("box").items() if to in terms.members}
        for country in deals
    }
    model = SharedModel(round=0, weights=progress.model)
    place = Place(round=1, model=model.digest)
    known = Published(announced=announced, deals=deals, boxes=boxes, place=place, model=model)
    try:
        run = SealedRun(plan=federation.plan, setup=setup_of(terms, known))
        claims = run.claims
        run.check_learning()
    except SealError as error:
        raise QuorumError(f"{without}: {error}") from None
    for country, claim in claims.items():
        if claim.model != model.digest.hex():
            raise QuorumError(
                f"{without}: {country} ({claim.versions}) begins with another first model than this coordinator "
                f"(gotong {version('gotong')}); install the same versions"
            )
    return known


def _collect(grid: Grid, federation: Federation, run: SealedRun, known: Published) -> dict[str, tuple[bytes, Words]]:
    """country -> post and words of its masked frame, if it is as it must be. Raises QuorumError for too few."""
    kind = kind_of(federation.plan, known.place.round)
    arrays = _round_arrays(run.setup, known)
    if kind == "test":  # by the digest in the plan; a vault scores one that it knows
        champion = {f"{CHAMPION}/{name}": value for name, value in federation.champion.items()}
        arrays = {country: {**own, **champion} for country, own in arrays.items()}
    asked = ask(grid, federation, "sealed_round", known.place.round, arrays)
    sent, wrong = {}, dict(asked.refused)
    for country, frame in asked.frames.items():
        try:
            post, words = (
                posts.bytes_of(frame, "post"),
                posts.bytes_of(frame, "words", run.frame_bytes(known.model, kind)),
            )
            signed = run.setup.read({country: post}, country, "frame")
            _check_frame(run, known, signed.header.get("round"), posts.bytes_of(signed, "model", 32))
            if digest(words) != posts.bytes_of(signed, "digest", 32):
                raise SealError(f"the frame of {country} is not the one it signed")
            sent[country] = post, read_words(words)
        except SealError as error:
            wrong[country] = str(error)
    _need(federation, run.setup, known, sent, wrong)
    return sent


def _check_frame(run: SealedRun, known: Published, round_: Any, model: bytes) -> None:
    if (round_, model) != (known.place.round, known.place.model):
        raise SealError(f"a frame of run {run.setup.terms.run} is of another round or model")


def _need(
    federation: Federation,
    setup: Setup,
    known: Published,
    sent: Mapping[str, tuple[bytes, Words]],
    wrong: Mapping[str, str],
) -> None:
    listed = next_list(setup.groups, sent)
    fewest = max(setup.terms.threshold, setup.terms.fewest)
    if len(listed) < fewest:
        raise QuorumError(
            f"round {known.place.round}: {len(sent)} countries sent a frame, which leaves {len(listed)} in whole "
            f"groups, and {fewest} are needed ({'; '.join(wrong.values()) or 'nobody refused'}); resume="
            f"{federation.run} asks again"
        )


def _closing(grid: Grid, federation: Federation, setup: Setup, known: Published) -> tuple[Closing, Asked]:
    """The open round's list, with signatures and shares of those that gave right ones. Raises QuorumError."""
    listed = next_list(setup.groups, known.sent)
    frames = {country: known.sent[country][0] for country in listed}
    arrays = {f"frame/{country}": posts.as_array(post) for country, post in frames.items()}
    asked = ask(grid, federation, "sealed_reveal", known.place.round, dict.fromkeys(known.sent, arrays))
    signed, reveals, wrong = list_digest(setup, known.place, frames), {}, dict(asked.refused)
    for country, post in posts_of(asked).items():
        try:
            check_reveal(setup, known.place, signed, frames, country, {country: post})
            reveals[country] = post
        except SealError as error:
            wrong[country] = str(error)
    if len(reveals) < setup.terms.threshold:
        raise QuorumError(
            f"round {known.place.round}: {len(reveals)} countries signed its list and {setup.terms.threshold} are "
            f"needed ({'; '.join(wrong.values())}); resume={federation.run} asks again"
        )
    words = {country: known.sent[country][1] for country in listed}
    return Closing(frames=frames, words=words, reveals=reveals), replace(asked, refused=wrong)


def _round_arrays(setup: Setup, known: Published) -> dict[str, Arrays]:
    """country -> what it is sent with a round: its shares before the first, else what closed the one before."""
    members = setup.terms.members
    if known.closing is not None:
        return closings(members, known.closing)
    deals = {f"deal/{country}": posts.as_array(post) for country, post in known.deals.items()}
    return {
        country: deals
        | {f"box/{dealer}": posts.as_array(own[country]) for dealer, own in known.boxes.items() if country in own}
        for country in members
    }


def _next(known: Published, closing: Closing, closed: Closed) -> Published:
    place = Place(round=known.place.round + 1, model=closed.model.digest)
    return replace(known, boxes={}, place=place, model=closed.model, closing=closing, sent={})


def _saved(federation: Federation, progress: Progress, known: Published) -> Progress:
    """With all that was published, so that a run that is resumed asks for the very same."""
    progress = replace(progress, board=known.arrays())
    checkpoint.save(federation, progress)
    return progress


def _report(federation: Federation, known: Published, closing: Closing, closed: Closed, asked: Asked) -> Report:
    plan, worse = federation.plan, None
    if closed.got_worse:
        worse = f"{closed.worse} of {closed.voters} countries found the model of the round before worse"
    return Report(
        round=known.place.round,
        rounds=plan.rounds,
        summaries=_summaries(federation, known, closing, asked),
        rows=evaluation.regional_rows(closed.scores, plan, federation.region, "validation"),
        region=federation.region,
        alarm=worse,
    )


def _summaries(federation: Federation, known: Published, closing: Closing, asked: Asked) -> list[ReplySummary]:
    summaries = []
    for country in sorted(federation.nodes):
        refused = None
        if country not in known.sent:
            refused = f"{country} sent no frame that counts"
        elif country not in closing.frames:
            refused = f"{country} stays out with one of its group that did not reply"
        remark = asked.refused.get(country) if refused is None else None
        sent = 4 * len(known.sent[country][1]) if country in known.sent else 0
        summaries.append(
            ReplySummary(
                country=country,
                sent=sent,
                received=asked.received.get(country, 0),
                refused=refused,
                remark=remark,
                sealed=True,
            )
        )
    return summaries


def _outcome(
    grid: Grid,
    federation: Federation,
    progress: Progress,
    known: Published,
    closing: Closing,
    closed: Closed,
    asked: Asked,
) -> Outcome:
    """The end of the run; every country gets what closed it, so that it erases its secrets."""
    ask(grid, federation, "sealed_end", known.place.round, closings(federation.nodes, closing))
    plan, region = federation.plan, federation.region
    rows = {
        part: evaluation.regional_rows(closed.scores, plan, region, part)
        for part in ("test", EXCLUDED_PERIOD, "validation")
    }
    return Outcome(
        progress=progress,
        model=closed.model.final(),
        rows=rows["test"],
        paired=evaluation.sealed_differences(rows["test"], closed.voters, closed.worse) if plan.champion_part else (),
        excluded=rows[EXCLUDED_PERIOD],
        curves=(),
        validation=rows["validation"],
        summaries=_summaries(federation, known, closing, asked),
    )


def posts_of(asked: Asked) -> dict[str, bytes]:
    """country -> the post in its reply; of one without, nothing."""
    found = {}
    for country, frame in asked.frames.items():
        try:
            found[country] = posts.bytes_of(frame, "post")
        except SealError:
            continue
    return found
