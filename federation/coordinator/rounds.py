"""The rounds: request from every country, wait for a quorum, check, aggregate, checkpoint, report. Then one test.

One message a round: the country scores the model that arrives on its validation years, then trains from it.
"""

from dataclasses import replace
from fnmatch import fnmatchcase

from flwr.serverapp import Grid

from federation.coordinator import aggregation, checkpoint, evaluation, sampling, sealed_rounds
from federation.coordinator.exchange import Replies, request_replies
from federation.coordinator.model_selection import final_model, with_candidate, with_chosen
from federation.coordinator.reply_summary import client_noun, summaries_by_country
from federation.coordinator.state import Arrays, Federation, Outcome, Progress, Report, Updates, Watch
from federation.coordinator.validation import got_worse, losses
from federation.errors import ConfigError, QuorumError
from federation.reporting.rows import EXCLUDED_PERIOD, Row
from federation.settings.plan import PROTECTION, SEALED
from federation.settings.schema import Settings
from federation.strategies import STRATEGIES
from federation.strategies.strategy import public
from tasks.models.weights import built, trainable
from tasks.registry import TASKS


def begin(federation: Federation, start: Arrays | None = None) -> Progress:
    """The state before the first round: freshly drawn weights, the same for every run of this plan, or `start`.

    Raises ConfigError if what is taken of `start` is of another model.
    """
    plan = federation.plan
    module = built(TASKS[plan.task.name], plan.task, plan.seed)
    weights = {name: value.numpy().copy() for name, value in trainable(module).items()}
    model: Arrays = public(weights, plan.strategy.private)
    if start is not None:
        model = _started(model, start, federation.settings)
    return Progress(round=0, model=model, shared=STRATEGIES[plan.strategy.name].shared(model))


def _started(fresh: Arrays, start: Arrays, settings: Settings) -> Arrays:
    """The fresh model with the weights of `start` that match `settings.start_from_weights`. Raises ConfigError."""
    patterns = settings.start_from_weights
    chosen = {name for name in (*fresh, *start) if any(fnmatchcase(name, pattern) for pattern in patterns)}
    shapes = {
        name: tuple(f"is {arrays[name].shape}" if name in arrays else "is missing" for arrays in (start, fresh))
        for name in sorted(chosen)
    }
    for name, (there, here) in shapes.items():
        if there != here:
            what, remedy = _source(settings)
            raise ConfigError(
                f"{what} holds another model than this run's settings make: {name} {there} there and {here} here; "
                f"use the settings of {remedy}"
            )
    if not chosen:
        raise ConfigError(f"start_from_weights={patterns} matches none of {', '.join(fresh)}")
    return {name: start[name] if name in chosen else value for name, value in fresh.items()}


def _source(settings: Settings) -> tuple[str, str]:
    """Where first weights came from, and what else could be done about another model."""
    if settings.initial_weights is not None:
        return f"initial_weights={settings.initial_weights}", "the run that made it"
    return f"start_from={settings.start_from}", "that run, or name weights in start_from_weights"


def federate(grid: Grid, federation: Federation, progress: Progress, watch: Watch) -> Outcome:
    """Run the rounds that are left, then the test. Raises QuorumError; the last checkpoint stands."""
    plan = federation.plan
    if SEALED in PROTECTION[plan.protection]:
        return sealed_rounds.federate(grid, federation, progress, watch)
    strategy = STRATEGIES[plan.strategy.name]
    server = strategy.server(plan.strategy)
    aggregation.give_memory(server, progress.server)
    while progress.round < plan.rounds:
        round_ = progress.round + 1
        nodes = _sampled_nodes(federation, round_)
        models = aggregation.configured(server, round_, progress, list(nodes.values()))
        replies = request_replies(
            grid, federation, "train", round_, {name: models[node] for name, node in nodes.items()}, progress
        )
        _need_quorum(federation, progress, replies)
        validation = _validated(federation, replies)
        alarm = got_worse(progress.losses, losses(validation, plan, federation.region))
        progress = _ranked(federation, progress, validation)
        updates = _updates(federation, progress, replies)
        after = aggregation.aggregated(
            server, strategy, plan, progress, replies.parts, replies.examples, len(federation.learning)
        )
        watch.round(
            Report(
                round=round_,
                rounds=plan.rounds,
                summaries=replies.summaries,
                rows=validation,
                region=federation.region,
                alarm=alarm,
                updates=updates,
            )
        )
        records = {each.country: each.fingerprint for each in replies.summaries if each.counts and each.fingerprint}
        progress = replace(after, records={**progress.records, **records}, tracked_bytes=watch.flush())
        checkpoint.save(federation, progress)
        watch.commit()
    return _test(grid, federation, progress)


def _updates(federation: Federation, progress: Progress, replies: Replies) -> Updates | None:
    """Every country's own, where somebody wants to know what each contributed and they were not summed."""
    names = [country for country in sorted(replies.examples) if replies.examples[country]]
    if not federation.settings.credit or len(names) != len(replies.parts):
        return None
    parts = dict(zip(names, replies.parts, strict=True))
    return Updates(before=progress, parts=parts, countries=len(federation.learning))


def _test(grid: Grid, federation: Federation, progress: Progress) -> Outcome:
    plan, worse = federation.plan, None
    if plan.keep_best:
        last = request_replies(
            grid, federation, "validate", plan.rounds + 1, dict.fromkeys(federation.learning, progress.model), progress
        )
        validation = _validated(federation, last)
        worse = got_worse(progress.losses, losses(validation, plan, federation.region))
        progress = _ranked(federation, progress, validation)
    model = final_model(progress, plan)
    replies = request_replies(
        grid, federation, "test", plan.rounds + 2, dict.fromkeys(federation.nodes, model), progress
    )
    return Outcome(
        progress=progress,
        model=model,
        rows=evaluation.rows(replies.scores, plan, federation.region, "test"),
        paired=evaluation.differences(replies.scores, plan),
        excluded=evaluation.rows(replies.scores, plan, federation.region, EXCLUDED_PERIOD),
        curves=evaluation.curves(replies.scores, plan, federation.region, "test"),
        validation=_validated(federation, replies),
        summaries=replies.summaries,
        alarms=tuple(filter(None, (worse, evaluation.rests_on_one(replies.scores, plan)))),
    )


def _ranked(federation: Federation, progress: Progress, validation: list[Row]) -> Progress:
    """Progress with its model among those that may be averaged at the end; a fold chose those of its refit."""
    if federation.averaged is not None:
        return with_chosen(progress, federation.averaged)
    return with_candidate(progress, validation, federation.plan, federation.region)


def _validated(federation: Federation, replies: Replies) -> list[Row]:
    return evaluation.rows(replies.scores, federation.plan, federation.region, "validation")


def _sampled_nodes(federation: Federation, round_: int) -> dict[str, int]:
    settings = federation.settings
    names = sampling.sampled_clients(
        federation.learning,
        round_=round_,
        seed=settings.seed,
        participation=settings.participation,
        availability=settings.availability,
    )
    return {name: federation.nodes[name] for name in names}


def _need_quorum(federation: Federation, progress: Progress, replies: Replies) -> None:
    """Raise QuorumError unless enough countries, and enough of the region's examples, stand behind the round."""
    settings = federation.settings
    counted = {client: examples for client, examples in replies.examples.items() if examples}
    known = {**progress.examples, **counted}
    share = sum(counted.values()) / max(sum(known.values()), 1)
    if len(counted) >= settings.quorum and share >= settings.quorum_share:
        return
    short = f"{len(counted)} {client_noun(replies.summaries)} sent an update and quorum={settings.quorum} are needed"
    if len(counted) >= settings.quorum:
        short = f"updates rest on {share:.0%} of the known examples and quorum_share={settings.quorum_share:.0%}"
    refusals = [str(summary.refused) for summary in summaries_by_country(replies.summaries) if summary.refused]
    again = f"the checkpoint of round {progress.round} stands, go on with resume={federation.run}"
    if len(replies.summaries) < settings.quorum:  # who is there is drawn from the seed and the round
        again = (
            f"availability={settings.availability} leaves {len(replies.summaries)} in this round, and would again if "
            f"the run were resumed; begin again with a larger availability or a smaller quorum"
        )
    raise QuorumError(f"round {progress.round + 1}: {short} ({'; '.join(refusals) or 'nobody refused'}); {again}")
