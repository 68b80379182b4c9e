"""The rounds: ask every country, wait for a quorum, check, aggregate, checkpoint, tell. Then one test.

One message a round: the country scores the model that arrives on its validation years, then trains from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from federation.coordinator import aggregation, checkpoint, evaluation
from federation.coordinator.checks import ScoreName, Update, outliers, read_update
from federation.coordinator.progress import Answer, Arrays, Federation, Progress, Report, Watch
from federation.envelope import seal, unseal
from federation.errors import QuorumError, UpdateRejected, WireError
from federation.results import Row
from federation.settings import plain
from federation.strategies import STRATEGIES
from federation.wire import Frame, decode, encode
from tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a run: the final model, what the test said, and who answered it."""

    progress: Progress
    rows: Sequence[Row]
    validation: Sequence[Row]
    answers: Sequence[Answer]


@dataclass(frozen=True, kw_only=True)
class _Replies:
    updates: Sequence[Update]
    answers: Sequence[Answer]


def begin(federation: Federation) -> Progress:
    """The state before the first round: freshly drawn weights, the same for every run of this plan."""
    plan = federation.plan
    module = TASKS[plan.task.name].build_model(plan.task, plan.seed)
    model = {name: value.detach().numpy().copy() for name, value in module.named_parameters()}
    return Progress(round=0, model=model, shared=STRATEGIES[plan.strategy.name].shared(model))


def federate(grid: Grid, federation: Federation, progress: Progress, watch: Watch) -> Outcome:
    """Run the rounds that are left, then the test. Raises QuorumError; the last checkpoint stands."""
    plan = federation.plan
    strategy = STRATEGIES[plan.strategy.name]
    server = strategy.server(plan.strategy)
    aggregation.give_memory(server, progress.server)
    while progress.round < plan.rounds:
        round_ = progress.round + 1
        models = aggregation.configured(server, round_, progress, sorted(federation.nodes.values()))
        replies = _ask(grid, federation, "train", round_, models, progress)
        _need_quorum(federation, round_, replies)
        after = aggregation.aggregated(
            server, strategy, plan.strategy, progress, replies.updates, len(federation.nodes)
        )
        found = evaluation.rows(_scores(replies.updates), plan, federation.region, "validation")
        watch.round(Report(round=round_, rounds=plan.rounds, answers=replies.answers, rows=found))
        progress = replace(after, tracked=watch.commit())
        checkpoint.save(federation, progress)
    return _test(grid, federation, progress)


def _test(grid: Grid, federation: Federation, progress: Progress) -> Outcome:
    models = dict.fromkeys(federation.nodes.values(), progress.model)
    replies = _ask(grid, federation, "test", federation.plan.rounds + 1, models, progress)
    scores = _scores(replies.updates)
    return Outcome(
        progress=progress,
        rows=evaluation.rows(scores, federation.plan, federation.region, "test"),
        validation=evaluation.rows(scores, federation.plan, federation.region, "validation"),
        answers=replies.answers,
    )


def _ask(
    grid: Grid, federation: Federation, kind: str, round_: int, models: Mapping[int, Arrays], progress: Progress
) -> _Replies:
    """One message to every country and what came back, checked, in alphabetical order."""
    header = {"run": federation.run, "round": round_, "plan": plain(federation.plan)}
    shared = {f"shared/{name}": value for name, value in progress.shared.items()}
    messages, sizes = [], {}
    for country, node in sorted(federation.nodes.items()):
        arrays = {f"model/{name}": value for name, value in models[node].items()}
        data = encode(Frame(kind=kind, header=header, arrays=arrays | shared))
        sizes[country] = len(data)
        messages.append(Message(seal(data), dst_node_id=node, message_type="train", group_id=str(round_)))
    names = {node: country for country, node in federation.nodes.items()}
    updates: dict[str, Update] = {}
    answers: dict[str, Answer] = {}
    for reply in grid.send_and_receive(messages, timeout=federation.deadline):
        sender = names.get(reply.metadata.src_node_id)
        if sender is None or sender in answers:
            continue
        answers[sender], update = _read(reply, sender, federation, round_, progress)
        if update is not None:
            updates[sender] = update
    for country, why in outliers(list(updates.values())).items():
        answers[country] = replace(answers[country], refused=why)
        del updates[country]
    for country in federation.nodes:
        answer = answers.get(country, Answer(country=country, refused=f"{country} did not answer in time"))
        answers[country] = replace(answer, received=sizes[country])
    return _Replies(
        updates=[updates[country] for country in sorted(updates)],
        answers=[answers[country] for country in sorted(answers)],
    )


def _read(
    reply: Message, country: str, federation: Federation, round_: int, progress: Progress
) -> tuple[Answer, Update | None]:
    if reply.has_error():
        return Answer(country=country, refused=f"{country} cannot be reached: {reply.error.reason}"), None
    try:
        data = unseal(reply.content)
        frame = decode(data)
        if frame.kind == "refused":
            return Answer(country=country, sent=len(data), refused=str(frame.header.get("reason"))[:500]), None
        update = read_update(
            frame,
            country=country,
            run=federation.run,
            round_=round_,
            model=progress.model,
            shared=progress.shared,
            task=TASKS[federation.plan.task.name],
        )
    except (WireError, UpdateRejected) as error:
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


def _need_quorum(federation: Federation, round_: int, replies: _Replies) -> None:
    counted = [update.country for update in replies.updates if update.examples]
    if len(counted) < federation.quorum:
        refusals = [answer.refused for answer in replies.answers if answer.refused]
        absent = "; ".join(map(str, refusals)) or "nobody refused"
        raise QuorumError(
            f"round {round_}: {len(counted)} of {federation.quorum} countries needed sent an update ({absent}); "
            f"the checkpoint of round {round_ - 1} stands, go on with resume={federation.run}"
        )


def _scores(updates: Sequence[Update]) -> dict[str, Mapping[ScoreName, Any]]:
    return {update.country: update.scores for update in updates}
