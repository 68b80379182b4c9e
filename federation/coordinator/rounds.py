"""The rounds: ask every country, wait for a quorum, check, aggregate, checkpoint, tell. Then one test.

One message a round: the country scores the model that arrives on its validation years, then trains from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from federation.coordinator import aggregation, checkpoint, evaluation, sampling
from federation.coordinator.checks import ScoreName, Update, outliers, read_update
from federation.coordinator.progress import Answer, Arrays, Federation, Progress, Report, Watch
from federation.coordinator.selection import chosen, judged
from federation.envelope import seal, unseal
from federation.errors import ConfigError, QuorumError, UpdateRejected, WireError
from federation.results import Row
from federation.settings import plain
from federation.strategies import STRATEGIES
from federation.strategies.strategy import public
from federation.wire import Frame, decode, encode
from tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a run: the final model, what the test said, and who answered it."""

    progress: Progress
    model: Arrays
    rows: Sequence[Row]
    validation: Sequence[Row]
    answers: Sequence[Answer]


@dataclass(frozen=True, kw_only=True)
class _Replies:
    updates: Sequence[Update]
    answers: Sequence[Answer]


def begin(federation: Federation, start: Arrays | None = None) -> Progress:
    """The state before the first round: freshly drawn weights, the same for every run of this plan, or `start`.

    Raises ConfigError if `start` is of another model.
    """
    plan = federation.plan
    module = TASKS[plan.task.name].build_model(plan.task, plan.seed)
    weights = {name: value.detach().numpy().copy() for name, value in module.named_parameters()}
    model = public(weights, plan.strategy.private)
    if start is not None:
        if {name: value.shape for name, value in start.items()} != {name: value.shape for name, value in model.items()}:
            raise ConfigError(
                f"start_from={federation.settings.start_from} holds another model than this run's task settings make; "
                f"use the settings of that run"
            )
        model = {name: start[name] for name in model}
    return Progress(round=0, model=model, shared=STRATEGIES[plan.strategy.name].shared(model))


def federate(grid: Grid, federation: Federation, progress: Progress, watch: Watch) -> Outcome:
    """Run the rounds that are left, then the test. Raises QuorumError; the last checkpoint stands."""
    plan = federation.plan
    strategy = STRATEGIES[plan.strategy.name]
    server = strategy.server(plan.strategy)
    aggregation.give_memory(server, progress.server)
    while progress.round < plan.rounds:
        round_ = progress.round + 1
        nodes = _asked(federation, round_)
        models = aggregation.configured(server, round_, progress, list(nodes.values()))
        replies = _ask(
            grid, federation, "train", round_, {name: models[node] for name, node in nodes.items()}, progress
        )
        _need_quorum(federation, progress, replies)
        found = _validated(federation, replies)
        progress = judged(progress, found, plan, federation.region)
        after = aggregation.aggregated(
            server, strategy, plan.strategy, progress, replies.updates, len(federation.learning)
        )
        watch.round(Report(round=round_, rounds=plan.rounds, answers=replies.answers, rows=found))
        progress = replace(after, tracked=watch.flush())
        checkpoint.save(federation, progress)
        watch.commit()
    return _test(grid, federation, progress)


def _test(grid: Grid, federation: Federation, progress: Progress) -> Outcome:
    plan = federation.plan
    if plan.keep_best:
        last = _ask(
            grid, federation, "validate", plan.rounds + 1, dict.fromkeys(federation.learning, progress.model), progress
        )
        progress = judged(progress, _validated(federation, last), plan, federation.region)
    model = chosen(progress)
    replies = _ask(grid, federation, "test", plan.rounds + 2, dict.fromkeys(federation.nodes, model), progress)
    return Outcome(
        progress=progress,
        model=model,
        rows=evaluation.rows(_scores(replies.updates), plan, federation.region, "test"),
        validation=_validated(federation, replies),
        answers=replies.answers,
    )


def _validated(federation: Federation, replies: _Replies) -> list[Row]:
    return evaluation.rows(_scores(replies.updates), federation.plan, federation.region, "validation")


def _asked(federation: Federation, round_: int) -> dict[str, int]:
    settings = federation.settings
    names = sampling.asked(
        federation.learning,
        round_=round_,
        seed=settings.seed,
        participation=settings.participation,
        availability=settings.availability,
    )
    return {name: federation.nodes[name] for name in names}


def _ask(
    grid: Grid, federation: Federation, kind: str, round_: int, models: Mapping[str, Arrays], progress: Progress
) -> _Replies:
    """A message to every country that has a model here, and what came back, checked, in alphabetical order.

    Who does not answer is asked again, as often as the settings say, while the deadline lasts.
    """
    header: dict[str, Any] = {"run": federation.run, "round": round_, "plan": plain(federation.plan)}
    shared = {f"shared/{name}": value for name, value in progress.shared.items()}
    frames = {
        country: encode(
            Frame(
                kind=kind,
                header=header | {"counted": progress.counted.get(country, 0)},
                arrays={f"model/{k}": v for k, v in model.items()} | shared,
            )
        )
        for country, model in models.items()
    }
    deadline = federation.settings.deadline
    until = None if deadline is None else monotonic() + deadline
    updates: dict[str, Update] = {}
    answers: dict[str, Answer] = {}
    for _ in range(1 + federation.settings.retries):
        silent = [country for country in frames if country not in answers]
        left = None if until is None else until - monotonic()
        if not silent or (left is not None and left <= 0):
            break
        for country, reply in _exchange(grid, federation, round_, {name: frames[name] for name in silent}, left):
            if country in answers:
                twice = f"{country} answered more than once; its first answer is the one that is looked at"
                answers[country] = replace(answers[country], remark=twice)
                continue
            answers[country], update = _read(reply, country, federation, round_, progress)
            if update is not None:
                updates[country] = update
    for country, why in outliers(list(updates.values())).items():
        answers[country] = replace(answers[country], refused=why)
        del updates[country]
    for country, frame in frames.items():
        answer = answers.get(country, Answer(country=country, refused=f"{country} did not answer in time"))
        answers[country] = replace(answer, received=len(frame))
    return _Replies(
        updates=list(updates.values()),
        answers=[answers[country] for country in sorted(answers)],
    )


def _exchange(
    grid: Grid, federation: Federation, round_: int, frames: Mapping[str, bytes], left: float | None
) -> Iterator[tuple[str, Message]]:
    """Replies with the country whose enrolled node sent them; an unreachable node's error is no answer."""
    names = {node: country for country, node in federation.nodes.items()}
    messages = [
        Message(
            seal(frame), dst_node_id=federation.nodes[country], message_type="train", group_id=str(round_), ttl=left
        )
        for country, frame in sorted(frames.items())
    ]
    for reply in grid.send_and_receive(messages, timeout=left):
        country = names.get(reply.metadata.src_node_id)
        if country is not None and country in frames and not reply.has_error():
            yield country, reply


def _read(
    reply: Message, country: str, federation: Federation, round_: int, progress: Progress
) -> tuple[Answer, Update | None]:
    try:
        data = unseal(reply.content)
        frame = decode(data)
        if frame.kind == "refused":
            return Answer(country=country, sent=len(data), refused=_one_line(str(frame.header.get("reason")))), None
        update = read_update(
            frame,
            country=country,
            run=federation.run,
            round_=round_,
            model=progress.model,
            shared=progress.shared,
            plan=federation.plan,
        )
    except WireError as error:
        return Answer(country=country, refused=f"{country}: {error}"), None
    except UpdateRejected as error:
        return Answer(country=country, refused=str(error)), None
    answer = Answer(
        country=country,
        examples=update.examples,
        loss=update.loss if update.examples else None,
        norm=update.norm if update.examples else None,
        sent=len(data),
        fingerprint=update.fingerprint,
        withheld=update.withheld,
    )
    return answer, update


def _one_line(reason: str) -> str:
    """What a country wrote, fit for a screen and a log: no line breaks, no control characters, no page of it."""
    return "".join(letter for letter in " ".join(reason[:1000].split()) if letter.isprintable())[:500]


def _need_quorum(federation: Federation, progress: Progress, replies: _Replies) -> None:
    """Raise QuorumError unless enough countries, and enough of the region's examples, stand behind the round."""
    settings = federation.settings
    counted = {update.country: update.examples for update in replies.updates if update.examples}
    known = {**progress.examples, **counted}
    share = sum(counted.values()) / max(sum(known.values()), 1)
    if len(counted) >= settings.quorum and share >= settings.quorum_share:
        return
    short = f"{len(counted)} countries sent an update and quorum={settings.quorum} are needed"
    if len(counted) >= settings.quorum:
        short = f"updates rest on {share:.0%} of the known examples and quorum_share={settings.quorum_share:.0%}"
    refusals = [str(answer.refused) for answer in replies.answers if answer.refused]
    raise QuorumError(
        f"round {progress.round + 1}: {short} ({'; '.join(refusals) or 'nobody refused'}); "
        f"the checkpoint of round {progress.round} stands, go on with resume={federation.run}"
    )


def _scores(updates: Sequence[Update]) -> dict[str, Mapping[ScoreName, Any]]:
    return {update.country: update.scores for update in updates}
