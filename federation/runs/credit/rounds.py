"""What each country contributed to a simulated run: models of every group of countries, from the updates of its rounds.

No model is trained again: in every round the updates of a group are aggregated as the run aggregates those of all, and
the model that comes of it is scored on the validation years of all countries. So it is a simulation's alone: between
countries nobody holds the records of all, and under seals nobody an update.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from time import perf_counter

import torch

from federation.coordinator import aggregation
from federation.coordinator.state import Arrays, Contribution, Credit, Report, Updates, Watch
from federation.errors import ConfigError
from federation.runs.credit.shapley import Group, Shares, most_values, shares
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.vault.records import Records
from federation.vault.requests import numpy_of
from tasks.evaluation.score import merge
from tasks.models.weights import built, output_of, trainable
from tasks.registry import TASKS

ORDERS = 22  # sampled orders a round, if `credit_models` allows them: of eleven countries, each is the first twice
FEWEST = 2  # orders a round, without which there is no standard error
TOLERANCE = 0.002  # of what the whole run gained, below which the rest of an order gets nothing


@dataclass
class Kept:
    """A watch that keeps the updates of all rounds in memory, and hands every report on."""

    watch: Watch
    rounds: list[Updates] = field(default_factory=list)

    def round(self, report: Report) -> None:
        """A round was aggregated."""
        if report.updates is not None:
            self.rounds.append(report.updates)
        self.watch.round(report)

    def flush(self) -> int:
        """See `Watch`."""
        return self.watch.flush()

    def commit(self) -> None:
        """See `Watch`."""
        self.watch.commit()


def orders_of(countries: int, rounds: int, models: int) -> int:
    """Sampled orders a round within so many models a run. Raises ConfigError where that is less than two."""
    fits = [each for each in range(FEWEST, ORDERS + 1) if rounds * most_values(countries, each) <= models]
    if not fits:
        least = rounds * most_values(countries, FEWEST)
        raise ConfigError(
            f"credit=true of {countries} countries and {rounds} rounds scores {least:,} models at least, and "
            f"credit_models={models} allows fewer; set credit_models={least}, or fewer rounds"
        )
    return fits[-1]


def cost(records: Mapping[str, Records], plan: Plan, models: int) -> str:
    """What `credit` will take after the last round, as a line: one model is scored to know how long that takes.

    Raises ConfigError as `orders_of` does.
    """
    most = plan.rounds * most_values(len(records), orders_of(len(records), plan.rounds, models))
    score = _scorer(list(records.values()), plan)
    model = numpy_of(trainable(built(TASKS[plan.task.name], plan.task, plan.seed)))
    score(model)  # the first one pays for what is then kept
    began = perf_counter()
    score(model)
    seconds = max(1.0, most * (perf_counter() - began))
    return (
        f"credit=true scores up to {most:,} models of groups of countries after the last round, "
        f"some {seconds:.0f} s; credit_models= bounds them."
    )


def credit(rounds: Sequence[Updates], last: Arrays, records: Mapping[str, Records], plan: Plan, models: int) -> Credit:
    """Shares of what the model gained on validation from the first round to the last, in the headline's unit.

    last: the model after the last round. records: of the countries that take part; one that sends no update has 0.
    models: most that are scored.
    """
    began = perf_counter()
    score = _scorer(list(records.values()), plan)
    start, end = score(rounds[0].before.model), score(last)
    orders = orders_of(len(records), len(rounds), models)
    games = [_Game(updates=each, plan=plan, score=score) for each in rounds]
    by_round = [
        shares(
            sorted(game.updates.parts),
            game.value,
            orders=orders,
            tolerance=TOLERANCE * abs(end - start),
            seed=plan.seed + at,
            first=at * orders,
        )
        for at, game in enumerate(games)
    ]
    return Credit(
        start=start,
        end=end,
        models=sum(len(game.known) for game in games),
        seconds=perf_counter() - began,
        countries=tuple(_sum(country, by_round) for country in sorted(records)),
    )


@dataclass(frozen=True, kw_only=True)
class _Game:
    """One round: what any group of its countries would have made of the model. known: group -> value, made once."""

    updates: Updates
    plan: Plan
    score: Callable[[Arrays], float]
    known: dict[Group, float] = field(default_factory=dict)

    def value(self, group: Group) -> float:
        if group not in self.known:
            self.known[group] = self.score(_model(self.updates, group, self.plan))
        return self.known[group]


def _model(updates: Updates, group: Group, plan: Plan) -> Arrays:
    """The model after the round, had the countries of a group alone taken part."""
    if not group:
        return updates.before.model
    strategy = STRATEGIES[plan.strategy.name]
    server = strategy.server(plan.strategy)
    aggregation.give_memory(server, updates.before.server)
    parts = [updates.parts[country] for country in sorted(group)]
    return aggregation.aggregated(server, strategy, plan, updates.before, parts, {}, updates.countries).model


def _scorer(records: Sequence[Records], plan: Plan) -> Callable[[Arrays], float]:
    """A model -> the region's headline score on validation, the larger the better."""
    task = TASKS[plan.task.name]
    name, headline = next(iter(task.scores.items()))
    module = built(task, plan.task, plan.seed)
    sign = 1.0 if headline.better == "larger" else -1.0
    scored = [each for each in records if len(each.windows["validation"])]
    assert scored, f"somebody has validation years, or {name} would be of nobody"

    def score(model: Arrays) -> float:
        weights = {key: torch.from_numpy(value) for key, value in model.items()}
        sums = []
        for each in scored:
            windows = each.windows["validation"]
            forecast = task.forecast(output_of(module, weights, windows), windows)
            sums.append(headline.sums(each.evaluated("validation", forecast)))
        return sign * float(headline.estimate(merge(sums)).value[-1])

    return score


def _sum(country: str, by_round: Sequence[Shares]) -> Contribution:
    def total(of: Callable[[Shares], Mapping[str, float]]) -> float:
        return sum(of(each).get(country, 0.0) for each in by_round)

    return Contribution(
        country=country,
        shapley=total(lambda each: each.shapley),
        error=sqrt(sum(each.error.get(country, 0.0) ** 2 for each in by_round)),
        left_out=total(lambda each: each.left_out),
    )
