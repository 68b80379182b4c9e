"""Which plans can run under differential privacy: those of which nothing leaves a country but what is noised."""

from collections.abc import Iterator

from federation.errors import ConfigError
from federation.settings.plan import Plan
from federation.strategies.strategy import Strategy, nothing_shared
from federation.training.jobs import ClientHalf
from tasks.task import Task

OWN = ("federated", "local")
MEAN = ("sum", "count", "variance")  # of the sums of a score that is a mean


def check(plan: Plan, task: Task, strategy: Strategy) -> None:
    """Raise ConfigError naming everything of the plan that would tell of a place without noise, and what to set."""
    reasons = [*_of_task(plan, task), *_of_strategy(plan, strategy), *_of_plan(plan)]
    if reasons:
        raise ConfigError(f"protection={plan.protection}: {'; '.join(reasons)}")


def _of_task(plan: Plan, task: Task) -> Iterator[str]:
    if not task.unit_local:
        yield (
            f"task={task.name} scales a place by the records of others, so that no bound on one place holds; "
            f"only a task whose windows can be made of one place's records alone can be trained so"
        )
    for key, value in task.unit_local.items():
        if getattr(plan.task, key) != value:
            yield f"other places' records reach a place's windows; set task.{key}={value}"
    headline, score = next(iter(task.scores.items()))
    if task.unit_local and score.names != MEAN:
        yield f"the headline score {headline} is no mean, and only a mean can be noised"
    if plan.task.calendar.unaligned:
        yield "task.calendar.unaligned=true cuts by the newest records; leave it out"


def _of_strategy(plan: Plan, strategy: Strategy) -> Iterator[str]:
    name = plan.strategy.name
    if plan.strategy.private:
        yield f"strategy={name} trains weights that stay at home, which one noised step cannot; set strategy=fedavg"
        return
    if strategy.client(plan.strategy) != ClientHalf() or strategy.shared is not nothing_shared:
        yield f"strategy={name} does more in a country than one step of a gradient; set strategy=fedavg"
    elif strategy.reads_claims:
        yield f"strategy={name} weighs updates by steps or losses, which no country tells; set strategy=fedavg"


def _of_plan(plan: Plan) -> Iterator[str]:
    if plan.keep_best:
        yield "no validation score leaves by which rounds are chosen; set keep_best=0"
    if plan.record_years is not None:
        yield "record_years cuts by the first records; leave it out"
    if strange := [arm for arm in plan.arms if arm not in OWN]:
        yield f"no score of {', '.join(strange)} leaves; set arms=[federated]"
