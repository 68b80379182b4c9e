"""A round's request to every client, and their replies: checked, and where there are very many, summed.

A client that does not reply gets the request again, as often as the settings say, while the deadline lasts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from federation.coordinator import evaluation
from federation.coordinator.aggregation import combined, separate
from federation.coordinator.checks import ScoreName, Update, check_same_records, outliers, read_update
from federation.coordinator.flags import looked_at
from federation.coordinator.model_selection import candidates_as_sent
from federation.coordinator.state import Arrays, Federation, Progress, ReplySummary
from federation.errors import UpdateRejected, WireError
from federation.settings.plan import CHAMPION, INITIAL, Plan
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.strategies.strategy import Part
from federation.training.jobs import rounding_seed
from federation.wire.compression import packed, unpacked
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, encode
from tasks.evaluation.score import Sums

AT_ONCE = 200  # clients in one group of requests, so that thousands of them do not mean thousands of models in memory


@dataclass(frozen=True, kw_only=True)
class Replies:
    """The replies to a request of one round.

    parts: what the strategy aggregates: an update each, or a sum of many. scores: country or facility -> its sums.
    examples: client -> those its update rests on; of every reply that counts, 0 where it brought no update.
    """

    summaries: Sequence[ReplySummary]
    parts: Sequence[Part]
    scores: Mapping[str, Mapping[ScoreName, Sums]]
    examples: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class _RoundRequest:
    kind: str
    round: int
    until: float | None


def request_replies(
    grid: Grid, federation: Federation, kind: str, round_: int, models: Mapping[str, Arrays], progress: Progress
) -> Replies:
    """A message to every client that has a model here, and what came back, in alphabetical order.

    More than AT_ONCE clients of a strategy that is linear get it in groups; each group is checked as a cohort of its
    own, and its updates are summed before the next group gets the request.
    """
    deadline = federation.settings.deadline
    request = _RoundRequest(kind=kind, round=round_, until=None if deadline is None else monotonic() + deadline)
    clients = sorted(models)
    if len(clients) <= AT_ONCE or not STRATEGIES[federation.plan.strategy.name].linear:
        return _exchange_group(grid, federation, request, models, progress)
    grouped: list[Replies] = []
    for group in (clients[at : at + AT_ONCE] for at in range(0, len(clients), AT_ONCE)):
        replies = _exchange_group(grid, federation, request, {client: models[client] for client in group}, progress)
        grouped.append(
            replace(
                replies,
                parts=[combined(replies.parts)] if replies.parts else [],
                scores=evaluation.scores_by_country([replies.scores]),
            )
        )
    return Replies(
        summaries=[summary for replies in grouped for summary in replies.summaries],
        parts=[part for replies in grouped for part in replies.parts],
        scores=evaluation.scores_by_country([replies.scores for replies in grouped]),
        examples={client: many for replies in grouped for client, many in replies.examples.items()},
    )


def _exchange_group(
    grid: Grid, federation: Federation, request: _RoundRequest, models: Mapping[str, Arrays], progress: Progress
) -> Replies:
    frames = _frames(federation, request, models, progress)
    updates: dict[str, Update] = {}
    summaries: dict[str, ReplySummary] = {}
    for _ in range(1 + federation.settings.retries):
        silent = {client: frame for client, frame in frames.items() if client not in summaries}
        left = None if request.until is None else request.until - monotonic()
        if not silent or (left is not None and left <= 0):
            break
        for client, reply in exchange(grid, federation, request.round, silent, left):
            if client in summaries:
                twice = f"{client} replied more than once; only its first reply is read"
                summaries[client] = replace(summaries[client], remark=twice)
                continue
            summaries[client], update = _read(reply, client, federation, request.round, progress)
            if update is not None:
                updates[client] = update
    for client, why in outliers(list(updates.values())).items():
        summaries[client] = replace(summaries[client], refused=why)
        del updates[client]
    for client, (cosine, flagged) in looked_at(list(updates.values()), federation.plan).items():
        summaries[client] = replace(summaries[client], cosine=cosine, flags=flagged)
    for client, frame in frames.items():
        summary = summaries.get(client, ReplySummary(country=client, refused=f"{client} did not reply in time"))
        summaries[client] = replace(summary, received=len(frame))
    return Replies(
        summaries=[summaries[client] for client in sorted(summaries)],
        parts=separate(list(updates.values()), federation.plan.strategy),
        scores={client: update.scores for client, update in updates.items()},
        examples={client: updates[client].examples for client in sorted(updates)},
    )


def _frames(
    federation: Federation, request: _RoundRequest, models: Mapping[str, Arrays], progress: Progress
) -> dict[str, bytes]:
    """Client -> its request; the very same bytes for clients with the same weights and last aggregated round.

    Who has not trained yet when others have gets the first weights of a file, for models of its own, with its first
    round.
    """
    made: dict[tuple[int, ...], bytes] = {}
    frames: dict[str, bytes] = {}
    for client, model in models.items():
        last_aggregated = progress.last_aggregated.get(client, 0)
        late = request.kind == "train" and request.round > 1 and client not in progress.examples
        contents = (last_aggregated, late, *(id(value) for value in model.values()))
        if contents not in made:
            made[contents] = _frame(
                federation, request, last_aggregated, model, progress, initial=federation.initial if late else {}
            )
        frames[client] = made[contents]
    return frames


def _frame(
    federation: Federation,
    request: _RoundRequest,
    last_aggregated: int,
    model: Arrays,
    progress: Progress,
    *,
    initial: Arrays,
) -> bytes:
    assert type(federation.plan) is Plan, "settings hold paths, which stay here"
    header: dict[str, Any] = {
        "run": federation.run,
        "round": request.round,
        "last_aggregated": last_aggregated,
        "plan": plain(federation.plan),
    }
    arrays = _model_arrays(federation.plan, request.kind, model, progress)
    arrays |= {f"shared/{name}": value for name, value in progress.shared.items()}
    arrays |= {f"{INITIAL}/{name}": value for name, value in initial.items()}
    if request.kind == "test":
        arrays |= {f"{CHAMPION}/{name}": value for name, value in federation.champion.items()}
    travelling = packed(arrays, federation.plan.transport, rounding_seed(federation.plan.seed, request.round))
    return encode(Frame(kind=request.kind, header=header, arrays=travelling))


def _model_arrays(plan: Plan, kind: str, model: Arrays, progress: Progress) -> dict[str, Any]:
    """A test names the rounds of its candidates, whose mean every vault makes itself; they travel as they did then."""
    if kind != "test" or not progress.best:
        return {f"model/{name}": value for name, value in model.items()}
    return {
        f"candidate/{round_}/{name}": value
        for round_, candidate in candidates_as_sent(progress, plan).items()
        for name, value in candidate.items()
    }


def exchange(
    grid: Grid, federation: Federation, round_: int, frames: Mapping[str, bytes], left: float | None
) -> Iterator[tuple[str, Message]]:
    """Replies with the country whose enrolled node sent them; an unreachable node's error is no reply."""
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
) -> tuple[ReplySummary, Update | None]:
    try:
        data = unseal(reply.content)
        frame = decode(data)
        if frame.kind == "refused":
            return ReplySummary(
                country=country, sent=len(data), refused=_one_line(str(frame.header.get("reason")))
            ), None
        update = read_update(
            replace(frame, arrays=unpacked(frame.arrays, federation.plan.transport)),
            country=country,
            run=federation.run,
            round_=round_,
            model=progress.model,
            shared=progress.shared,
            plan=federation.plan,
            declared=federation.declared,
        )
        check_same_records(country, update.fingerprint, progress.records)
    except WireError as error:
        return ReplySummary(country=country, refused=_one_line(f"{country}: {error}")), None
    except UpdateRejected as error:
        return ReplySummary(country=country, refused=_one_line(str(error))), None
    summary = ReplySummary(
        country=country,
        examples=update.examples,
        loss=update.loss if update.examples else None,
        norm=update.norm if update.examples else None,
        sent=len(data),
        fingerprint=update.fingerprint,
        suppressed=update.suppressed,
        epsilon=update.epsilon,
    )
    return summary, update


def _one_line(reason: str) -> str:
    """What a country wrote, fit for a screen and a log: no line breaks, no control characters, no page of it."""
    return "".join(letter for letter in " ".join(reason[:1000].split()) if letter.isprintable())[:500]
