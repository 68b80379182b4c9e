"""A country's own look at its privacy budget: what is spent, what is left, and on which runs."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from federation.deployment.node import own_ledger
from federation.policy.keys import Policy
from federation.vault.noised import budget
from federation.vault.noised.budget import Spending


def lines(home: Path, policy: Policy) -> Iterator[str]:
    """A line a budget, then a line a run, oldest first. Raises LedgerError for charges that were changed."""
    if not own_ledger.is_home(home):
        yield f"nothing is spent: epsilon {policy.epsilon:g} at delta {policy.delta:g} is left"
        return
    with closing(own_ledger.open_own(home)) as database:
        budget.verify(database)
        known = budget.spendings(database, policy.country)
        for limit in budget.limits(database, policy):
            used = budget.spent(known, policy.delta, since=limit.since)
            rest = budget.left(known, limit, policy.delta)
            yield (
                f"{limit.key}: epsilon {used:.2f} of {limit.epsilon:g}{limit.period} is spent at delta "
                f"{policy.delta:g}; a run may cost {rest:.2f} more"
            )
    for run in dict.fromkeys(each.run for each in known):
        yield _of_run(run, [each for each in known if each.run == run], policy.delta)


def summary(home: Path, policy: Policy) -> str:
    """The first of these lines."""
    return next(lines(home, policy))


def _of_run(run: str, own: list[Spending], delta: float) -> str:
    rounds = sum(each.charge.kind == "gaussian" for each in own)
    tested = "and the test" if len(own) > rounds else "no test yet"
    return (
        f"  {run}: epsilon {budget.spent(own, delta):.2f}, {rounds} round{'s' * (rounds != 1)} {tested}, "
        f"from {own[0].time:%Y-%m-%d}"
    )
